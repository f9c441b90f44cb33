"""What a run will do, decided before it starts: the model that fits the dataset, and a claim on the output folder.

OUT/model.json weights.safetensors README.md   the exported model, written when the run ends
OUT/metrics.jsonl                              one line now and then: bits, learning rate, speed
OUT/run/plan.json                              this plan: what the folder is for
OUT/run/checkpoints/                           what a stopped run goes on from
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import torch

from models import MODELS, build
from models.autoregressive import Autoregressive
from models.conditioning import Upsampling
from models.distributions import Categorical
from pipeline.conditions import Conditioning
from pipeline.errors import ConfigError, ModelError, OccupiedError
from pipeline.model_folder import MODEL_FILE, ModelInfo, are_whole, read_model_info
from pipeline.plain_configs import chosen, from_plain, named_settings
from pipeline.shards.dataset import Dataset, DatasetInfo
from pipeline.shards.plan import digest_of
from pipeline.shards.schema import Conventions, ImageConventions
from pipeline.storage import Location
from pipeline.training.conditioned_rows import require_conditions
from pipeline.training.conditioning import conditioning_of
from pipeline.training.config import TrainingConfig
from pipeline.training.execution import ExecutionConfig
from pipeline.training.telling import TellingConfig

FORMAT = "ancestral-run"
FORMAT_VERSION = 1
RUN_FOLDER = "run"
PLAN_FILE = "plan.json"

IN_WORDS = {"audio": "waveforms", "image": "pictures"}

TRAIN_SPLIT = "train"
HELD_OUT_SPLIT = "validation"

MOST_SOFTMAX_LEVELS = 4096
"""12 bits. A batch of 8 windows is a gigabyte of logits then, and as much again for their gradient."""


@dataclass(frozen=True)
class RunPlan:
    """A run, whole: where it reads and writes, the model with every setting, how it is trained.

    How the work is done and what is told of it (`execution`, `telling`) do not decide the outcome. Nor does
    `keeps_validated`: a checkpoint at each validation too, for who may end the run there (a sweep).
    """

    dataset: Location
    out: Location
    dataset_digest: str
    model_name: str
    model_config: Any
    training: TrainingConfig
    conventions: Conventions
    conditioning: Conditioning
    execution: ExecutionConfig = field(default_factory=ExecutionConfig)
    telling: TellingConfig = field(default_factory=TellingConfig)
    keeps_validated: bool = False

    @property
    def digest(self) -> str:
        """What decides the outcome, and so what a checkpoint belongs to; not where things are."""
        return digest_of(self.settings())

    @property
    def run_folder(self) -> Location:
        """Where the run keeps what it needs to go on."""
        return self.out / RUN_FOLDER

    def settings(self) -> dict[str, Any]:
        """The plan as plain values, for its page and for comparing with another."""
        return {
            "dataset": {"digest": self.dataset_digest},
            "model": {"name": self.model_name, **asdict(self.model_config)},
            "training": asdict(self.training),
        }


def make_plan(dataset: Dataset, out: Location, model: Mapping[str, Any], training: TrainingConfig) -> RunPlan:
    """The plan of a run. `model` holds its name and those of its settings that the dataset does not decide."""
    settings = dict(model)
    name = settings.pop("name")
    kind, conventions = MODELS[name].kind, dataset.info.conventions
    if kind != conventions.kind:
        raise ConfigError(
            f"model {name} makes {IN_WORDS[kind]}, and {dataset.folder} holds {IN_WORDS[conventions.kind]}; "
            f"choose a recipe for {IN_WORDS[conventions.kind]}, or another dataset."
        )
    require_rows(dataset)
    conditioning = conditioning_of(
        conventions, vocabularies(dataset.info), training.condition_on, training.frame_period_s
    )
    require_conditions(dataset, conditioning, (TRAIN_SPLIT, HELD_OUT_SPLIT))
    config = fit_to_dataset(
        name,
        settings,
        conventions,
        conditioning,
        training.condition_channels,
        upsampling=training.upsampling,
        factors=training.upsampling_factors,
    )
    require_size(name, config, conventions)
    require_few_for_softmax(name, require_buildable(name, config))
    return RunPlan(dataset.folder, out, dataset.info.digest, name, config, training, conventions, conditioning)


def vocabularies(info: DatasetInfo) -> dict[str, tuple[str, ...]]:
    """The values of every column that a model can be conditioned on."""
    return {column: info.vocabulary(column) for column in info.tally.vocabularies}


def require_rows(dataset: Dataset) -> None:
    """An error where there is nothing to train on."""
    rows = dataset.info.tally.num_rows
    if not dataset.info.tally.num_levels[TRAIN_SPLIT]:
        splits = ", ".join(f"{split or 'no name'}: {count}" for split, count in sorted(rows.items()))
        raise ConfigError(
            f"{dataset.folder} has no rows of split {TRAIN_SPLIT!r} ({splits or 'it is empty'}); "
            "prepare it again with a share for training."
        )


def fit_to_dataset(
    name: str,
    settings: Mapping[str, Any],
    conventions: Conventions,
    conditioning: Conditioning,
    channels: int,
    *,
    upsampling: Upsampling = "repeat",
    factors: tuple[int, ...] = (),
) -> Any:
    """The model's config: what the dataset decides is filled in, and may not be contradicted."""
    config_type = MODELS[name].config
    known = {entry.name for entry in fields(config_type)}
    decided: dict[str, Any] = {"num_levels": conventions.num_levels}
    if isinstance(conventions, ImageConventions):
        decided["channels"] = conventions.channels
    try:
        condition = conditioning.model_config(channels, upsampling, factors)
        if "condition" in known:
            decided["condition"] = asdict(condition)
        elif not condition.is_empty:
            raise ConfigError(f"model {name} takes no condition; leave training.condition_on empty.")
        return from_plain(config_type, filled_in(config_type, settings, decided, "model."))
    except (ValueError, ModelError) as error:
        raise ConfigError(f"model {name}: {error}") from error


