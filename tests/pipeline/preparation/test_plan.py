"""Which settings a shard's digest covers: all that its rows depend on, each by itself."""

from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.preparation.config import PrepareConfig
from pipeline.preparation.plan import shard_plans, survey
from pipeline.storage import locate
from tests.corpus_builders import fsdd_corpus, write_png, write_wav

OF_ROWS = {
    "split.by": "item",
    "split.held_out_share": 0.2,
    "split.test_share": 0.2,
}
OF_CUTTING = {"shards.items_per_shard": 1, "shards.seconds_of_work": 0.001, "shards.levels_per_shard": 1}
"""Where shards end: each shard is as it was wherever it holds the same items."""
OF_AUDIO = {
    "audio.sample_rate_hz": 8_000,
    "audio.companding": "linear",
    "audio.num_levels": 128,
    "audio.trim": "silence",
    "audio.trim_threshold_db": -50.0,
    "audio.trim_margin_s": 0.1,
    "audio.level": "peak",
    "audio.loudness_lufs": -30.0,
    "audio.cut": "silence",
    "audio.media": "wav",
    "audio.allow_programs": ("flac",),
    "audio.command_s": 5.0,
    "audio.cutting.above_floor_db": 5.0,
    "audio.cutting.below_loud_db": 35.0,
    "audio.cutting.least_contrast_db": 9.0,
    "audio.cutting.min_silence_s": 0.2,
    "audio.cutting.min_piece_s": 0.9,
    "audio.cutting.max_piece_s": 19.0,
    "audio.cutting.max_silence_s": 1.4,
    "audio.cutting.margin_s": 0.05,
    "audio.peak_dbfs": -2.0,
    "audio.max_duration_s": 60.0,
    "speech.phones": "off",
    "speech.language": "de",
    "speech.pronunciation": "lexicon",
    "speech.alignment": "uniform",
    "speech.f0": "dio",
    "speech.aligner.training_minutes": 8.0,
    "speech.aligner.shard_minutes": 2.0,
    "speech.aligner.shortest_s": 0.2,
    "speech.aligner.longest_s": 25.0,
    "speech.aligner.start": "even",
    "speech.aligner.num_passes": (9, 3),
    "speech.aligner.fewest_occurrences": 4,
    "speech.aligner.gate.most_silence_share": 0.5,
    "speech.aligner.gate.odd_deviations": 2.5,
    "speech.aligner.gate.most_odd_share": 0.1,
    "speech.aligner.gate.most_deviations": 7.0,
    "speech.aligner.gate.lowest_fit_deviations": -3.0,
}
OF_IMAGES = {
    "image.height": 5,
    "image.width": 5,
    "image.channels": 1,
    "image.num_levels": 16,
    "image.filter": "box",
    "image.media": "png",
}
OF_NO_ROW = {
    "layout": "",
    "max_failure_share": 0.5,
    "failures_always_allowed": 1,
    "limits.item_s": 9.0,
    "limits.item_memory_bytes": 5,
}

OTHER: dict[str, Any] = {**OF_ROWS, **OF_CUTTING, **OF_AUDIO, **OF_IMAGES, **OF_NO_ROW}
"""For each setting a value that is not its default; the layout is the corpus's own."""


def names(config: Any, prefix: str = "") -> list[str]:
    """Every setting, as `--set` names it."""
    found: list[str] = []
    for one in fields(config):
        value = getattr(config, one.name)
        found += names(value, f"{prefix}{one.name}.") if is_dataclass(value) else [prefix + one.name]
    return found


def changed(name: str, corpus: str) -> PrepareConfig:
    """The default config but for one setting."""
    value = OTHER[name] or {"speech": "fsdd", "pictures": "image_folder"}[corpus]
    config: PrepareConfig = replaced(PrepareConfig(), name.split("."), value)
    return config


def replaced(config: Any, path: list[str], value: Any) -> Any:
    """A config with one setting below it replaced."""
    first, *rest = path
    return replace(config, **{first: replaced(getattr(config, first), rest, value) if rest else value})


def digests(folder: Path, config: PrepareConfig) -> set[str]:
    return {plan.digest for plan in shard_plans(survey(locate(str(folder)), config), config)}


@dataclass(frozen=True)
class Corpus:
    """Where it lies, and its digests by default."""

    folder: Path
    digests: set[str]


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Corpus]:
    folder = tmp_path_factory.mktemp("corpora")
    for name in ("cat/1.png", "dog/2.png"):
        write_png(folder / "pictures" / name)
    folders = {"speech": fsdd_corpus(folder / "speech"), "pictures": folder / "pictures"}
    return {name: Corpus(place, digests(place, PrepareConfig())) for name, place in folders.items()}


def test_every_setting_is_tried_here() -> None:
    assert sorted(OTHER) == sorted(names(PrepareConfig()))


@pytest.mark.parametrize(
    ("corpus", "covered"),
    [("speech", {**OF_ROWS, **OF_CUTTING, **OF_AUDIO}), ("pictures", {**OF_ROWS, **OF_IMAGES, **OF_CUTTING})],
)
@pytest.mark.parametrize("name", OTHER)
def test_a_digest_covers_what_the_rows_depend_on_and_nothing_else(
    corpora: dict[str, Corpus], corpus: str, covered: dict[str, Any], name: str
) -> None:
    before, after = corpora[corpus].digests, digests(corpora[corpus].folder, changed(name, corpus))
    if (corpus, name) == ("pictures", "shards.levels_per_shard"):
        assert before == after  # pictures are small against it: their number or their work comes first
    elif name in covered:
        assert not before & after
    else:
        assert before == after


def test_a_few_labels_tell_whether_phones_are_still_to_be_found(tmp_path: Path) -> None:
    config = PrepareConfig()
    for number in range(9):
        write_wav(tmp_path / f"{number}.wav").with_suffix(".lab").write_text("0 1000000 a\n1000000 2000000 b\n")
    found = survey(locate(str(tmp_path)), config)
    assert (found.has_texts, found.labels_have_phones) == (False, True)
    (tmp_path / "2.lab").write_text("plain text\n")
    (tmp_path / "3.lab").unlink()
    (tmp_path / "3.lab").symlink_to("nowhere")
    found = survey(locate(str(tmp_path)), config)
    assert (found.has_texts, found.labels_have_phones) == (True, False)
