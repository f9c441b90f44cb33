"""The columns of a dataset and the conventions that give its levels a meaning.

A prepared and a generated dataset share one schema; the columns that only generation fills are null in a prepared one.
Half-float lists are avoided: several engines cannot read them. What is known of a phone is stored once a phone, never
once a frame: 425 values at 200 Hz would be 21 times the audio.
"""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import pyarrow as pa

from pipeline.errors import DatasetError

FORMAT = "ancestral-dataset"
FORMAT_VERSION = 3

METADATA_KEY = b"ancestral"

Kind = Literal["audio", "image"]
Companding = Literal["mu-law", "linear"]


@dataclass(frozen=True)
class AudioFeatures:
    """What stands in the columns beside the levels, and how it was made; stamped like the conventions.

    phones: where phones come from when the corpus gives no times (empty: they do not). alignment: how they were laid
    over the audio then. f0: the estimator (empty: the columns are null); frame f is centred at f · frame_period_s.
    media: in what format the row's own audio file stands in the column `audio` ("off": there is none).
    """

    phones: str = ""
    alignment: str = ""
    f0: str = ""
    frame_period_s: float = 0.005
    media: Literal["off", "wav", "flac"] = "off"


@dataclass(frozen=True)
class ImageFeatures:
    """media: in what format the row's own picture file stands in the column `image` ("off": there is none)."""

    media: Literal["off", "png"] = "off"


@dataclass(frozen=True)
class AudioConventions:
    """What a level of audio means: mono, `num_levels` values in [0, num_levels), companded as named.

    mu-law has mu = num_levels - 1 and rounds to nearest; linear spaces the levels evenly over [-1, 1]. Two conventions
    are equal where their levels mean the same, whatever stands beside them.
    """

    sample_rate_hz: int
    companding: Companding = "mu-law"
    num_levels: int = 256
    rounding: Literal["nearest"] = "nearest"
    kind: Literal["audio"] = "audio"
    features: AudioFeatures = field(default=AudioFeatures(), compare=False)


@dataclass(frozen=True)
class ImageConventions:
    """What a level of an image means: rows top to bottom, columns left to right, channel fastest; level = intensity."""

    height: int
    width: int
    channels: int
    num_levels: int = 256
    kind: Literal["image"] = "image"
    features: ImageFeatures = field(default=ImageFeatures(), compare=False)


Conventions = AudioConventions | ImageConventions

GENERATED: list[Any] = [
    pa.field("seed", pa.int64()),
    pa.field("temperature", pa.float64()),
    pa.field("nll_nats", pa.float64()),
    pa.field("model_digest", pa.string()),
    pa.field("request", pa.string()),
    pa.field("sampling_path", pa.string()),
    pa.field("code_digest", pa.string()),
    pa.field("config_digest", pa.string()),
]
"""Filled by generation, null in a prepared dataset. `nll_nats` is of all that was drawn under the model as it is,
whatever it was drawn with: temperature, and top_k, top_p and guidance, which `request` tells where they were asked for;
bits_per_timestep and bits_per_dim are the same over the number of levels drawn. `config_digest` is of the settings that
may change an item's bytes, `code_digest` of the sources."""

POSITIONS = (
    "phone_in_syllable_forward",
    "phone_in_syllable_backward",
    "phones_in_syllable",
    "syllable_in_word_forward",
    "syllable_in_word_backward",
    "syllables_in_word",
    "syllable_in_phrase_forward",
    "syllable_in_phrase_backward",
    "syllables_in_phrase",
    "word_in_phrase_forward",
    "word_in_phrase_backward",
    "words_in_phrase",
    "phrase_in_utterance_forward",
    "phrase_in_utterance_backward",
    "phrases_in_utterance",
)
"""Where a phone stands, one value a phone: counted from 1 in both directions, with the totals; 0 for a pause, 255 for
255 and more."""

MEDIA = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])
"""A file in a row, as Hugging Face's Audio and Image have it."""

