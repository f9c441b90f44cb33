from pipeline.file_names import file_stem
from pipeline.generation.export import drop_exported, export_shard
from pipeline.shards.schema import AudioConventions, ImageConventions
from pipeline.storage import Location

AUDIO = AudioConventions(sample_rate_hz=8000)


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
