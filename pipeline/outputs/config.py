"""What an export may be told."""

from dataclasses import dataclass
from typing import Any, Literal

from pipeline.media import AudioFormat

LayoutName = Literal["ljspeech", "vctk", "imagefolder", "webdataset", "huggingface"]

ONLY_OF: dict[str, tuple[LayoutName, ...]] = {
    "third_column": ("ljspeech",),
    "splits": ("imagefolder", "webdataset"),
}
"""Settings that mean nothing in other layouts."""


@dataclass(frozen=True)
class ExportConfig:
    """How a dataset is written for others.

    layout: whose. There is no default: what reads it is the user's to say.
    audio: the format of recordings. FLAC is without loss, too, and about half as large; fewer programs read it.
    splits: "folders" sorts pictures, or tars, into a folder for each split; "off" leaves them in one.
    third_column: of LJ Speech's metadata.csv. "normalised" is the text as it is read, as in LJ Speech itself; "speaker"
        writes lines of path|text|speaker, as corpora of several speakers are laid out that are trained on likewise.
    items_per_part, bytes_per_part: shards of the dataset are put together until they hold so many rows, or so many
        bytes: a part is what one task writes, and a tar or a Parquet file. 64 MiB of levels are about an hour at 16 kHz
        and become 128 MiB of WAV.
    """

    layout: LayoutName
    audio: AudioFormat = "wav"
    splits: Literal["folders", "off"] = "folders"
    third_column: Literal["normalised", "speaker"] = "normalised"
    items_per_part: int = 10_000
    bytes_per_part: int = 2**26

    def __post_init__(self) -> None:
        for name in ("items_per_part", "bytes_per_part"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name, layouts in ONLY_OF.items():
            if self.layout not in layouts and getattr(self, name) != default_of(name):
                raise ValueError(f"{name} is a setting of {' and '.join(layouts)} alone; leave it out of {self.layout}")


def default_of(name: str) -> Any:
    """What a setting is where nothing is said."""
    return ExportConfig.__dataclass_fields__[name].default
