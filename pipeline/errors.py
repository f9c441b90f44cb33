"""Everything that can go wrong in a way we can explain.

    AncestralError                 shown to the user as one message, without a traceback; the command exits with 1
    ├── ConfigError                a setting that is unknown, of the wrong type or contradicts another
    ├── CorpusError                what was given is no corpus that we can read
    ├── DatasetError               a dataset that is missing, unfinished, damaged, or of another kind or version
    ├── ModelError                 the same for an exported model, or a checkpoint
    ├── RequestError               a request for something that the model cannot make
    ├── OccupiedError              an output folder that holds something else
    ├── StorageError               storage refused: disk full, no permission, not found
    │   └── PassingStorageError    storage timed out or broke the connection, and went on doing so while it was retried
    ├── TooManyFailures            more bad items than the config allows
    ├── MissingExtra               an optional dependency is needed and not installed
    ├── DisagreementError          a machine that draws otherwise than the model says
    ├── ClusterError               no Ray at this address, or it went away
    └── Interrupted                Ctrl-C: stopped cleanly, the same command goes on
    ItemError                      one bad item: recorded in failures.parquet, never stops a run by itself

A message says what was expected, what came, where, and what to do next.
"""

from typing import Any


class AncestralError(Exception):
    """Base of everything that is the user's to mend; `str()` of it is the whole message."""


class ConfigError(AncestralError):
    """A setting that is unknown, of the wrong type, or contradicts another."""


class CorpusError(AncestralError):
    """What was given is no corpus that we can read."""


class DatasetError(AncestralError):
    """A dataset that is missing, unfinished, damaged, or of another kind or format version."""


class ModelError(AncestralError):
    """An exported model or a checkpoint that is missing, damaged, or of another kind or format version."""


class RequestError(AncestralError):
    """A request for something that the model cannot make."""


class OccupiedError(AncestralError):
    """An output folder that holds something else."""


class StorageError(AncestralError):
    """Storage refused: disk full, no permission, not found."""


class PassingStorageError(StorageError):
    """Storage timed out or broke the connection: another try may pass, and several have been made."""


class TooManyFailures(AncestralError):
    """More bad items than `max_failure_share` allows."""


class MissingExtra(AncestralError):
    """An optional dependency is needed and not installed."""


class DisagreementError(AncestralError):
    """A machine whose fast path gives other probabilities than the model's definition: what it draws is not trusted."""


class ClusterError(AncestralError):
    """No Ray at this address, or it went away."""


class Interrupted(AncestralError):
    """Ctrl-C: what was finished is kept, and the same command goes on from there."""


class ItemError(Exception):
    """One bad item. `stage` is where it was found (read, decode, phones, ...); the message is the reason."""

    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(reason)
        self.stage = stage
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep both arguments when Ray carries the error between processes."""
        return type(self), (self.stage, self.reason)
