"""Which columns of a Hugging Face table mean what: the medium, and the texts about it."""

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from pipeline.corpora.language import language_tag

Media = Literal["audio", "image"]

FEATURES: dict[Media, str] = {"audio": "Audio", "image": "Image"}

NAMES: dict[Media, tuple[str, ...]] = {"audio": ("audio", "speech", "wav"), "image": ("image", "img", "picture")}
"""What a column is called that no metadata tells of."""

MEANINGS = {
    "item_id": ("item_id",),
    "text": ("text", "sentence", "transcription", "transcript", "text_original"),
    "text_normalised": ("text_normalised", "text_normalized", "normalized_text"),
    "speaker": ("speaker", "speaker_id", "client_id"),
    "emotion": ("emotion",),
    "language": ("language", "lang", "locale"),
    "label": ("label", "labels", "class", "fine_label", "gender"),
    "licence": ("licence", "license"),
    "duration_s": ("duration", "duration_s"),
}
"""An item's field → the columns that it may come from, the first that is there."""

UNREADABLE = object()
"""In place of a text that is no UTF-8."""


@dataclass(frozen=True)
class Column:
    """A column that is read: its name, the item's field that it becomes, the names of its classes, if it has any."""

    name: str
    field: str
    classes: tuple[str, ...]


def features_of(schema: pa.Schema) -> dict[str, Any]:
    """The features that the schema's `huggingface` metadata describes by column; none where it does not."""
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b""))["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return {name: one for name, one in features.items() if isinstance(one, dict)} if isinstance(features, dict) else {}


def media_column(schema: pa.Schema, media: Media) -> str:
    """The name of the column that holds recordings or pictures; "" where there is none."""
    features = features_of(schema)
    structs = [field.name for field in schema if holds_files(field.type)]
    described = [name for name in structs if features.get(name, {}).get("_type") == FEATURES[media]]
    named = [name for name in structs if name not in features and name.lower() in NAMES[media]]
    return next(iter(described + named), "")


def holds_files(kind: pa.DataType) -> bool:
    """Whether a column's type is a struct with bytes."""
    if not pa.types.is_struct(kind) or kind.get_field_index("bytes") < 0:
        return False
    tests = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_null)
    return any(test(kind.field("bytes").type) for test in tests)


def columns_of(schema: pa.Schema) -> list[Column]:
    """The columns to read beside the bytes; what two columns are called is neither's name."""
    features, counts = features_of(schema), Counter(schema.names)
    by_name = {name.lower(): name for name in reversed(schema.names) if counts[name] == 1}
    found: list[Column] = []
    for field, names in MEANINGS.items():
        usable = (by_name[name] for name in names if name in by_name and is_text(schema.field(by_name[name]).type))
        if name := next(usable, ""):
            found.append(Column(name, field, classes_of(features.get(name, {}))))
    return found


def is_text(kind: pa.DataType) -> bool:
    """Whether values of this type can be taken as a text: texts, numbers, pandas' categories of them."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(test(kind) for test in (*texts, pa.types.is_integer, pa.types.is_floating))


def classes_of(feature: dict[str, Any]) -> tuple[str, ...]:
    """The names of a ClassLabel's classes."""
    names = feature.get("names")
    is_label = feature.get("_type") == "ClassLabel" and isinstance(names, list)
    return tuple(map(str, names)) if is_label and names else ()


def rows(batch: pa.RecordBatch, columns: list[Column]) -> Iterator[dict[str, Any]]:
    """The values of each row by the fields that they become, as the table has them."""
    values = [values_of(batch.column(column.name)) for column in columns]
    fields = [column.field for column in columns]
    for row in zip(*values, strict=True) if values else [()] * batch.num_rows:
        yield dict(zip(fields, row, strict=True))


def values_of(array: pa.Array) -> list[Any]:
    """A column's values; a text that is no UTF-8 spoils its own row alone."""
    try:
        return list(array.to_pylist())
    except UnicodeDecodeError:
        return [value_of(one) for one in array]


def value_of(scalar: pa.Scalar) -> Any:
    """One value."""
    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        return UNREADABLE


def fields_of(values: dict[str, Any], columns: list[Column]) -> dict[str, Any]:
    """One row's fields of the item; ValueError says what is wrong with them."""
    found: dict[str, Any] = {}
    for column in columns:
        value = values[column.field]
        if value is UNREADABLE:
            raise ValueError(f"{column.name} is no UTF-8 text")
        if column.field == "duration_s":
            if isinstance(value, int | float) and 0 < value < math.inf:
                found["duration_s"] = float(value)
        elif value is not None:
            found[column.field] = class_name(value, column) if column.classes else str(value)
    if "language" in found:
        found["language"] = language_tag(found["language"])
    return found


def class_name(value: Any, column: Column) -> str:
    """The name of a class; "" for -1, which says that it is not known."""
    if isinstance(value, int) and -1 <= value < len(column.classes):
        return column.classes[value] if value >= 0 else ""
    raise ValueError(f"{column.name} is {value!r:.60}; expected one of {len(column.classes)} classes, from 0")
