"""What an item must be like to become a row."""

import math
from dataclasses import dataclass, fields
from typing import Literal

from pipeline.generation.accept.fingerprint import NUM_BITS

Bounds = tuple[float, float]
"""The least and the most, both still accepted."""

ANY: Bounds = (-math.inf, math.inf)


@dataclass(frozen=True)
class AcceptConfig:
    """Bounds of what is measured of an item; the defaults accept all. Each rejected item is listed with its reason.

    bits: exact bits per timestep, or per dimension, of what was drawn, under the model. An item that the model finds
        far too likely hums or is empty, one that it finds far too unlikely has gone astray.
    clipped_share: of timesteps, at the lowest or the highest level. silence_share: of frames of 10 ms, whose mean
        square lies below `silence_db` (full scale is 0). sounding_s: from the first frame that is no silence to the
        last. f0_hz: the median of the voiced frames, by dio; an item without voice has none, and is rejected where
        bounds are given.
    same_bits: items whose fingerprints (64 bits) differ in so many bits or fewer are nearly the same. `against` says
        what an item is compared with: "items", the accepted ones before it in the order of the requests; "training",
        the training split that the model was trained on, at `training_dataset` (else where the model says); "both".
    function: FILE.py:NAME of a function of your own, called with the row (a mapping by column) and its waveform in
        [-1, 1] or picture [H, W, C]; it returns True, or False, or text that says why not. It must be a function of
        these alone, or items depend on more than they should.
    max_attempts: how often an item is drawn until it is accepted, each time as another item (ID, ID.1, ID.2). 1 draws
        once: what is rejected is missing. More makes counts those of accepted items: 10,000 of each class are 10,000.
    """

    bits: Bounds = ANY
    clipped_share: Bounds = ANY
    silence_share: Bounds = ANY
    silence_db: float = -50.0
    sounding_s: Bounds = ANY
    f0_hz: Bounds = ANY
    against: Literal["nothing", "items", "training", "both"] = "nothing"
    same_bits: int = 0
    training_dataset: str = ""
    function: str = ""
    max_attempts: int = 1

    def __post_init__(self) -> None:
        for name in ("bits", "clipped_share", "silence_share", "sounding_s", "f0_hz"):
            least, most = getattr(self, name)
            if not least <= most:
                raise ValueError(f"{name} must be [least, most], got [{least:g}, {most:g}]")
        if not 0 <= self.same_bits < NUM_BITS // 2:
            raise ValueError(f"same_bits must be from 0 to {NUM_BITS // 2 - 1}, got {self.same_bits}")
        if self.max_attempts < 1:
            raise ValueError(f"max_attempts must be at least 1, got {self.max_attempts}")
        if self.function and not all(self.function.rpartition(":")[::2]):
            raise ValueError(f"function must be FILE.py:NAME, got {self.function!r}")
        self._refuse_vain()

    def _refuse_vain(self) -> None:
        is_vain = {
            "silence_db": self.silence_share == ANY and self.sounding_s == ANY,
            "same_bits": self.against == "nothing",
            "training_dataset": not self.with_training,
            "max_attempts": self.is_open,
        }
        for name, needed in NEEDED.items():
            if is_vain[name] and getattr(self, name) != getattr(type(self), name):
                raise ValueError(f"{name} says nothing without {needed}; give that too, or leave {name} out")

    @property
    def is_open(self) -> bool:
        """Whether every item is accepted."""
        return all(getattr(self, field.name) == field.default for field in fields(self) if field.name in DECIDING)

    @property
    def among_items(self) -> bool:
        """Whether items of the dataset are compared with each other."""
        return self.against in ("items", "both")

    @property
    def with_training(self) -> bool:
        """Whether items are compared with what the model was trained on."""
        return self.against in ("training", "both")


DECIDING = ("bits", "clipped_share", "silence_share", "sounding_s", "f0_hz", "against", "function")
NEEDED = {
    "silence_db": "silence_share or sounding_s",
    "same_bits": "against",
    "training_dataset": "against=training or against=both",
    "max_attempts": "something that items must be like",
}
"""Settings that change nothing by themselves → what they belong to."""

AUDIO_ONLY = ("clipped_share", "silence_share", "sounding_s", "f0_hz")
"""What is measured of waveforms alone."""
