import io

import numpy as np
import pytest
import soundfile
from PIL import Image

from pipeline.audio.companding import decode_levels, encode_fast
from pipeline.generation.export import drop_exported, export_shard, file_stem, png_bytes, wav_bytes
from pipeline.shards.schema import AudioConventions, ImageConventions
from pipeline.storage import Location

AUDIO = AudioConventions(sample_rate_hz=8000)


@pytest.mark.parametrize("companding", ["mu-law", "linear"])
def test_a_wav_file_gives_every_level_back_to_another_reader(companding: str) -> None:
    conventions = AudioConventions(8000, companding)  # type: ignore[arg-type]
    levels = np.arange(256, dtype=np.uint8)
    x, sample_rate_hz = soundfile.read(io.BytesIO(wav_bytes(levels.tobytes(), conventions)), dtype="float32")
    assert (sample_rate_hz, x.ndim) == (8000, 1)
    exact = np.minimum(decode_levels(levels, 256, conventions.companding), 1 - 2**-15)  # the largest 16-bit value
    assert np.abs(x - exact).max() <= 2**-16
    assert encode_fast(x.astype(np.float32), 256, conventions.companding).tolist() == levels.tolist()


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_a_png_file_has_the_rows_pixels(channels: int, mode: str) -> None:
    levels = (np.arange(6 * channels) % 8).astype(np.uint8)
    image = Image.open(io.BytesIO(png_bytes(levels.tobytes(), ImageConventions(2, 3, channels, 8))))
    assert (image.mode, image.size) == (mode, (3, 2))
    assert (np.asarray(image).flatten() // 32).tolist() == levels.tolist()


def test_plain_ids_name_their_files_and_others_get_a_digest() -> None:
    assert file_stem("000001-0000") == "000001-0000"
    stems = [file_stem(name) for name in ("../x", "..", "a/b", "a b", "a_b", "A_b", "a" * 300, "a" * 301, "é", "è")]
    assert len({stem.lower() for stem in stems}) == len(stems)
    for stem in stems:
        assert "/" not in stem
        assert not stem.startswith(".")
        assert len(stem.encode()) <= 100


def test_files_stand_below_their_shard_and_stale_ones_go(folder: Location) -> None:
    def row(item_id: str) -> dict[str, object]:
        return {"item_id": item_id, "levels": bytes(range(18))}

    export_shard(folder, 0, [row("picture")], ImageConventions(2, 3, 3, 256))
    assert (folder / "png/000000").names() == ["picture.png"]
    export_shard(folder, 0, [row("a"), row("../../b")], AUDIO)
    assert (folder / "wav/000000").names() == [file_stem("../../b") + ".wav", "a.wav"]
    export_shard(folder, 0, [row("c")], AUDIO)
    export_shard(folder, 1, [row("d")], AUDIO)
    assert (folder / "wav/000000").names() == ["c.wav"]
    drop_exported(folder, 1)
    assert (folder / "wav").names() == ["000000"]
    assert (folder / "png/000000").names() == ["picture.png"]
    drop_exported(folder, 0)
    assert (folder / "wav").names() == (folder / "png").names() == []
