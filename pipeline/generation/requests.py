"""One line of a requests file: what to generate.

    {"id": "hello", "count": 3, "seed": 7, "temperature": 0.9, "speaker": "jackson", "duration_s": 0.5}
    {"speaker": "en-us", "emotion": "calm", "phones": [["h", 0.08], ["ə", 0.06], ["l", 0.07], ["oʊ", 0.2]]}
    {"speaker": "en-us", "emotion": "calm", "text": "Hello there.", "language": "en-us", "duration_s": 1.2}
    {"label": "3", "count": 10}

key                          means                                                                default
id                           names the items of the line                                          the line's number
count                        items to draw                                                        1
seed                         start of the random stream, with the item's id                       0
temperature                  1 follows the model, below 1 crowds its likeliest levels             1.0
speaker emotion language     the attributes that the model was trained with, all of them
label
duration_s | num_timesteps   length of a waveform, one of the two
phones                       [[phone, duration_s], ...], they set the length
text                         its espeak phones, spread evenly over the length

A picture's size is the model's.
"""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.conditions import Conditioning
from pipeline.errors import ItemError, RequestError
from pipeline.generation.fields import (
    MOST_WHOLE_NUMBER,
    request_id_of,
    shown,
    temperature_of,
    text_of,
    whole_number,
)
from pipeline.generation.timing import Phones, requested_phones, timesteps_of, uniform_phones
from pipeline.shards.schema import ATTRIBUTES, AudioConventions, Conventions

OPTIONS = ("id", "count", "seed", "temperature")
AUDIO_KEYS = ("duration_s", "num_timesteps", "phones", "text")
IMAGE_KEYS = ("height", "width", "channels")
"""Asked for now and then; named in the error, since a picture's size is the model's."""

DEFAULT_LANGUAGE = "en-us"
"""espeak's name of the language that `text` is read in where neither the request nor the model says."""


@dataclass(frozen=True)
class Target:
    """What requests are held to: the model's conventions and vocabularies, and the longest item allowed."""

    conventions: Conventions
    conditioning: Conditioning
    max_timesteps: int


@dataclass(frozen=True)
class Request:
    """A checked request. `num_timesteps` is 0 for a picture; `source` is the line itself, as canonical JSON."""

    request_id: str
    count: int
    seed: int
    temperature: float
    attributes: Mapping[str, str]
    num_timesteps: int
    phones: Phones
    text: str
    source: str


def parse_request(line: str, line_number: int, target: Target, where: str) -> Request:
    """One line as a request; RequestError says what was expected, what came, and where."""
    data = parse_line(line, where)
    refuse_unknown_keys(data, target, where)
    attributes = {name: text_of(data, name, where) for name in ATTRIBUTES if name in data}
    target.conditioning.attribute_ids(attributes, where)
    num_timesteps, phones = timing_of(data, target, where)
    return Request(
        request_id=request_id_of(data, line_number, where),
        count=whole_number(data, "count", 1, 1, MOST_WHOLE_NUMBER, where),
        seed=whole_number(data, "seed", 0, 0, MOST_WHOLE_NUMBER, where),
        temperature=temperature_of(data, where),
        attributes=attributes,
        num_timesteps=num_timesteps,
        phones=phones,
        text=text_of(data, "text", where) if "text" in data else "",
        source=json.dumps(data, sort_keys=True, ensure_ascii=False),
    )


def parse_line(line: str, where: str) -> dict[str, Any]:
    """A JSON object without repeated keys."""
    try:
        data = json.loads(line, object_pairs_hook=lambda pairs: without_repeats(pairs, where))
    except (ValueError, RecursionError) as error:
        raise RequestError(
            f'{where}: expected a JSON object such as {{"count": 2}}, got {shown(line)} ({error}).'
        ) from None
    if not isinstance(data, dict):
        raise RequestError(f'{where}: expected a JSON object such as {{"count": 2}}, got {shown(line)}.')
    return data


def without_repeats(pairs: list[tuple[str, Any]], where: str) -> dict[str, Any]:
    """The object, unless a key comes twice: JSON would silently keep the last."""
    data = dict(pairs)
    if len(data) < len(pairs):
        keys = [key for key, _ in pairs]
        raise RequestError(f"{where}: the key {next(key for key in keys if keys.count(key) > 1)!r} comes twice.")
    return data


