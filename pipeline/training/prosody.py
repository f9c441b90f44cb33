"""What a model that is told of phones needs beside it, so that plain text can be asked for: how long they last."""

from typing import Any

from pipeline.model_folder import ModelInfo
from pipeline.prosody.features import FeatureSpace
from pipeline.prosody.files import save_prosody
from pipeline.prosody.fitting import fit_prosody
from pipeline.prosody.prosody import Prosody
from pipeline.shards.dataset import Dataset
from pipeline.training.plan import HELD_OUT_SPLIT, TRAIN_SPLIT, RunPlan

PROSODY = "prosody"
"""The key of its figures among the model's."""


def learn_prosody(plan: RunPlan, dataset: Dataset) -> Prosody | None:
    """Durations, pauses and, for a model that is told F0, pitch of the training split, saved beside the model.

    None for a model that is not told of phones, and where the phones of no row have times that were heard.
    """
    conditioning = plan.conditioning
    if not conditioning.has_local:
        return None
    space = FeatureSpace(conditioning.phones, dict(conditioning.attributes))
    prosody = fit_prosody(dataset, (TRAIN_SPLIT, HELD_OUT_SPLIT), space, with_pitch=conditioning.f0)
    return save_prosody(plan.out, prosody) if prosody else None


def prosody_figures(prosody: Prosody | None) -> dict[str, Any]:
    """As they stand among the model's figures; none where there is no prosody."""
    return {PROSODY: dict(prosody.figures)} if prosody else {}


def prosody_summary(info: ModelInfo) -> str:
    """How well lengths and pitch were learned, in a line; empty where they were not, or nothing was held out."""
    figures = info.figures.get(PROSODY, {})
    if not figures.get("held_out_phones"):
        return ""
    told_of = (
        f"Prosody, held out: phones {figures['duration_rmse_ms']:.1f} ms off (each phone's mean: "
        f"{figures['duration_rmse_ms_of_phone_means']:.1f}), correlation {figures['duration_correlation']:.2f}"
    )
    if "f0_rmse_semitones" in figures:
        told_of += (
            f"; F0 {figures['f0_rmse_semitones']:.2f} semitones off (each speaker's mean: "
            f"{figures['f0_rmse_semitones_of_speaker_means']:.2f})"
        )
    return f"{told_of}."


def speaking_section(info: ModelInfo) -> list[str]:
    """What the card says of it; nothing where there is no prosody."""
    if PROSODY not in info.figures:
        return []
    return [
        "## Speaking\n\n" + SPEAKING,
        "\n".join(["| | |", "|---|---|", *map(row_of, info.figures[PROSODY].items())]),
    ]


SPEAKING = """A text may be asked for without a length: `prosody.json` beside this page says how long each phone lasts,
and for a model that is told F0 how high it is said. On the dataset's held-out rows, against the mean of each phone's
length and of each speaker's pitch:"""


def row_of(figure: tuple[str, Any]) -> str:
    """A line of a Markdown table."""
    name, value = figure
    return f"| {name.replace('_', ' ')} | {value} |"
