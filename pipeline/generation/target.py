"""What requests to a model are held to, and which keys it has a use for."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.conditions import Conditioning
from pipeline.errors import RequestError
from pipeline.generation.pictures import CHECKSUM_KEYS, ONE_SCALE, PICTURE_KEYS, PictureTarget
from pipeline.generation.prefixes import PREFIX_KEYS
from pipeline.prosody.prosody import Prosody
from pipeline.shards.schema import ATTRIBUTES, AudioConventions, Conventions, ImageConventions

OPTIONS = ("id", "count", "seed", "split", "temperature", "top_k", "top_p", "guidance")
AUDIO_KEYS = ("duration_s", "num_timesteps", "prefix", "phones", "text", "rate", "f0_hz")
IMAGE_KEYS = ("height", "width", "channels")
"""Asked for now and then; named in the error, since a picture's size is the model's."""

CONDITION_OF = {"text": "phones", "rate": "phones", "f0_hz": "phones, f0"}
"""What a model has to be conditioned on for a key of another name."""


@dataclass(frozen=True)
class Target:
    """What requests are held to: the model's conventions and vocabularies, and the longest item allowed.

    `condition_dropout`: the share of items that the model was trained on without their condition; 0 for a model that
    cannot be guided. `prosody`: what makes a text's lengths and pitch; None for a model that has none.
    """

    conventions: Conventions
    conditioning: Conditioning
    max_timesteps: int
    condition_dropout: float = 0.0
    pictures: PictureTarget = ONE_SCALE
    prosody: Prosody | None = None


def known_keys(target: Target) -> list[str]:
    """What a request to this model may hold."""
    conditioning = target.conditioning
    keys = [*OPTIONS, *conditioning.attributes]
    if isinstance(target.conventions, AudioConventions):
        keys += ["duration_s", "num_timesteps", "prefix"]
    else:
        keys += [key for key in PICTURE_KEYS if key != "children" or target.pictures.factors]
    if conditioning.has_local:
        keys += ["text"] if conditioning.linguistic else ["phones", "text"]
        keys += ["rate"] if target.prosody else []
    return keys + (["f0_hz"] if conditioning.f0 else [])


def refuse_unknown_keys(data: Mapping[str, Any], target: Target, where: str) -> None:
    """A key that this model has no use for is an error that offers the nearest."""
    known = known_keys(target)
    allowed = {*known, *(["language"] if "text" in data and "text" in known else [])}
    if isinstance(target.conventions, ImageConventions):
        allowed |= {*PICTURE_KEYS, *CHECKSUM_KEYS}
    else:
        allowed |= {*PREFIX_KEYS}
    for key in data:
        if key not in allowed:
            raise RequestError(f"{where}: {explain_unknown(key, known, target)}")


def explain_unknown(key: str, known: list[str], target: Target) -> str:
    """Why a key is refused, and what to write instead."""
    offered = f"It takes: {', '.join(known)}."
    is_audio = isinstance(target.conventions, AudioConventions)
    if not is_audio and key in AUDIO_KEYS:
        return f"{key} asks for a waveform, and this model makes pictures. {offered}"
    if is_audio and key in (*IMAGE_KEYS, *PICTURE_KEYS):
        return f"{key} asks for a picture, and this model makes waveforms. {offered}"
    if not is_audio and key in IMAGE_KEYS:
        return f"{key} cannot be chosen: a picture's size is the model's. {offered}"
    if key == "phones" and target.conditioning.linguistic:
        return (
            "this model was trained with linguistic features, and phones do not tell of words, stress and phrases: "
            f"give text, with duration_s or num_timesteps. {offered}"
        )
    if key in ATTRIBUTES or key in AUDIO_KEYS:
        wanted = CONDITION_OF.get(key, key)
        advice = f"leave it out, or train a model with --set 'training.condition_on=[{wanted}]'"
        return f"this model was not conditioned on {key}: {advice}. {offered}"
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"unknown key {key!r}. " + (f"Did you mean {near[0]!r}? " if near else "") + offered
