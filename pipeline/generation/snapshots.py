"""Snapshots: how far a shard is drawn, so that a run which is killed loses seconds and not the shard.

    OUT/snapshots/NAME.safetensors    tensors of the sampler, all that is drawn of the shard, and as metadata:
      identity                        what the rest has to be drawn with to be the same, bit for bit
      facts                           the rest of the state (`models/sampling/state.py`), as JSON
      sha256                          of all the tensors and of the two above

One for each shard underway, written whole in place of the one before, gone once the shard is committed; one of a later
attempt has what came of those before it (`accept/attempts_snapshots.py`). It is used by a run with the same plan, code
and processor. Any other one, or a damaged one, is passed over: the shard is drawn from its beginning, and its commit
says why.

Of WaveNet with 30 layers in 64 lanes ("arch i" of the benchmarks, items of 5 s) one is 24 to 68 MiB in bfloat16 and 49
to 92 in float32, the more the longer its items are. It takes 0.07 to 0.45 s of a core: of a minute 0.1 to 0.7 %.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import safetensors
import safetensors.torch
import torch

from models.sampling.state import State
from pipeline.code_digest import code_digest
from pipeline.errors import StorageError
from pipeline.generation.config import GenerateConfig
from pipeline.generation.paths import paths_here
from pipeline.model_folder import ModelInfo
from pipeline.shards.commit import done_commit
from pipeline.shards.plan import ShardPlan
from pipeline.storage import Location

FORMAT = "ancestral-snapshot"
FORMAT_VERSION = 1

FOLDER = "snapshots"
"""Below the dataset's; no part of the dataset."""

LENGTH_BYTES = 8
"""Of a safetensors file: the first ones say how long its header is."""


class Snapshots:
    """The snapshot of one shard. `run` is what there is to say of it in the shard's commit.

    `is_made` tells whether another actor, one that drew the same shard, has committed it meanwhile.
    """

    def __init__(
        self,
        folder: Location,
        name: str,
        identity: Mapping[str, Any],
        every_s: float,
        clock: Callable[[], float] = time.monotonic,
        is_made: Callable[[], bool] = lambda: False,
    ) -> None:
        self.folder, self.place = folder, folder / f"{name}.safetensors"
        self.identity, self.every_s, self.clock, self.is_made = dict(identity), every_s, clock, is_made
        self.taken_at = self.asked_at = clock()
        self.stands = False
        self.run: dict[str, Any] = {}

    def find(self) -> State | None:
        """What an earlier run left; None where that is nothing, or not to be used here."""
        try:
            self.stands = self.place.is_file()
            return unpacked(self.place.read_bytes(), self.identity) if self.stands else None
        except (StorageError, ValueError) as error:
            self.pass_over(str(error))
        return None

    def went_on(self, num_levels: int) -> None:
        """Note from where."""
        self.run["went_on_from_levels"] = num_levels

    @property
    def was_used(self) -> bool:
        """Whether another process drew a part of this shard."""
        return "went_on_from_levels" in self.run

    def pass_over(self, reason: str) -> None:
        """Note why it is not used."""
        self.run["snapshot_passed_over"] = reason

    @property
    def age_s(self) -> float:
        """How long ago the last one was taken, or this one begun."""
        return self.clock() - self.taken_at

    def is_due(self) -> bool:
        """Whether another span like the last one would end later than a snapshot is to be taken."""
        now = self.clock()
        span_s, self.asked_at = now - self.asked_at, now
        return now + span_s - self.taken_at > self.every_s

    def write(self, state: State) -> None:
        """Put it in place. Where storage refuses, the run goes on without: what it has drawn is worth more."""
        self.taken_at = self.clock()
        try:
            if self.is_made():
                return
            if not self.stands:
                self.folder.remove_partials()
            self.place.write_bytes(packed(state, self.identity))
            self.stands = True
        except StorageError as error:
            self.run["snapshot_not_written"] = str(error)
        self.asked_at = self.clock()
        self.run["num_snapshots"] = self.run.get("num_snapshots", 0) + 1
        self.run["snapshots_took_s"] = round(self.run.get("snapshots_took_s", 0.0) + self.asked_at - self.taken_at, 3)

    def remove(self) -> None:
        """The shard is committed, or is not to be gone on with."""
        if self.stands:
            self.place.remove()
            self.stands = False


def snapshots_of(
    folder: Location, plan: ShardPlan[Any], info: ModelInfo, config: GenerateConfig, part: str = ""
) -> Snapshots:
    """Where the snapshot of this plan's shard is kept, or of a part of it, and what it has to be of."""
    identity = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "plan_digest": plan.digest,
        "part": part,
        "model_digest": info.digest,
        "code_digest": code_digest(),
        "torch": torch.__version__,
        "paths": paths_here(config),
    }
    made = partial(is_made, folder, plan)
    return Snapshots(folder / FOLDER, plan.name + part, identity, config.snapshot_every_s, is_made=made)


def is_made(folder: Location, plan: ShardPlan[Any]) -> bool:
    """Whether this plan's shard stands, whole."""
    return done_commit(folder, plan.name, plan.digest) is not None


def drop_snapshots(folder: Location) -> None:
    """Remove them all: the dataset is finished, and what is left was of shards that stand."""
    (folder / FOLDER).remove_folder()


def packed(state: State, identity: Mapping[str, Any]) -> bytes:
    """A state as the file has it."""
    metadata = {"identity": json.dumps(identity), "facts": json.dumps(state.facts)}
    metadata["sha256"] = digest(state, metadata)
    return safetensors.torch.save(state.tensors, metadata)


def unpacked(data: bytes, identity: Mapping[str, Any]) -> State:
    """The inverse; ValueError says why a file is not to be used here."""
    try:
        tensors = safetensors.torch.load(data)
        length = int.from_bytes(data[:LENGTH_BYTES], "little")
        metadata = json.loads(data[LENGTH_BYTES : LENGTH_BYTES + length]).get("__metadata__", {})
        found, facts = json.loads(metadata["identity"]), json.loads(metadata["facts"])
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"damaged: {error}") from error
    state = State(tensors, facts)
    if metadata.get("sha256") != digest(state, metadata):
        raise ValueError("damaged: its checksum is not the one it was written with")
    if others := [name for name, value in identity.items() if found.get(name) != value]:
        raise ValueError(f"of another run: its {', '.join(others)} differs")
    return state


def digest(state: State, metadata: Mapping[str, str]) -> str:
    """SHA-256 over what a snapshot holds."""
    whole = hashlib.sha256(f"{metadata['identity']}\n{metadata['facts']}\n".encode())
    for name, tensor in sorted(state.tensors.items()):
        whole.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        whole.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().data)
    return whole.hexdigest()