def require_size(name: str, config: Any, conventions: Conventions) -> None:
    """An error for pictures that a model which draws at several sizes cannot divide."""
    divisor = getattr(config, "size_divisor", 1)
    if isinstance(conventions, ImageConventions) and (conventions.height % divisor or conventions.width % divisor):
        raise ConfigError(
            f"model {name}, as it is set, takes a height and a width divisible by {divisor}, and the dataset's "
            f"pictures are {conventions.height} × {conventions.width}; prepare them in another size "
            "(--set image.height=H --set image.width=W), or give the model fewer sizes to draw at."
        )


def require_buildable(name: str, config: Any) -> Autoregressive:
    """The network without memory for weights; an error where it has something against its config."""
    try:
        with torch.device("meta"):
            return build(name, config)
    except ValueError as error:
        raise ConfigError(f"model {name}: {error}") from error


def require_few_for_softmax(name: str, model: Autoregressive) -> None:
    """An error for a softmax over more levels than memory and patience are made for; mixtures take any number."""
    distribution = model.distribution
    if isinstance(distribution, Categorical) and distribution.num_levels > MOST_SOFTMAX_LEVELS:
        raise ConfigError(
            f"model {name}, as it is set, ends in a softmax, and {distribution.num_levels} levels are more than its "
            f"{MOST_SOFTMAX_LEVELS}: it gives a number for each at every timestep. Choose a mixture for a WaveNet "
            "(--set model.input=scalar --set model.output=logistic_mixture), or prepare the dataset with fewer levels."
        )


def filled_in(config_type: Any, settings: Mapping[str, Any], decided: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Settings with what the dataset decides, in the whole and in each network that it is composed of."""
    refuse_contradictions(settings, decided, path)
    parts = {
        key: filled_in(chosen(choices, settings[key]), settings[key], decided, f"{path}{key}.")
        for key, choices in named_settings(config_type).items()
        if key in settings
    }
    return {**settings, **decided, **parts}


def refuse_contradictions(settings: Mapping[str, Any], decided: Mapping[str, Any], path: str) -> None:
    """A given setting must agree with what the dataset says."""
    for key, value in decided.items():
        if key in settings and settings[key] != value:
            raise ConfigError(
                f"{path}{key} is {settings[key]!r}, and the dataset makes it {value!r}; leave {path}{key} out, "
                "it follows from the dataset and from training.condition_on."
            )


def claim(plan: RunPlan) -> None:
    """Make the output folder this run's, or refuse one that is anything else. The same plan finds its own claim."""
    out, place = plan.out, plan.run_folder / PLAN_FILE
    if out.is_file():
        raise OccupiedError(f"{out} is a file; expected a folder to train a model into. Choose another output.")
    if place.is_file():
        compare(plan, read_plan_page(place))
        return
    if names := out.names():
        raise OccupiedError(
            f"{out} already holds something else ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''}); "
            "expected an empty folder or one in which the same training was begun. Choose another output folder."
        )
    page = {"format": FORMAT, "format_version": FORMAT_VERSION, "settings": plan.settings()}
    place.write_text(json.dumps(page, indent=1, sort_keys=True) + "\n")


def read_plan_page(place: Location) -> dict[str, Any]:
    """The settings of the run that claimed a folder."""
    try:
        page = json.loads(place.read_text())
        if page["format"] == FORMAT and page["format_version"] == FORMAT_VERSION:
            return dict(page["settings"])
    except (ValueError, KeyError, TypeError) as error:
        raise OccupiedError(f"{place}: damaged ({error}); choose another output folder.") from error
    raise OccupiedError(f"{place}: written by another release; choose another output folder.")


def compare(plan: RunPlan, before: Mapping[str, Any]) -> None:
    """Refuse to go on with a run under other settings than it was begun with, and name them."""
    now = flat(json.loads(json.dumps(plan.settings())))
    then = flat(before)
    different = [key for key in sorted({*now, *then}) if now.get(key) != then.get(key)]
    if not different:
        return
    shown = "; ".join(
        f"{key} was {then.get(key, 'not set')!r}, now {now.get(key, 'not set')!r}" for key in different[:5]
    )
    more = f"; and {len(different) - 5} more" if len(different) > 5 else ""
    raise OccupiedError(
        f"{plan.out} holds a run with other settings: {shown}{more}. "
        "Give the same settings to go on with it, or choose another output folder."
    )


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by their dotted names."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value
    return found


def finished(plan: RunPlan) -> ModelInfo | None:
    """The model that this very plan has led to already, or None; one without its weights is exported again."""
    info = exported(plan)
    return info if info and are_whole(plan.out, info) else None


def exported(plan: RunPlan) -> ModelInfo | None:
    """The page of the model that this very plan has led to, or None."""
    if not (plan.out / MODEL_FILE).is_file():
        return None
    info = read_model_info(plan.out)
    return info if info.lineage.get("run_digest") == plan.digest else None
