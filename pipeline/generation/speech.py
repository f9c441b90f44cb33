"""What a request wants said, how long and at what pitch, as columns of a row: phones, linguistic features, F0."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

from pipeline.conditions import Conditioning
from pipeline.errors import ItemError, RequestError
from pipeline.generation.fields import MOST_WHOLE_NUMBER, text_of, whole_number
from pipeline.generation.pitch import Contour, contour_of, f0_columns
from pipeline.generation.timing import Phones, requested_phones, timesteps_of, uniform_phones
from pipeline.shards.schema import AudioConventions

DEFAULT_LANGUAGE = "en-us"
"""The language that `text` is read in where neither the request nor the model says."""


def length_and_phones(
    data: Mapping[str, Any], conventions: AudioConventions, max_timesteps: int, where: str
) -> tuple[int, Phones]:
    """The length in timesteps and the phones over it; no phones where the request says none."""
    phones = Phones()
    if "phones" in data:
        refuse_together(data, ("text", "duration_s", "num_timesteps"), where)
        phones = requested_phones(data["phones"], conventions.sample_rate_hz, where)
    num_timesteps = phones.end[-1] if phones.end else length_of(data, conventions.sample_rate_hz, where)
    if num_timesteps > max_timesteps:
        raise RequestError(
            f"{where}: {num_timesteps} timesteps are more than max_timesteps {max_timesteps}; "
            "ask for less, or raise it with --set max_timesteps=N."
        )
    if "text" in data:
        phones = phones_of_text(data, num_timesteps, conventions, where)
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


def phones_of_text(data: Mapping[str, Any], num_timesteps: int, conventions: AudioConventions, where: str) -> Phones:
    """The phones of the text spread over the item, and where each stands in its word, phrase and utterance.

    It is pronounced in the request's language, in the way that the model's own corpus was.
    """
    # Pronouncing needs an optional extra, and only text needs it.
    from pipeline.speech.linguistic import linguistic_columns
    from pipeline.speech.pronounce import Method, pronounce

    trained = conventions.features.phones
    ways: dict[str, Any] = {"method": trained} if trained in get_args(Method) else {}
    try:
        utterance = pronounce(text_of(data, "text", where), data.get("language", DEFAULT_LANGUAGE), **ways)
    except ItemError as error:
        raise RequestError(f"{where}: {error.reason}.") from None
    phones = uniform_phones([phone.symbol for phone in utterance.phones], num_timesteps, where)
    return replace(phones, linguistic=linguistic_columns(utterance, range(len(utterance.phones))))


def pitch_of(data: Mapping[str, Any], duration_s: float, conditioning: Conditioning, where: str) -> Contour:
    """The pitch that a model trained with F0 needs; none for another."""
    if not conditioning.f0:
        return ()
    if "f0_hz" not in data:
        raise RequestError(
            f"{where}: no f0_hz; this model was trained with F0 and needs it: hertz, or points [[time_s, hz], ...]."
        )
    return contour_of(data["f0_hz"], duration_s, where)


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
