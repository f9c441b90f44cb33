"""The state of a run, written so that it can be gone on from, and so that nothing that is read can run code.

checkpoints/000001500-00000.safetensors   what one worker wrote of weights, average, optimiser, best weights so far
checkpoints/000001500.json                written last: step, what the files hold, checksums; with it they count

A checkpoint that is torn or has a bit flipped is passed over for the one before, by all workers alike.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import Tensor

from pipeline.errors import ModelError, StorageError
from pipeline.shards.plan import digest_of
from pipeline.storage import Location
from pipeline.training.sharded_files import Tensors, save_tensors, tensors_from
from pipeline.training.world import World

FORMAT = "ancestral-checkpoint"
FORMAT_VERSION = 2
FOLDER = "checkpoints"

MOST_LOOKS = 10
SECONDS_BETWEEN_LOOKS = 0.5
"""For checkpoints, where others come and go meanwhile: another command writes them, or a listing is late."""


@dataclass(frozen=True)
class Best:
    """The best held-out bits so far, and the step after which they were measured."""

    step: int
    bits: float


@dataclass(frozen=True)
class Tally:
    """What has been counted since the last line of metrics: the line is the same after a restart.

    `waited_s` of the `seconds` were spent waiting for batches, on average over the workers. `gradient_norm` is that of
    the last step, before it was clipped.
    """

    nats: float = 0.0
    num_levels: int = 0
    seconds: float = 0.0
    waited_s: float = 0.0
    gradient_norm: float = 0.0

    def plus(self, later: "Tally") -> "Tally":
        """The two together."""
        return Tally(
            self.nats + later.nats,
            self.num_levels + later.num_levels,
            self.seconds + later.seconds,
            self.waited_s + later.waited_s,
            later.gradient_norm,
        )


@dataclass(frozen=True)
class Position:
    """How far a run has come: `step` steps are done, `num_levels` levels were scored in them, in `seconds`.

    `waited_s` of those were spent waiting for batches, on average over the workers.
    Its random numbers are functions of seed and step alone. `train_bits` is that of the last line of metrics, kept here
    so that the end of a run needs nothing of `metrics.jsonl`, which is for people.
    """

    step: int = 0
    num_levels: int = 0
    seed: int = 0
    plan_digest: str = ""
    best: Best | None = None
    tally: Tally = field(default_factory=Tally)
    seconds: float = 0.0
    train_bits: float | None = None
    waited_s: float = 0.0


@dataclass(frozen=True)
class Checkpoint:
    """A position, and which tensors go with it."""

    position: Position
    tensors: Tensors


def save_checkpoint(run: Location, position: Position, tensors: Mapping[str, Tensor], keep: int, world: World) -> None:
    """Every worker writes its tensors, then rank 0 the page that makes them count; then all but `keep` are dropped.

    Later ones than this are dropped too: they were passed over when the run was gone on with, and none of the sound
    ones that are written from now on may go in their stead.
    """
    folder = run / FOLDER

    def finish(written: Tensors) -> None:
        page = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "position": asdict(position),
            **written.to_plain(),
        }
        place = folder / page_name(position.step)
        place.write_text(json.dumps({**page, "digest": digest_of(page)}, indent=1) + "\n")
        drop_others(folder, position.step, keep)

    save_tensors(folder, f"{position.step:09d}", tensors, world, finish)


def find_checkpoint(run: Location, plan_digest: str, world: World) -> tuple[Checkpoint | None, list[str]]:
    """The last whole checkpoint of this plan, if any, and a note on each that was passed over; alike on all workers.

    Another command may train into the same folder, and drop what was just found: then it is looked for again.
    ModelError where workers do not find the same, however often they look.
    """
    for _ in range(MOST_LOOKS):
        try:
            return look_for_checkpoint(run, plan_digest, world)
        except Gone:
            time.sleep(SECONDS_BETWEEN_LOOKS)
    raise ModelError(f"{run}: the workers found different checkpoints; expected a folder that all can read.")


def look_for_checkpoint(run: Location, plan_digest: str, world: World) -> tuple[Checkpoint | None, list[str]]:
    """One look; Gone where a worker does not find what the first has found."""
    folder, notes = run / FOLDER, list[str]()
    for step in sorted(found_together(run, world), reverse=True):
        try:
            checkpoint = read_page_together(folder, step, plan_digest, world)
            require_whole(folder, checkpoint.tensors.files, world)
            return checkpoint, notes
        except PassedOver as error:
            if world.sum([float(step not in steps_in(folder))])[0]:
                raise Gone from None
            notes.append(f"{error} Going on from the checkpoint before it.")
    return None, notes


class PassedOver(ModelError):
    """A checkpoint that cannot be gone on from; the one before may."""


class Gone(Exception):
    """What was there a moment ago; the same on all workers."""


def found_together(run: Location, world: World) -> list[int]:
    """The steps that the first worker finds a page of, on every worker; Gone where some find none at all."""
    steps = steps_in(run / FOLDER)
    if world.sum([float(bool(steps))])[0] not in (0, world.size):
        raise Gone
    return shared_by_first(steps, world)


def shared_by_first(numbers: list[int], world: World) -> list[int]:
    """The first worker's numbers, on every worker."""
    is_first = world.rank == 0
    count = int(world.sum([float(len(numbers)) * is_first])[0])
    own = [float(number) for number in numbers] if is_first else [0.0] * count
    return [int(number) for number in world.sum(own)] if count else []