AUDIO_SCHEMA = pa.schema(
    [
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("source", pa.string()),
        pa.field("split", pa.string(), nullable=False),
        pa.field("speaker", pa.string()),
        pa.field("emotion", pa.string()),
        pa.field("language", pa.string()),
        pa.field("label", pa.string()),
        pa.field("text", pa.string()),
        pa.field("text_normalised", pa.string()),
        pa.field("licence", pa.string()),
        pa.field("levels", pa.binary(), nullable=False),
        pa.field("num_timesteps", pa.int64(), nullable=False),
        pa.field("sample_rate_hz", pa.int32(), nullable=False),
        pa.field("phone", pa.list_(pa.string())),
        pa.field("phone_start", pa.list_(pa.int64())),
        pa.field("phone_end", pa.list_(pa.int64())),
        pa.field("stress", pa.list_(pa.uint8())),
        pa.field("word", pa.list_(pa.string())),
        pa.field("word_index", pa.list_(pa.int32())),
        pa.field("phrase_index", pa.list_(pa.int32())),
        *(pa.field(name, pa.list_(pa.uint8())) for name in POSITIONS),
        pa.field("align_method", pa.string()),
        pa.field("align_score", pa.float64()),
        pa.field("align_suspect", pa.string()),
        pa.field("log_f0", pa.list_(pa.float32())),
        pa.field("voiced", pa.list_(pa.bool_())),
        pa.field("source_start_s", pa.float64()),
        *GENERATED,
        pa.field("bits_per_timestep", pa.float64()),
    ]
)
"""`levels` holds one byte a timestep. Phones are half-open [start, end) in timesteps and leave no gap.

stress: 0 none, 1 primary, 2 secondary. word: the words in order; word_index and phrase_index: of each phone, counted
from 1, 0 for a pause; null, as the positions are, where a corpus times its phones and names no words. align_score: mean
log likelihood a frame; align_suspect: why the alignment is to be doubted, null where nothing speaks against it. log_f0
(ln Hz, interpolated over what is unvoiced) and voiced: a value a frame, frame f centred at f · frame_period_s.
source_start_s: where in its source the row's first timestep lies.
"""

IMAGE_SCHEMA = pa.schema(
    [
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("source", pa.string()),
        pa.field("split", pa.string(), nullable=False),
        pa.field("label", pa.string()),
        pa.field("licence", pa.string()),
        pa.field("levels", pa.binary(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("channels", pa.int32(), nullable=False),
        *GENERATED,
        pa.field("bits_per_dim", pa.float64()),
    ]
)
"""`levels` holds height · width · channels bytes in that order, the channel fastest."""

FAILURE_SCHEMA = pa.schema(
    [
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("stage", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
    ]
)

ATTRIBUTES = ("speaker", "emotion", "language", "label")
"""Columns whose values a model can be conditioned on as a global condition (an image has only `label`)."""


def conventions_from(data: dict[str, Any], where: str) -> Conventions:
    """Read conventions back from JSON; `where` is named in the error."""
    try:
        if data["kind"] == "audio":
            return AudioConventions(**{**data, "features": AudioFeatures(**data.get("features", {}))})
        return {"image": ImageConventions}[data["kind"]](
            **{**data, "features": ImageFeatures(**data.get("features", {}))}
        )
    except (KeyError, TypeError) as error:
        raise DatasetError(f"{where}: expected the conventions of an audio or image dataset, got {data!r}.") from error


def schema_for(conventions: Conventions) -> pa.Schema:
    """The schema of a shard, with format version and conventions stamped into its metadata.

    `huggingface` is what `datasets` reads its features from, so that a file in a row is an Audio or Image there.
    """
    is_audio = isinstance(conventions, AudioConventions)
    schema = AUDIO_SCHEMA if is_audio else IMAGE_SCHEMA
    media = "audio" if is_audio else "image"
    if conventions.features.media != "off":
        schema = schema.append(pa.field(media, MEDIA))
    stamp = {"format": FORMAT, "format_version": FORMAT_VERSION, "conventions": asdict(conventions)}
    page = {"info": {"features": {field.name: hugging_face_feature(field) for field in schema}}}
    return schema.with_metadata(
        {METADATA_KEY: json.dumps(stamp, sort_keys=True).encode(), b"huggingface": json.dumps(page).encode()}
    )


def hugging_face_feature(field: pa.Field) -> dict[str, Any]:
    """A column as `datasets` describes it (datasets.Features, its JSON form)."""
    if pa.types.is_struct(field.type):
        return {"_type": field.name.capitalize()}
    if pa.types.is_list(field.type):
        return {"feature": hugging_face_feature(pa.field("", field.type.value_type)), "_type": "List"}
    names = {"double": "float64", "float": "float32"}
    return {"dtype": names.get(str(field.type), str(field.type)), "_type": "Value"}


def check_stamp(schema: pa.Schema, conventions: Conventions, where: str) -> None:
    """Refuse a shard that was written under other conventions than its dataset says."""
    expected = schema_for(conventions).metadata[METADATA_KEY]
    found = (schema.metadata or {}).get(METADATA_KEY, b"nothing")
    if found != expected:
        raise DatasetError(
            f"{where}: this shard was written under other conventions than its dataset: expected {expected.decode()}, "
            f"found {found.decode('utf-8', 'replace')}. Prepare the dataset again into a new folder."
        )
    if not schema.equals(schema_for(conventions)):
        raise DatasetError(f"{where}: its columns are not those of the format; it is damaged, or not of our making.")
