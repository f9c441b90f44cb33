"""The state of a run, written so that it can be gone on from, and so that nothing that is read can run code.

checkpoints/000001500.safetensors   weights, their average, the optimiser, the best weights so far
checkpoints/000001500.json          written last: step, checksums, the best bits so far; with it the checkpoint counts

A checkpoint that is torn or has a bit flipped is passed over for the one before.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from pipeline.errors import ModelError
from pipeline.model_folder import contiguous
from pipeline.shards.plan import digest_of
from pipeline.storage import Location
from pipeline.training.step import Learner

FORMAT = "ancestral-checkpoint"
FORMAT_VERSION = 1
FOLDER = "checkpoints"


@dataclass(frozen=True)
class Best:
    """The best held-out bits so far, and the step after which they were measured."""

    step: int
    bits: float


@dataclass(frozen=True)
class Tally:
    """What has been counted since the last line of metrics: the line is the same after a restart."""

    nats: float = 0.0
    num_levels: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Position:
    """How far a run has come: `step` steps are done, `num_levels` levels were scored in them, in `seconds`.

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


@dataclass(frozen=True)
class Checkpoint:
    """A position and the tensors that go with it."""

    position: Position
    tensors: Mapping[str, Tensor]


def save_checkpoint(run: Location, checkpoint: Checkpoint, keep: int) -> None:
    """Write the tensors, then the page that makes them count; then drop all but the last `keep`."""
    folder, step = run / FOLDER, checkpoint.position.step
    data = safetensors.torch.save(contiguous(checkpoint.tensors))
    page: dict[str, Any] = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "position": asdict(checkpoint.position),
        "tensors_sha256": hashlib.sha256(data).hexdigest(),
    }
    (folder / tensors_name(step)).write_bytes(data)
    (folder / page_name(step)).write_text(json.dumps({**page, "digest": digest_of(page)}, indent=1) + "\n")
    drop_old(folder, keep)


def load_checkpoint(run: Location, plan_digest: str) -> tuple[Checkpoint | None, list[str]]:
    """The last whole checkpoint of this plan, if any, and a note on each that was passed over."""
    notes: list[str] = []
    for step in sorted(steps_in(run / FOLDER), reverse=True):
        try:
            return read_checkpoint(run / FOLDER, step, plan_digest), notes
        except ModelError as error:
            notes.append(f"{error} Going on from the checkpoint before it.")
    return None, notes


def read_checkpoint(folder: Location, step: int, plan_digest: str) -> Checkpoint:
    """One checkpoint, its checksums compared; ModelError says what is wrong with it."""
    place = folder / page_name(step)
    try:
        page = json.loads(place.read_bytes())
        digest = page.pop("digest")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ModelError(f"{place}: this checkpoint is damaged ({error}).") from error
    if digest_of(page) != digest:
        raise ModelError(f"{place}: this checkpoint is damaged: its checksum differs.")
    position = position_from(page, str(place))
    if position.plan_digest != plan_digest:
        raise ModelError(f"{place}: this checkpoint is of another run.")
    return Checkpoint(position, read_tensors(folder / tensors_name(step), page["tensors_sha256"]))


def position_from(page: Mapping[str, Any], where: str) -> Position:
    """The position on a page whose checksum is right."""
    if page.get("format") != FORMAT or page.get("format_version") != FORMAT_VERSION:
        raise ModelError(
            f"{where}: expected a checkpoint of format {FORMAT!r}, version {FORMAT_VERSION}; another release wrote it."
        )
    data = page["position"]
    best = Best(**data["best"]) if data["best"] else None
    return Position(**{**data, "best": best, "tally": Tally(**data["tally"])})


def read_tensors(place: Location, sha256: str) -> dict[str, Tensor]:
    """The tensors beside a page."""
    if not place.is_file():
        raise ModelError(f"{place}: the tensors of this checkpoint are missing.")
    data = place.read_bytes()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ModelError(f"{place}: this checkpoint is damaged: its checksum differs.")
    try:
        return dict(safetensors.torch.load(data))
    except safetensors.SafetensorError as error:
        raise ModelError(f"{place}: this checkpoint is damaged ({error}).") from error


def drop_old(folder: Location, keep: int) -> None:
    """Remove all but the last `keep`, each page before its tensors; and tensors that never got their page."""
    folder.remove_partials()
    kept = set(sorted(steps_in(folder))[-keep:])
    for name in sorted(folder.names()):  # .json sorts before .safetensors
        stem = name.split(".")[0]
        if stem.isdigit() and int(stem) not in kept:
            (folder / name).remove()


def steps_in(folder: Location) -> list[int]:
    """The steps that have a page."""
    stems = (name.removesuffix(".json") for name in folder.names() if name.endswith(".json"))
    return [int(stem) for stem in stems if stem.isdigit()]


def last_step(run: Location) -> int:
    """The step of the last checkpoint, whole or not; 0 where there is none."""
    return max(steps_in(run / FOLDER), default=0)


def tensors_name(step: int) -> str:
    """The tensors' file."""
    return f"{step:09d}.safetensors"


def page_name(step: int) -> str:
    """The page's file."""
    return f"{step:09d}.json"


def tensors_of(learner: Learner, best: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """All tensors of a run under one roof: `model.`, `average.`, `best.`, `optimiser.NUMBER.`."""
    tensors = {f"model.{name}": tensor for name, tensor in learner.model.state_dict().items()}
    tensors |= {f"average.{name}": tensor for name, tensor in learner.average.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in best.items()}
    for number, state in learner.optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{number}.{name}": torch.as_tensor(value) for name, value in state.items()}
    return tensors


def restore(learner: Learner, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Put a checkpoint's tensors back; returns the best weights."""
    learner.model.load_state_dict(below("model.", tensors))
    learner.average.load_state_dict(below("average.", tensors))
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in below("optimiser.", tensors).items():
        number, name = key.split(".", 1)
        state.setdefault(int(number), {})[name] = value
    groups = learner.optimiser.state_dict()["param_groups"]
    learner.optimiser.load_state_dict({"state": state, "param_groups": groups})
    return below("best.", tensors)


def below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin so, without that beginning."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
