"""One request: what to generate, as a line of JSON; a row of a table and a cell of a grid are the same (`sources.py`).

    {"id": "hello", "count": 3, "seed": 7, "temperature": 0.9, "speaker": "jackson", "duration_s": 0.5}
    {"speaker": "en-us", "emotion": "calm", "phones": [["h", 0.08], ["ə", 0.06], ["l", 0.07], ["oʊ", 0.2]]}
    {"speaker": "en-us", "emotion": "calm", "text": "Hello there.", "language": "en-us", "duration_s": 1.2}
    {"speaker": "en-us", "emotion": "calm", "text": "Hello.", "duration_s": 0.8, "f0_hz": [[0, 140], [0.8, 90]]}
    {"label": "3", "count": 10, "top_p": 0.95, "guidance": 2}
    {"label": "3", "count": 4, "image": "three.png", "mask": "hole.png"}

key                          means                                                                default
id                           names the items of the line                                          the line's number
count                        items to draw                                                        1
seed                         start of the random stream, with the item's id                       0
split                        where the items go, or how many to each (`splits.py`)                train
temperature                  1 follows the model, below 1 crowds its likeliest levels             1.0
top_k                        only the k likeliest levels are drawn                                all
top_p                        only the likeliest levels that together reach this probability       1.0
guidance                     0 leaves the condition out, 1 follows the model, above 1 the         1.0
                             condition counts for more; a guided item takes two lanes
speaker emotion language     the attributes that the model was trained with, all of them; a whole number is its digits,
label                        {"label": 3} is {"label": "3"}
duration_s | num_timesteps   length of a waveform, one of the two                                 as text is said
phones                       [[phone, duration_s], ...], they set the length
text                         its phones, as long as the model's prosody says, pauses among them (`docs/speaking.md`);
                             stretched to the length where one is given; read in `language`              en-us
rate                         how fast the text is said, 0.25 to 4                                 1, as in training
f0_hz                        the pitch: hertz, or points [[time_s, hz], ...] with straight lines in ln Hz
                             between them, held before the first and after the last; 20 to 2000 Hz
prefix                       a recording that the waveform begins with (`prefixes.py`)
image mask low_resolution    pixels that are given, and pictures that share a small one (`pictures.py`)
children

A model that was trained with linguistic features needs `text`: phones do not tell of words and stress. One that was
trained with F0 takes `f0_hz`, else what its prosody says; a frame is voiced where its phone is (`pitch.py`). A model
without prosody (`prosody.json` beside it) needs a length for its text, spreads phones evenly over it and needs `f0_hz`.
A picture's size is the model's.

`guidance` needs a model that was trained with training.condition_dropout. Temperature, top_k, top_p and guidance depart
from the model: a row's nll_nats stays that of the model without them, and its `request` tells which there were.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.sampling import Departures
from pipeline.conditions import Conditioning
from pipeline.errors import RequestError
from pipeline.generation.departures import departures_of
from pipeline.generation.fields import (
    MOST_WHOLE_NUMBER,
    numbers_as_text,
    request_id_of,
    shown,
    text_of,
    whole_number,
)
from pipeline.generation.pictures import (
    PLAIN_PICTURE,
    PictureRequest,
    named_sources,
    picture_of,
    refuse_parted_families,
)
from pipeline.generation.pitch import Contour
from pipeline.generation.prefixes import NO_PREFIX, Prefix, prefix_of
from pipeline.generation.speech import Voice, length_and_phones, pitch_of, speech_columns
from pipeline.generation.splits import splits_of
from pipeline.generation.target import Target, refuse_unknown_keys
from pipeline.generation.timing import Phones
from pipeline.shards.schema import ATTRIBUTES, AudioConventions, ImageConventions


@dataclass(frozen=True)
class Request:
    """A checked request. `num_timesteps` is 0 for a picture; `source` is the line itself, as canonical JSON.

    `splits`: how many items of each split, in the order of the items; `count` together.
    """

    request_id: str
    count: int
    splits: Mapping[str, int]
    seed: int
    departures: Departures
    attributes: Mapping[str, str]
    num_timesteps: int
    phones: Phones
    f0: Contour
    text: str
    source: str
    picture: PictureRequest = PLAIN_PICTURE
    prefix: Prefix = NO_PREFIX


def parse_request(line: str, number: int, target: Target, where: str) -> Request:
    """One line of JSON as a request; RequestError says what was expected, what came, and where."""
    return request_of(parse_line(line, where), number, target, where)


def request_of(data: Mapping[str, Any], number: int, target: Target, where: str) -> Request:
    """A mapping of keys as a request, checked; `number` names it where it has no id."""
    data = numbers_as_text(data)
    refuse_unknown_keys(data, target, where)
    attributes = {name: text_of(data, name, where) for name in ATTRIBUTES if name in data}
    target.conditioning.attribute_ids(attributes, where)
    num_timesteps, phones, contour = speech_of(data, target, where)
    count = whole_number(data, "count", 1, 1, MOST_WHOLE_NUMBER, where)
    picture, prefix = PLAIN_PICTURE, NO_PREFIX
    if isinstance(target.conventions, ImageConventions):
        picture = picture_of(data, target.conventions, target.pictures, where)
    else:
        prefix = prefix_of(data, target.conventions, target.pictures.folder, num_timesteps, where)
    splits = splits_of(data, count, where)
    refuse_parted_families(picture.children, splits, where)
    return Request(
        request_id=request_id_of(data, number, where),
        count=count,
        splits=splits,
        seed=whole_number(data, "seed", 0, 0, MOST_WHOLE_NUMBER, where),
        departures=departures_of(
            data, target.conventions.num_levels, bool(target.conditioning.columns), target.condition_dropout, where
        ),
        attributes=attributes,
        num_timesteps=num_timesteps,
        phones=phones,
        f0=contour,
        text=text_of(data, "text", where) if "text" in data else "",
        source=json.dumps({**data, **named_sources(picture.given), **prefix.told}, sort_keys=True, ensure_ascii=False),
        picture=picture,
        prefix=prefix,
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


def speech_of(data: Mapping[str, Any], target: Target, where: str) -> tuple[int, Phones, Contour]:
    """Length in timesteps, phones and pitch; 0 and none for a picture. RequestError where the model knows it not."""
    conventions, conditioning = target.conventions, target.conditioning
    if not isinstance(conventions, AudioConventions):
        return 0, Phones(), ()
    voice = Voice(conventions, conditioning, target.max_timesteps, target.prosody)
    num_timesteps, phones = length_and_phones(data, voice, where)
    contour = pitch_of(data, num_timesteps, phones, voice, where)
    if conditioning.has_local:
        refuse_foreign_text(data, phones, conditioning, where)
        conditioning.frames_in(
            range(1), speech_columns(num_timesteps, phones, contour, conventions), conventions, where
        )
    return num_timesteps, phones, contour


def refuse_foreign_text(data: Mapping[str, Any], phones: Phones, conditioning: Conditioning, where: str) -> None:
    """A text's phones are the pronunciation's; a model knows those of its dataset, which may be a corpus's own."""
    unknown = [phone for phone in phones.phone if phone not in conditioning.phones] if "text" in data else []
    if unknown:
        raise RequestError(
            f"{where}: this text has the phone {unknown[0]!r}, which the model's dataset lacks; the model knows: "
            f"{' '.join(conditioning.phones)}. Choose another text or language; or, where these are a corpus's own "
            "labels, prepare the corpus with --set speech.phones=text, and train on that."
        )
