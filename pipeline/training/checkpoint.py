"""The state of a run, written so that it can be gone on from, and so that nothing that is read can run code.

checkpoints/000001500-00000.safetensors   what one worker wrote of weights, average, optimiser, best weights so far
checkpoints/000001500.json                written last: step, what the files hold, checksums; with it they count

A checkpoint that is torn or has a bit flipped is passed over for the one before, by all workers alike.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import Tensor

from pipeline.errors import ModelError
from pipeline.shards.plan import digest_of
from pipeline.storage import Location
from pipeline.training.sharded_files import Tensors, save_tensors, tensors_from
from pipeline.training.world import World

FORMAT = "ancestral-checkpoint"
FORMAT_VERSION = 2
FOLDER = "checkpoints"


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
    """The last whole checkpoint of this plan, if any, and a note on each that was passed over; alike on all workers."""
    folder, notes = run / FOLDER, list[str]()
    steps = sorted(steps_in(folder), reverse=True)
    require_agreement(run, len(steps), world)
    for step in steps:
        require_agreement(run, step, world)
        try:
            checkpoint = read_page_together(folder, step, plan_digest, world)
            require_whole(folder, checkpoint.tensors.files, world)
            return checkpoint, notes
        except PassedOver as error:
            notes.append(f"{error} Going on from the checkpoint before it.")
    return None, notes


class PassedOver(ModelError):
    """A checkpoint that cannot be gone on from; the one before may."""


def require_agreement(run: Location, number: int, world: World) -> None:
    """A ModelError on every worker unless all of them have found the same number."""
    is_other = world.sum([float(number)])[0] != number * world.size
    if world.sum([float(is_other)])[0]:
        raise ModelError(f"{run}: the workers found different checkpoints; expected a folder that all can read.")


def read_page_together(folder: Location, step: int, plan_digest: str, world: World) -> Checkpoint:
    """A checkpoint's page; PassedOver on every worker where one of them finds something wrong with it."""
    wrong, checkpoint = "", None
    try:
        checkpoint = read_page(folder, step, plan_digest)
    except PassedOver as error:
        wrong = str(error)
    if world.sum([float(checkpoint is None)])[0] or checkpoint is None:
        raise PassedOver(wrong or f"{folder / page_name(step)}: another worker found this checkpoint damaged.")
    return checkpoint


def read_page(folder: Location, step: int, plan_digest: str) -> Checkpoint:
    """A checkpoint's page; PassedOver says what is wrong with it."""
    place = folder / page_name(step)
    try:
        page = json.loads(place.read_bytes())
        digest = page.pop("digest")
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise PassedOver(f"{place}: this checkpoint is damaged ({error}).") from error
    if digest_of(page) != digest:
        raise PassedOver(f"{place}: this checkpoint is damaged: its checksum differs.")
    position = position_from(page, str(place))
    if position.plan_digest != plan_digest:
        raise PassedOver(f"{place}: this checkpoint is of another run.")
    return Checkpoint(position, tensors_from(page))


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
        wrong[at] = float(state_of(folder / names[at], files[names[at]]))
    for name, state in zip(names, world.sum(wrong), strict=True):
        if state == MISSING:
            raise PassedOver(f"{folder / name}: the tensors of this checkpoint are missing.")
        if state == DAMAGED:
            raise PassedOver(f"{folder / name}: this checkpoint is damaged: its checksum differs.")


WHOLE, MISSING, DAMAGED = 0, 1, 2


def state_of(place: Location, sha256: str) -> int:
    """Whether a file is what was written."""
    if not place.is_file():
        return MISSING
    return WHOLE if hashlib.sha256(place.read_bytes()).hexdigest() == sha256 else DAMAGED


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
