"""The columns of a dataset and the conventions that give its levels a meaning.

A prepared and a generated dataset share one schema; the columns that only generation fills are null in a prepared one.
Half-float lists are avoided: several engines cannot read them.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pyarrow as pa

from pipeline.errors import DatasetError

FORMAT = "ancestral-dataset"
FORMAT_VERSION = 1

METADATA_KEY = b"ancestral"

Kind = Literal["audio", "image"]
Companding = Literal["mu-law", "linear"]


@dataclass(frozen=True)
class AudioConventions:
    """What a level of audio means: mono, `num_levels` values in [0, num_levels), companded as named.

    mu-law has mu = num_levels - 1 and rounds to nearest; linear spaces the levels evenly over [-1, 1].
    """

    sample_rate_hz: int
    companding: Companding = "mu-law"
    num_levels: int = 256
    rounding: Literal["nearest"] = "nearest"
    kind: Literal["audio"] = "audio"


@dataclass(frozen=True)
class ImageConventions:
    """What a level of an image means: rows top to bottom, columns left to right, channel fastest; level = intensity."""

    height: int
    width: int
    channels: int
    num_levels: int = 256
    kind: Literal["image"] = "image"


Conventions = AudioConventions | ImageConventions

GENERATED: list[Any] = [
    pa.field("seed", pa.int64()),
    pa.field("temperature", pa.float64()),
    pa.field("nll_nats", pa.float64()),
    pa.field("model_digest", pa.string()),
    pa.field("request", pa.string()),
    pa.field("sampling_path", pa.string()),
]
"""Filled by generation, null in a prepared dataset. `nll_nats` is of the whole item, at temperature 1."""

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
        pa.field("align_method", pa.string()),
        *GENERATED,
    ]
)
"""`levels` holds one byte a timestep. Phones are half-open [start, end) in timesteps and leave no gap."""

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
    types: dict[str, type[AudioConventions | ImageConventions]] = {"audio": AudioConventions, "image": ImageConventions}
    try:
        return types[data["kind"]](**data)
    except (KeyError, TypeError) as error:
        raise DatasetError(f"{where}: expected the conventions of an audio or image dataset, got {data!r}.") from error


def schema_for(conventions: Conventions) -> pa.Schema:
    """The schema of a shard, with format version and conventions stamped into its metadata."""
    schema = AUDIO_SCHEMA if isinstance(conventions, AudioConventions) else IMAGE_SCHEMA
    stamp = {"format": FORMAT, "format_version": FORMAT_VERSION, "conventions": asdict(conventions)}
    return schema.with_metadata({METADATA_KEY: json.dumps(stamp, sort_keys=True).encode()})


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
