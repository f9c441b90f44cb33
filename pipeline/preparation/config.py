"""What preparation can be told, beside nothing: every default works on every corpus that is read."""

from dataclasses import dataclass, field
from typing import Literal

from pipeline.audio.decode import HIGHEST_RATE_HZ, LOWEST_RATE_HZ
from pipeline.audio.splitting import CutConfig
from pipeline.guarding.guard import LimitsConfig
from pipeline.shards.levels import MOST_BINS, MOST_LEVELS
from pipeline.shards.schema import Companding
from pipeline.speech.alignment.config import AlignmentConfig

LONGEST_CUT_S = 4 * 3600.0
"""Chapters of audio books last an hour; what memory can hold, the decoder limits by itself."""


@dataclass(frozen=True)
class AudioConfig:
    """How recordings become levels."""

    sample_rate_hz: int = 16_000
    """WaveNet's rate; 8 kHz halves the work where a corpus has no more."""
    companding: Companding = "mu-law"
    num_levels: int = 256
    cut: Literal["off", "silence"] = "off"
    """silence: a recording becomes a row for each piece between its pauses; off: it is one row."""
    cutting: CutConfig = field(default_factory=CutConfig)
    trim: Literal["off", "silence"] = "off"
    """Off, so that what is modelled is what was recorded; silence costs as much to train on and to draw as speech."""
    trim_threshold_db: float = -40.0
    """Below the loudest 10 ms; room noise of a quiet recording stands near -60, fricatives near -35."""
    trim_margin_s: float = 0.05
    """Kept around what sounds: onsets of plosives lie below the threshold."""
    level: Literal["off", "peak", "loudness"] = "off"
    """Off, so that loudness stays what the corpus made it. peak: the largest |x| comes to peak_dbfs. loudness: the
    integrated loudness (ITU-R BS.1770) comes to loudness_lufs, as far as the peak stays below peak_dbfs."""
    peak_dbfs: float = -1.0
    """Just below full scale: resampling later may overshoot."""
    loudness_lufs: float = -23.0
    """Of broadcasting (EBU R 128); corpora of speech lie between -30 and -16."""
    max_duration_s: float = 600.0
    """A whole book in one row is a mistake more often than a wish, and a row has to fit into memory many times."""
    media: Literal["off", "wav", "flac"] = "off"
    """A file of its own in every row (column `audio`), which `datasets` of Hugging Face plays; shards double."""
    allow_programs: tuple[str, ...] = ()
    """Programs that a Kaldi wav.scp may name before a pipe, such as flac or sph2pipe: nothing else is ever run."""
    command_s: float = 60.0
    """How long such a program may take for one recording."""

    @property
    def longest_s(self) -> float:
        """The longest recording that is read: one that is cut becomes rows that are short enough."""
        return self.max_duration_s if self.cut == "off" else max(self.max_duration_s, LONGEST_CUT_S)

    def __post_init__(self) -> None:
        expect(LOWEST_RATE_HZ <= self.sample_rate_hz <= HIGHEST_RATE_HZ, "audio.sample_rate_hz", "4000 to 192000", self)
        expect(2 <= self.num_levels <= MOST_LEVELS, "audio.num_levels", f"2 to {MOST_LEVELS}", self)
        # mu-law steps near zero would be finer than the 16 bits of the recordings.
        is_coarse = self.num_levels <= MOST_BINS or self.companding == "linear"
        expect(is_coarse, "audio.companding", f"linear, where there are more than {MOST_BINS} levels", self)
        expect(self.trim_threshold_db < 0, "audio.trim_threshold_db", "a negative number", self)
        expect(self.trim_margin_s >= 0, "audio.trim_margin_s", "0 or more", self)
        expect(self.peak_dbfs <= 0, "audio.peak_dbfs", "0 or less", self)
        expect(-70 < self.loudness_lufs <= 0, "audio.loudness_lufs", "-70 to 0", self)
        expect(self.command_s > 0, "audio.command_s", "more than 0", self)
        expect(self.max_duration_s > 0, "audio.max_duration_s", "more than 0", self)


