"""What a request wants said, how long and at what pitch, as columns of a row: phones, linguistic features, F0."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np

from pipeline.conditions import Conditioning
from pipeline.errors import ItemError, RequestError
from pipeline.generation.fields import MOST_WHOLE_NUMBER, is_number, shown, text_of, whole_number
from pipeline.generation.pitch import Contour, contour_of, f0_columns
from pipeline.generation.timing import Phones, predicted_phones, requested_phones, timesteps_of, uniform_phones
from pipeline.prosody.prosody import Prosody
from pipeline.shards.schema import AudioConventions
from pipeline.speech.linguistic import linguistic_columns
from pipeline.speech.utterance import Utterance

DEFAULT_LANGUAGE = "en-us"
"""The language that `text` is read in where neither the request nor the model says."""

SLOWEST, FASTEST = 0.25, 4.0
"""What `rate` may be: far beyond what people do, and still no phone without a timestep."""

MOST_PHONES = 20_000
"""Of one text: half an hour of speech. Each takes a few kilobytes while its length is predicted."""


@dataclass(frozen=True)
class Voice:
    """What a request's speech is held to; without prosody a text is spread evenly over the length that it is given."""

    conventions: AudioConventions
    conditioning: Conditioning
    max_timesteps: int
    prosody: Prosody | None = None


def length_and_phones(data: Mapping[str, Any], voice: Voice, where: str) -> tuple[int, Phones]:
    """The length in timesteps and the phones over it; no phones where the request says none."""
    rate_hz = voice.conventions.sample_rate_hz
    if "phones" in data:
        refuse_together(data, ("text", "duration_s", "num_timesteps", "rate"), where)
        phones = requested_phones(data["phones"], rate_hz, where)
        return within(phones.end[-1], voice, where), phones
    if "text" in data and voice.prosody is not None:
        return predicted_speech(data, voice, voice.prosody, where)
    if "rate" in data:
        raise RequestError(f"{where}: rate is how fast a text is said; give text, or leave rate out.")
    num_timesteps = within(length_of(data, rate_hz, where), voice, where)
    if "text" not in data:
        return num_timesteps, Phones()
    utterance = utterance_of(data, voice.conventions, where)
    phones = uniform_phones([phone.symbol for phone in utterance.phones], num_timesteps, where)
    return num_timesteps, replace(phones, linguistic=linguistic_columns(utterance, range(len(utterance.phones))))


def predicted_speech(data: Mapping[str, Any], voice: Voice, prosody: Prosody, where: str) -> tuple[int, Phones]:
    """A text as long as prosody says, divided by `rate`; or stretched evenly to the length that the request gives."""
    utterance, rate_hz = utterance_of(data, voice.conventions, where), voice.conventions.sample_rate_hz
    if len(utterance.phones) > MOST_PHONES:
        raise RequestError(f"{where}: {len(utterance.phones)} phones are more than {MOST_PHONES}; cut the text.")
    spoken, rate = prosody.spoken(utterance, data), rate_of(data, where)
    if "duration_s" in data or "num_timesteps" in data:
        num_timesteps = length_of(data, rate_hz, where)
    else:
        num_timesteps = max(1, round(float(spoken.seconds.sum()) / rate * rate_hz))
    phones = predicted_phones(spoken.phone, spoken.seconds.tolist(), within(num_timesteps, voice, where), where)
    return num_timesteps, replace(phones, linguistic=spoken.linguistic)


def rate_of(data: Mapping[str, Any], where: str) -> float:
    """How fast a text is said, 1 as in the training data."""
    if "rate" not in data:
        return 1.0
    rate = data["rate"]
    if not is_number(rate) or not SLOWEST <= rate <= FASTEST:
        raise RequestError(f"{where}: rate must be a number from {SLOWEST:g} to {FASTEST:g}, got {shown(rate)}.")
    for key in ("duration_s", "num_timesteps"):
        if key in data:
            raise RequestError(f"{where}: rate and {key} both set the length; leave one of them out.")
    return float(rate)


def within(num_timesteps: int, voice: Voice, where: str) -> int:
    """A length, unless it is more than the run allows."""
    if num_timesteps > voice.max_timesteps:
        raise RequestError(
            f"{where}: {num_timesteps} timesteps are more than max_timesteps {voice.max_timesteps}; "
            "ask for less, or raise it with --set max_timesteps=N."
        )
    return num_timesteps


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


def utterance_of(data: Mapping[str, Any], conventions: AudioConventions, where: str) -> Utterance:
    """The request's text, pronounced in its language, in the way that the model's own corpus was."""
    # Pronouncing needs an optional extra, and only text needs it.
    from pipeline.speech.pronounce import Method, pronounce

    trained = conventions.features.phones
    ways: dict[str, Any] = {"method": trained} if trained in get_args(Method) else {}
    try:
        return pronounce(text_of(data, "text", where), data.get("language", DEFAULT_LANGUAGE), **ways)
    except ItemError as error:
        raise RequestError(f"{where}: {error.reason}.") from None


def pitch_of(data: Mapping[str, Any], num_timesteps: int, phones: Phones, voice: Voice, where: str) -> Contour:
    """The pitch that a model trained with F0 needs, the request's or else what prosody says; none for another."""
    if not voice.conditioning.f0:
        return ()
    rate_hz, prosody = voice.conventions.sample_rate_hz, voice.prosody
    if "f0_hz" in data:
        return contour_of(data["f0_hz"], num_timesteps / rate_hz, where)
    if prosody is not None and prosody.pitch is not None and phones.phone:
        row = {"phone": phones.phone, **phones.linguistic}
        return prosody.contour(row, np.array(phones.start) / rate_hz, np.array(phones.end) / rate_hz, data)
    raise RequestError(
        f"{where}: no f0_hz; this model was trained with F0 and needs it: hertz, or points [[time_s, hz], ...]."
    )


def speech_columns(
    num_timesteps: int, phones: Phones, contour: Contour, conventions: AudioConventions
) -> dict[str, Any]:
    """What a row says of its length and of what was asked to be heard.

    The model is conditioned on it, and so is one that is trained on the row.
    """
    columns: dict[str, Any] = {"num_timesteps": num_timesteps, "sample_rate_hz": conventions.sample_rate_hz}
    if not phones.phone:
        return columns
    columns |= {"phone": list(phones.phone), "phone_start": list(phones.start), "phone_end": list(phones.end)}
    columns |= {name: list(values) for name, values in phones.linguistic.items()}
    columns |= f0_columns(contour, phones, num_timesteps, conventions) if contour else {}
    return {**columns, "align_method": phones.align_method}
