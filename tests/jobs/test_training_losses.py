"""Which errors count as a lost worker, and how often workers are started again."""

import pytest
import torch
from ray.exceptions import ActorDiedError
from ray.train import ControllerError, WorkerGroupError

from jobs.training_losses import has_dead_worker, is_loss, raise_unless_lost, start_until_done
from pipeline.errors import AncestralError, ConfigError, StorageError
from pipeline.storage import Location

RUN = Location("memory://run")
DEAD = WorkerGroupError("", {0: ActorDiedError(), 1: RuntimeError("words of a library that nobody knows")})
RAISED = WorkerGroupError("", {0: RuntimeError("mat1 and mat2 shapes cannot be multiplied")})


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("[../third_party/gloo/gloo/transport/tcp/pair.cc:598] Connection closed by peer [127.0.0.1]"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
        torch.OutOfMemoryError("CUDA out of memory"),
        torch.distributed.DistBackendError("NCCL"),
        ConnectionResetError(),
        MemoryError(),
        ActorDiedError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_the_machine_the_network_and_memory_are_losses(error: Exception) -> None:
    assert is_loss(error)


def mistake_in_shapes() -> Exception:
    with pytest.raises(RuntimeError) as caught:
        torch.zeros(2, 3) @ torch.zeros(4, 5)
    return caught.value


@pytest.mark.parametrize(
    "error",
    [mistake_in_shapes(), NotImplementedError("NCCL"), TypeError("x"), StorageError("full"), AncestralError("x")],
    ids=lambda error: type(error).__name__,
)
def test_our_own_mistakes_and_what_a_person_can_mend_are_none(error: Exception) -> None:
    assert not is_loss(error)


def test_a_lost_worker_passes_whatever_words_the_others_found_for_it() -> None:
    assert has_dead_worker(DEAD)
    raise_unless_lost(DEAD, RuntimeError("words of a library that nobody knows"), RUN)
    raise_unless_lost(WorkerGroupError("", {}), None, RUN)
    raise_unless_lost(ControllerError(TimeoutError("no worker started")), None, RUN)
    raise_unless_lost(ActorDiedError(), None, RUN)


def test_what_a_person_can_mend_comes_out_even_where_a_worker_died() -> None:
    with pytest.raises(ConfigError, match="diverged"):
        raise_unless_lost(DEAD, ConfigError("training diverged"), RUN)


def test_a_mistake_comes_out_with_what_ray_kept() -> None:
    with pytest.raises(RuntimeError, match="shapes") as caught:
        raise_unless_lost(RAISED, RuntimeError("shapes"), RUN)
    assert caught.value.__cause__ is RAISED


def test_storage_that_refuses_the_controller_is_said_as_such() -> None:
    with pytest.raises(StorageError, match="memory://run: permission denied"):
        raise_unless_lost(ControllerError(PermissionError()), None, RUN)


def test_starts_in_vain_are_counted_from_the_last_that_came_further() -> None:
    steps = iter([0, 0, 0, 0, 5, 5, 9, 9, 9, 9, 9])
    ends = iter([False] * 10)
    assert not start_until_done(lambda: next(ends), lambda: next(steps))
    assert list(ends) == []


def test_the_end_is_the_end() -> None:
    ends = iter([False, False, True])
    assert start_until_done(lambda: next(ends), lambda: 0)