@dataclass(frozen=True)
class SpeechConfig:
    """Where phones come from, how they are laid over the audio, and what else is taken from it.

    phones. corpus: the corpus's own times, none where it gives none. text: from the text. auto: the corpus's where it
    gives them, else from the text where there is one, else none.
    """

    phones: Literal["auto", "corpus", "text", "off"] = "auto"
    pronunciation: Literal["espeak", "lexicon"] = "espeak"
    """espeak speaks 140 languages and is GPL-3 (extra `speech`); lexicon is English alone (extra `lexicon`)."""
    alignment: Literal["hmm", "uniform"] = "hmm"
    """How phones from text find their times: by an aligner trained on the corpus itself, or spread evenly."""
    aligner: AlignmentConfig = field(default_factory=AlignmentConfig)
    language: str = "en-us"
    """The voice for items whose corpus names no language."""
    f0: Literal["off", "dio", "harvest", "pyin"] = "off"
    """Fundamental frequency, 200 values a second; dio takes a hundredth of the audio's time, the others far more."""


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
    media: Literal["off", "png"] = "off"
    """A file of its own in every row (column `image`), which Hugging Face's `datasets` shows."""

    def __post_init__(self) -> None:
        for name in ("height", "width"):
            size = getattr(self, name)
            expect(size == "corpus" or 1 <= size <= 4096, f"image.{name}", "corpus or 1 to 4096", self)
        expect(2 <= self.num_levels <= 256, "image.num_levels", "2 to 256", self)


@dataclass(frozen=True)
class ShardConfig:
    """How items are cut into shards: one holds about as much as the first of these that it reaches, twice at most.

    Where exactly, the items themselves decide (`shards/plan.py`): a corpus that grows keeps the shards it has.
    """

    items_per_shard: int = 1024
    """Small pictures reach this first."""
    seconds_of_work: float = 10.0
    """As predicted: long against a task's start (milliseconds), short against losing it."""
    levels_per_shard: int = 2**25
    """Bytes of audio: half an hour at 16 kHz. A shard is held in memory some three times while it is written."""

    def __post_init__(self) -> None:
        expect(self.seconds_of_work > 0, "shards.seconds_of_work", "more than 0", self)
        expect(self.levels_per_shard >= 1, "shards.levels_per_shard", "1 or more", self)
        expect(self.items_per_shard >= 1, "shards.items_per_shard", "1 or more", self)


@dataclass(frozen=True)
class SplitConfig:
    """What is held out, and by what: all items of one speaker or of one text stay together where it is by these.

    corpus: the corpus's own splits where it has them (`pipeline/corpora/splits.py`), else by item.
    item, speaker, text: by a hash of the item's id, its speaker or its text, whatever the corpus says; an item keeps
    its split when others are added or taken away.
    """

    held_out_share: float = 0.1
    """For validation: what chooses the best model."""
    test_share: float = 0.0
    """For a test set that nothing is chosen by, none unless asked for."""
    by: Literal["corpus", "item", "speaker", "text"] = "corpus"

    def __post_init__(self) -> None:
        expect(0 <= self.held_out_share <= 1, "split.held_out_share", "0 to 1", self)
        expect(0 <= self.test_share <= 1, "split.test_share", "0 to 1", self)
        expect(self.held_out_share + self.test_share <= 1, "split.test_share", "1 - held_out_share at most", self)


@dataclass(frozen=True)
class PrepareConfig:
    """Everything that `ancestral prepare` can be told."""

    layout: str = "auto"
    audio: AudioConfig = field(default_factory=AudioConfig)
    speech: SpeechConfig = field(default_factory=SpeechConfig)
    image: ImageConfig = field(default_factory=ImageConfig)
    shards: ShardConfig = field(default_factory=ShardConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
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
