"""The end of a run: its best weights as a model that anyone can load, with a card that says what it is."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import torch
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor

from models import build
from models.autoregressive import Autoregressive
from pipeline.model_folder import ModelInfo, save_model
from pipeline.prosody.prosody import Prosody
from pipeline.shards.dataset import Dataset
from pipeline.shards.schema import AudioConventions, AudioFeatures, Conventions, ImageFeatures
from pipeline.training.conditioned_rows import NAMES
from pipeline.training.plan import RunPlan
from pipeline.training.prosody import PROSODY, learn_prosody, prosody_figures, speaking_section
from pipeline.training.world import World

NUM_LICENCES_SHOWN = 20
OF_THE_WHOLE = ("num_levels", "channels", "condition")
"""What a part of a model has from the whole, and the card need not repeat."""

KINDS = {"audio": "audio", "image": "pictures"}


def export(
    plan: RunPlan,
    dataset: Dataset,
    licences: Sequence[str],
    model: Autoregressive,
    figures: dict[str, Any],
) -> ModelInfo:
    """Write the model's folder; `model.json`, written last, is what makes the run finished."""
    plan.out.remove_partials()  # of a process that was killed while it wrote here
    prosody = learn_prosody(plan, dataset)
    info = ModelInfo(
        name=plan.model_name,
        config=asdict(plan.model_config),
        conventions=conventions_of(plan, prosody),
        conditioning=plan.conditioning,
        weights_sha256="",
        lineage=lineage_of(plan, dataset.info.lineage, licences),
        figures={**figures, "num_parameters": model.num_parameters(), **prosody_figures(prosody)},
        prosody_sha256=prosody.sha256 if prosody else "",
    )
    return save_model(plan.out, model, info, card(info))


def whole_model(plan: RunPlan, model: Autoregressive, world: World) -> Autoregressive:
    """The model itself, or where its weights are spread one that has them all: on rank 0; elsewhere it has none.

    Every worker calls it. The weights are put together tensor by tensor.
    """
    if not isinstance(model, FSDPModule):
        return model
    weights = {}
    for name, weight in model.state_dict().items():
        gathered = weight.full_tensor() if isinstance(weight, DTensor) else weight
        if world.rank == 0:
            weights[name] = gathered
    with torch.device("meta"):
        whole = build(plan.model_name, plan.model_config)
    if world.rank == 0:
        whole = build(plan.model_name, plan.model_config).to(world.device, next(iter(weights.values())).dtype)
        whole.load_state_dict(weights)
    return whole.eval().requires_grad_(False)


def conventions_of(plan: RunPlan, prosody: Prosody | None) -> Conventions:
    """What the model's levels mean, and what will stand beside them in the rows that it makes.

    Requests are its corpus: text is pronounced as it was for the training data, its phones last as long as prosody
    says (spread evenly where there is none), F0 is what they or prosody say.
    """
    if not isinstance(plan.conventions, AudioConventions):
        return replace(plan.conventions, features=ImageFeatures())
    features = plan.conventions.features
    phones = features.phones if plan.conditioning.has_local else ""
    alignment = ("predicted" if prosody else "uniform") if phones else ""
    f0 = "requests" if plan.conditioning.f0 else ""
    return replace(plan.conventions, features=AudioFeatures(phones, alignment, f0, features.frame_period_s))


def lineage_of(plan: RunPlan, dataset_lineage: Mapping[str, Any], licences: Sequence[str]) -> dict[str, Any]:
    """Where the model comes from."""
    return {
        "run_digest": plan.digest,
        "training": asdict(plan.training),
        "dataset": plan.dataset.uri,
        "dataset_digest": plan.dataset_digest,
        "dataset_lineage": dict(dataset_lineage),
        "licences": list(licences),
    }


def card(info: ModelInfo) -> str:
    """The model card, in Markdown."""
    level = "timestep" if isinstance(info.conventions, AudioConventions) else "dimension"
    return (
        "\n\n".join(
            [
                f"# {info.name}, trained with ancestral",
                f"An autoregressive model of {KINDS[info.conventions.kind]}: it gives the probability of each {level}, "
                "given the ones before it" + (f" and {conditions(info)}." if conditions(info) else "."),
                "## Figures\n\n" + table(shown_figures(info.figures, level)),
                "## What its levels mean\n\n" + table(level_conventions(info)),
                "## Conditions\n\n" + condition_section(info),
                *speaking_section(info),
                "## Model\n\n" + table(model_settings(info.config)),
                "## Training\n\n" + table(info.lineage["training"]),
                "## Data\n\n" + data_section(info.lineage),
                LOADING,
            ]
        )
        + "\n"
    )