def known_keys(target: Target) -> list[str]:
    """What a request to this model may hold."""
    conditioning = target.conditioning
    keys = [*OPTIONS, *conditioning.attributes]
    if isinstance(target.conventions, AudioConventions):
        keys += ["duration_s", "num_timesteps"]
    if conditioning.has_local:
        keys += ["phones", "text"]
    return keys


def refuse_unknown_keys(data: Mapping[str, Any], target: Target, where: str) -> None:
    """A key that this model has no use for is an error that offers the nearest."""
    known = known_keys(target)
    allowed = {*known, *(["language"] if "text" in data and "text" in known else [])}
    for key in data:
        if key not in allowed:
            raise RequestError(f"{where}: {explain_unknown(key, known, target)}")


def explain_unknown(key: str, known: list[str], target: Target) -> str:
    """Why a key is refused, and what to write instead."""
    offered = f"It takes: {', '.join(known)}."
    is_audio = isinstance(target.conventions, AudioConventions)
    if not is_audio and key in AUDIO_KEYS:
        return f"{key} asks for a waveform, and this model makes pictures. {offered}"
    if is_audio and key in IMAGE_KEYS:
        return f"{key} asks for a picture, and this model makes waveforms. {offered}"
    if not is_audio and key in IMAGE_KEYS:
        return f"{key} cannot be chosen: a picture's size is the model's. {offered}"
    if key in ATTRIBUTES or key in AUDIO_KEYS:
        advice = f"leave it out, or train a model with --set 'training.condition_on=[{key}]'"
        return f"this model was not conditioned on {key}: {advice}. {offered}"
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"unknown key {key!r}. " + (f"Did you mean {near[0]!r}? " if near else "") + offered


def timing_of(data: Mapping[str, Any], target: Target, where: str) -> tuple[int, Phones]:
    """The length in timesteps and the phones over it; 0 and none for a picture."""
    if not isinstance(target.conventions, AudioConventions):
        return 0, Phones()
    phones = Phones()
    if "phones" in data:
        refuse_together(data, ("text", "duration_s", "num_timesteps"), where)
        phones = requested_phones(data["phones"], target.conventions.sample_rate_hz, where)
    num_timesteps = phones.end[-1] if phones.end else length_of(data, target.conventions.sample_rate_hz, where)
    if num_timesteps > target.max_timesteps:
        raise RequestError(
            f"{where}: {num_timesteps} timesteps are more than max_timesteps {target.max_timesteps}; "
            "ask for less, or raise it with --set max_timesteps=N."
        )
    if "text" in data:
        phones = uniform_phones(espeak_phones(data, where), num_timesteps, where)
    if target.conditioning.has_local:
        target.conditioning.frames(phones.phone, phones.start, phones.end, num_timesteps, where)
    return num_timesteps, phones


def refuse_together(data: Mapping[str, Any], others: tuple[str, ...], where: str) -> None:
    """Phones come with their durations: what else would set the length contradicts them."""
    for key in others:
        if key in data:
            raise RequestError(f"{where}: phones set the length and {key} does too; leave {key} out.")


def length_of(data: Mapping[str, Any], sample_rate_hz: int, where: str) -> int:
    """Timesteps from exactly one of duration_s and num_timesteps."""
    if ("duration_s" in data) == ("num_timesteps" in data):
        came = "both" if "duration_s" in data else "neither"
        raise RequestError(f"{where}: give one of duration_s and num_timesteps, got {came}.")
    if "duration_s" in data:
        return timesteps_of(data["duration_s"], sample_rate_hz, where)
    return whole_number(data, "num_timesteps", 1, 1, MOST_WHOLE_NUMBER, where)


def espeak_phones(data: Mapping[str, Any], where: str) -> list[str]:
    """The phones of the text, read in the request's language."""
    from pipeline.speech.phones import phones_of_text  # espeak is an optional extra: only text needs it

    try:
        return phones_of_text(text_of(data, "text", where), data.get("language", DEFAULT_LANGUAGE))
    except ItemError as error:
        raise RequestError(f"{where}: {error.reason}.") from None
