"""What preparation can be told, beside nothing: every default works on every corpus that is read."""

from dataclasses import dataclass, field
from typing import Literal

from pipeline.audio.decode import HIGHEST_RATE_HZ, LOWEST_RATE_HZ
from pipeline.shards.schema import Companding


@dataclass(frozen=True)
class AudioConfig:
    """How recordings become levels."""

    sample_rate_hz: int = 16_000
    """WaveNet's rate; 8 kHz halves the work where a corpus has no more."""
    companding: Companding = "mu-law"
    num_levels: int = 256
    trim: Literal["off", "silence"] = "off"
    """Off, so that what is modelled is what was recorded; silence costs as much to train on and to draw as speech."""
    trim_threshold_db: float = -40.0
    """Below the loudest 10 ms; room noise of a quiet recording stands near -60, fricatives near -35."""
    trim_margin_s: float = 0.05
    """Kept around what sounds: onsets of plosives lie below the threshold."""
    peak: Literal["off", "normalise"] = "off"
    """Off, so that loudness stays what the corpus made it."""
    peak_dbfs: float = -1.0
    """Just below full scale: resampling later may overshoot."""
    max_duration_s: float = 600.0
    """A whole book in one file is a mistake more often than a wish, and a row has to fit into memory many times."""

    def __post_init__(self) -> None:
        expect(LOWEST_RATE_HZ <= self.sample_rate_hz <= HIGHEST_RATE_HZ, "audio.sample_rate_hz", "4000 to 192000", self)
        expect(2 <= self.num_levels <= 256, "audio.num_levels", "2 to 256", self)
        expect(self.trim_threshold_db < 0, "audio.trim_threshold_db", "a negative number", self)
        expect(self.trim_margin_s >= 0, "audio.trim_margin_s", "0 or more", self)
        expect(self.peak_dbfs <= 0, "audio.peak_dbfs", "0 or less", self)
        expect(self.max_duration_s > 0, "audio.max_duration_s", "more than 0", self)


@dataclass(frozen=True)
class SpeechConfig:
    """Where phones come from.

    corpus: the corpus's own times, none where it gives none. espeak: from the text, spread evenly over the utterance
    (`align_method` says "uniform"). auto: the corpus's where it gives them, else espeak where there is text, else none.
    """

    phones: Literal["auto", "corpus", "espeak", "off"] = "auto"
    language: str = "en-us"
    """The espeak voice for items whose corpus names no language."""


@dataclass(frozen=True)
class ImageConfig:
    """How pictures become levels. "corpus" is decided by the first readable picture, before any work is given out.

    A picture of another shape is cropped in the middle and resized (`pipeline/image/resize.py`).
    """

    height: int | Literal["corpus"] = "corpus"
    width: int | Literal["corpus"] = "corpus"
    channels: Literal[1, 3, "corpus"] = "corpus"
    num_levels: int = 256
    filter: Literal["lanczos", "box"] = "lanczos"

    def __post_init__(self) -> None:
        for name in ("height", "width"):
            size = getattr(self, name)
            expect(size == "corpus" or 1 <= size <= 4096, f"image.{name}", "corpus or 1 to 4096", self)
        expect(2 <= self.num_levels <= 256, "image.num_levels", "2 to 256", self)


@dataclass(frozen=True)
class ShardConfig:
    """How items are cut into shards."""

    items_per_shard: int = 256
    """Seconds of work at 16 kHz: long against a task's start, short against losing it."""

    def __post_init__(self) -> None:
        expect(self.items_per_shard >= 1, "shards.items_per_shard", "1 or more", self)


@dataclass(frozen=True)
class SplitConfig:
    """What is held out of a corpus that brings no validation split of its own (`pipeline/corpora/splits.py`)."""

    held_out_share: float = 0.1
    """By a hash of the item's id: an item keeps its split whatever is added to the corpus or taken from it."""

    def __post_init__(self) -> None:
        expect(0 <= self.held_out_share <= 1, "split.held_out_share", "0 to 1", self)


@dataclass(frozen=True)
class PrepareConfig:
    """Everything that `ancestral prepare` can be told."""

    layout: str = "auto"
    audio: AudioConfig = field(default_factory=AudioConfig)
    speech: SpeechConfig = field(default_factory=SpeechConfig)
    image: ImageConfig = field(default_factory=ImageConfig)
    shards: ShardConfig = field(default_factory=ShardConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    max_failure_share: float = 0.05
    """Corpora in the wild have a few bad files in a hundred; more than that is a wrong setting or a broken disk."""
    failures_always_allowed: int = 5
    """One bad file in a folder of ten is a row in failures.parquet, not the end; all items bad always is."""

    def __post_init__(self) -> None:
        expect(self.failures_always_allowed >= 0, "failures_always_allowed", "0 or more", self)
        expect(0 <= self.max_failure_share <= 1, "max_failure_share", "0 to 1", self)


def expect(holds: bool, name: str, expected: str, config: object) -> None:
    """Refuse a value out of range; the command shows this as a setting to mend."""
    if not holds:
        raise ValueError(f"{name}: expected {expected}, got {getattr(config, name.rsplit('.', 1)[-1])!r}")
