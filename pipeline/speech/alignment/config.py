"""What alignment can be told; every default works on minutes of speech and on thousands of hours."""

from dataclasses import dataclass, field
from typing import Literal

from pipeline.speech.alignment.gate import GateConfig


@dataclass(frozen=True)
class AlignmentConfig:
    """How the aligner is trained on the corpus, and when one of its alignments is not to be trusted."""

    training_minutes: float = 90.0
    """Chosen by a hash of the items' ids; a bound on the work. A corpus of two minutes gives a usable model already."""
    shard_minutes: float = 4.0
    """What one task counts in a pass: seconds of work."""
    shortest_s: float = 0.1
    longest_s: float = 30.0
    """Of utterances that are trained on: in longer ones a first guess strays too far."""
    start: Literal["voice", "even"] = "voice"
    """voice: after espeak-ng, which must be installed. even: sounds spread over each utterance, worse on small corpora:
    61 % of the onsets within 20 ms instead of 76 % on two minutes of TIMIT, 67 % either way on four of LJ Speech.
    """
    num_passes: tuple[int, ...] = (10, 4, 5)
    """With one Gaussian a state, with two, with four. More of either gained nothing on hand-labelled speech."""
    fewest_occurrences: int = 3
    """Sounds that are rarer in the training speech are scored as any vowel or any consonant."""
    gate: GateConfig = field(default_factory=GateConfig)

    def __post_init__(self) -> None:
        for name in ("training_minutes", "shard_minutes", "shortest_s", "fewest_occurrences"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}: expected more than 0, got {getattr(self, name)!r}")
        if self.longest_s <= self.shortest_s:
            raise ValueError(f"longest_s: expected more than shortest_s, got {self.longest_s!r}")
        if not self.num_passes or min(self.num_passes) < 1 or len(self.num_passes) > 5:
            raise ValueError(f"num_passes: expected one to five numbers of 1 or more, got {list(self.num_passes)!r}")