LOADING = """## Loading

    ancestral generate THIS_FOLDER OUT --requests requests.jsonl

or in Python, without running any code from this folder:

    from pipeline.model_folder import load_model
    from pipeline.storage import locate

    model = load_model(locate("THIS_FOLDER")).model"""


def conditions(info: ModelInfo) -> str:
    """What it is conditioned on, in words."""
    names = [NAMES.get(name, name) for name in info.conditioning.columns]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def condition_section(info: ModelInfo) -> str:
    """What it knows of each condition, and whether it can do without."""
    if not info.conditioning.columns:
        return "None: it is unconditional."
    return condition_list(info) + "\n\n" + guidance(info.condition_dropout)


def guidance(condition_dropout: float) -> str:
    """Whether requests may ask for guidance."""
    if not condition_dropout:
        return "It always had its condition (condition_dropout 0): requests that ask for guidance are refused."
    return (
        f"A share of {condition_dropout:g} of what it was trained on came without its condition: requests may ask for "
        "guidance (0 leaves the condition out, above 1 it counts for more)."
    )


def condition_list(info: ModelInfo) -> str:
    """Every value that it knows."""
    lines = [f"- {name}: {', '.join(values)}" for name, values in info.conditioning.attributes.items()]
    if info.conditioning.has_local:
        lines.append(f"- phones ({info.conditioning.hop} timesteps a frame): {' '.join(info.conditioning.phones)}")
    if info.conditioning.linguistic:
        lines.append(f"- linguistic features: {', '.join(info.conditioning.linguistic)}")
    if info.conditioning.f0:
        centre, spread = info.conditioning.f0_centre, info.conditioning.f0_spread
        lines.append(f"- F0: (ln(F0 in Hz) - {centre:g}) / {spread:g}, and whether it is voiced")
    return "\n".join(lines)


def shown_figures(figures: dict[str, Any], level: str) -> dict[str, Any]:
    """Figures with their units in words."""
    figures = {key: value for key, value in figures.items() if key != PROSODY}
    units = {"train_bits": f"training bits per {level}", "validation_bits": f"held-out bits per {level}"}
    shown = {key: f"{value:.4f}" if key in units and value is not None else value for key, value in figures.items()}
    return {units.get(key, key.replace("_", " ")): value for key, value in shown.items() if value is not None}


def model_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """A model's settings, those of the networks that it is composed of by their dotted names."""
    shown: dict[str, Any] = {}
    for key, value in config.items():
        if key == "condition":
            shown[key] = "see above"
        elif parts := parts_of(key, value):
            for place, part in parts.items():
                own = {name: setting for name, setting in model_settings(part).items() if name not in OF_THE_WHOLE}
                shown |= {f"{place}.{name}": setting for name, setting in own.items()}
        else:
            shown[key] = value
    return shown


def parts_of(key: str, value: Any) -> dict[str, Mapping[str, Any]]:
    """The configs that a setting holds, one or a sequence of them, by their dotted names; empty for plain values."""
    if isinstance(value, Mapping):
        return {key: value}
    entries = value if isinstance(value, list | tuple) else ()
    return {f"{key}.{number}": entry for number, entry in enumerate(entries) if isinstance(entry, Mapping)}


def data_section(lineage: dict[str, Any]) -> str:
    """Dataset, its lineage, its licences."""
    named = lineage["licences"]
    shown = "; ".join(named[:NUM_LICENCES_SHOWN]) + (
        f"; and {len(named) - NUM_LICENCES_SHOWN} more" if len(named) > NUM_LICENCES_SHOWN else ""
    )
    return table(
        {
            "dataset": lineage["dataset"],
            "dataset digest": lineage["dataset_digest"],
            **{key: value for key, value in lineage["dataset_lineage"].items() if isinstance(value, str | int | float)},
            "licences": shown or "the dataset names none: find out before you share this model",
        }
    )


def level_conventions(info: ModelInfo) -> dict[str, Any]:
    """What a level means, without what stands beside levels."""
    return {key: value for key, value in asdict(info.conventions).items() if key != "features"}


def table(rows: dict[str, Any]) -> str:
    """A Markdown table of two columns."""
    return "\n".join(["| | |", "|---|---|", *(f"| {key} | {cell(value)} |" for key, value in rows.items())])


def cell(value: Any) -> str:
    """A value that cannot break its row."""
    text = ", ".join(str(entry) for entry in value) or "none" if isinstance(value, list | tuple) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
