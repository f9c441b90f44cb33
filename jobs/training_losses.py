"""Which errors mean that workers of a training run were lost, and how often it is worth to start them again."""

from collections.abc import Callable

import torch
from ray.exceptions import RayError

from pipeline.errors import AncestralError, StorageError
from pipeline.storage import Location, explain

MOST_STARTS_IN_VAIN = 4
"""Workers are lost now and then; what loses them so often with no new checkpoint in between will do so again."""

LOSSES = (
    RayError,
    ConnectionError,
    TimeoutError,
    MemoryError,
    torch.OutOfMemoryError,
    torch.AcceleratorError,
    torch.distributed.DistError,
)
WORDS = ("gloo/", "NCCL", "closed by peer", "reset by peer", "Broken pipe", "DefaultCPUAllocator", "Timed out waiting")
"""What gloo and the allocator of the CPU raise is a bare RuntimeError, like a mistake in shapes: its text decides."""


def start_until_done(attempt: Callable[[], bool], steps_kept: Callable[[], int]) -> bool:
    """Attempt until one comes to the end; False after too many in a row between which the run has not come further."""
    in_vain, reached = 0, steps_kept()
    while in_vain < MOST_STARTS_IN_VAIN:
        if attempt():
            return True
        before, reached = reached, steps_kept()
        in_vain = 0 if reached > before else in_vain + 1
    return False


def raise_unless_lost(failure: Exception, told: Exception | None, run_folder: Location) -> None:
    """Raise what another start would only raise again.

    `failure` ended Ray's `fit`. `told` is what a worker took for an error of our own; where another worker has died, it
    may as well be that worker's silence in words that we do not know, and then it does not count.
    """
    if isinstance(told, AncestralError):
        raise told from None
    if told is not None and not has_dead_worker(failure):
        raise told from failure  # a mistake of ours: with the traceback that Ray kept
    cause = getattr(failure, "controller_failure", failure)
    if isinstance(cause, OSError) and not isinstance(cause, LOSSES):
        raise StorageError(explain(cause, str(run_folder))) from cause
    if isinstance(cause, AncestralError) or not (is_loss(failure) or is_training_failure(failure)):
        raise cause


def is_loss(error: Exception) -> bool:
    """Whether the machine, the network or memory is the cause, and not our own code."""
    return isinstance(error, LOSSES) or (type(error) is RuntimeError and any(word in str(error) for word in WORDS))


def has_dead_worker(failure: Exception) -> bool:
    """Whether Ray names a worker that is gone, and not only workers that raised something."""
    failures = getattr(failure, "worker_failures", {}).values()
    return any(isinstance(getattr(one, "health_check_failure", one), RayError) for one in failures)


def is_training_failure(error: Exception) -> bool:
    """Whether Ray Train says that workers, or what controls them, failed."""
    from ray.train import TrainingFailedError  # slow to import, and needed only here

    return isinstance(error, TrainingFailedError)