def read_page_together(folder: Location, step: int, plan_digest: str, world: World) -> Checkpoint:
    """A checkpoint's page; PassedOver on every worker where one of them finds something wrong with it."""
    wrong, checkpoint = "", None
    try:
        checkpoint = read_page(folder, step, plan_digest)
    except PassedOver as error:
        wrong = str(error)
    (first,) = shared_by_first([number_of(checkpoint)], world)
    if world.sum([float(checkpoint is None or number_of(checkpoint) != first)])[0] or checkpoint is None:
        raise PassedOver(wrong or f"{folder / page_name(step)}: another worker found this checkpoint otherwise.")
    return checkpoint


def number_of(checkpoint: Checkpoint | None) -> int:
    """A number that tells checkpoints apart, and can be added up: two commands may write one of the same step."""
    return int(digest_of(dict(checkpoint.tensors.files))[:12], 16) if checkpoint else 0


def read_page(folder: Location, step: int, plan_digest: str) -> Checkpoint:
    """A checkpoint's page; PassedOver says what is wrong with it."""
    place = folder / page_name(step)
    try:
        page = json.loads(bytes_of_page(folder, step))
        digest = page.pop("digest")
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise PassedOver(f"{place}: this checkpoint is damaged ({error}).") from error
    if digest_of(page) != digest:
        raise PassedOver(f"{place}: this checkpoint is damaged: its checksum differs.")
    position = position_from(page, str(place))
    if position.plan_digest != plan_digest:
        raise PassedOver(f"{place}: this checkpoint is of another run.")
    return Checkpoint(position, tensors_from(page))


def bytes_of_page(folder: Location, step: int) -> bytes:
    """The page; PassedOver where it is gone since it was found."""
    try:
        return (folder / page_name(step)).read_bytes()
    except StorageError:
        if step in steps_in(folder):
            raise
        raise PassedOver(f"{folder / page_name(step)}: this checkpoint is gone.") from None


def position_from(page: Mapping[str, Any], where: str) -> Position:
    """The position on a page whose checksum is right."""
    if page.get("format") != FORMAT or page.get("format_version") != FORMAT_VERSION:
        raise PassedOver(
            f"{where}: expected a checkpoint of format {FORMAT!r}, version {FORMAT_VERSION}; another release wrote it."
        )
    data = page["position"]
    best = Best(**data["best"]) if data["best"] else None
    return Position(**{**data, "best": best, "tally": Tally(**data["tally"])})


def require_whole(folder: Location, files: Mapping[str, str], world: World) -> None:
    """PassedOver, on every worker, unless each file has its checksum. The workers share the reading."""
    names = sorted(files)
    wrong = [0.0] * len(names)
    for at in range(world.rank, len(names), world.size):
        wrong[at] = float(state_of(folder, names[at], files[names[at]]))
    for name, state in zip(names, world.sum(wrong), strict=True):
        if state == MISSING:
            raise PassedOver(f"{folder / name}: the tensors of this checkpoint are missing.")
        if state == DAMAGED:
            raise PassedOver(f"{folder / name}: this checkpoint is damaged: its checksum differs.")


WHOLE, MISSING, DAMAGED = 0, 1, 2


def state_of(folder: Location, name: str, sha256: str) -> int:
    """Whether a file is what was written. What is not there is told by reading: a store may remember what it listed."""
    try:
        content = (folder / name).read_bytes()
    except StorageError:
        if name in folder.names():
            raise
        return MISSING
    return WHOLE if hashlib.sha256(content).hexdigest() == sha256 else DAMAGED


def drop_others(folder: Location, last: int, keep: int) -> None:
    """Remove all but the `keep` up to `last`, each page before its tensors; and tensors that never got their page."""
    folder.remove_partials()
    kept = set(sorted(step for step in steps_in(folder) if step <= last)[-keep:])
    for name in sorted(folder.names(), key=lambda name: (name[:9], not name.endswith(".json"))):
        stem = name.split(".")[0].split("-")[0]
        if stem.isdigit() and int(stem) not in kept:
            (folder / name).remove()


def steps_in(folder: Location) -> list[int]:
    """The steps that have a page."""
    stems = (name.removesuffix(".json") for name in folder.names() if name.endswith(".json"))
    return [int(stem) for stem in stems if stem.isdigit()]


def last_step(run: Location) -> int:
    """The step of the last checkpoint, whole or not; 0 where there is none."""
    return max(steps_in(run / FOLDER), default=0)


def page_name(step: int) -> str:
    """The page's file."""
    return f"{step:09d}.json"
