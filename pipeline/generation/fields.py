"""One field of a request at a time: the value, or an error that says what was expected, what came, and where."""

from collections.abc import Mapping
from typing import Any

from pipeline.errors import RequestError

TEXT_KEYS = ("id", "speaker", "emotion", "language", "label", "text")
"""Keys whose values are text whatever they look like: the label 3 is "3"."""

MOST_ID_CHARACTERS = 200
MOST_WHOLE_NUMBER = 2**63 - 1
"""The dataset's columns of whole numbers are signed, of 64 bits."""


def text_of(data: Mapping[str, Any], key: str, where: str) -> str:
    """A value that must be text with something in it."""
    value = data[key]
    if not isinstance(value, str) or not value.strip() or any("\ud800" <= letter <= "\udfff" for letter in value):
        wanted = "text or a whole number" if key in TEXT_KEYS else "text"
        raise RequestError(f'{where}: {key} must be {wanted}, as in {{"{key}": "..."}}, got {shown(value)}.')
    return value


def numbers_as_text(data: Mapping[str, Any]) -> dict[str, Any]:
    """A request whose whole numbers are text where text is meant: {"label": 3} asks for what {"label": "3"} does.

    Other numbers stay, to be refused: of 3.0 no one can tell which text it was to be.
    """
    numbers = {key: str(data[key]) for key in TEXT_KEYS if key in data and is_whole(data[key])}
    return {**data, **numbers}


def is_whole(value: object) -> bool:
    """Whether JSON had a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def request_id_of(data: Mapping[str, Any], line_number: int, where: str) -> str:
    """The request's own name, or the number of its line with six digits."""
    if "id" not in data:
        return f"{line_number:06d}"
    name = text_of(data, "id", where)
    if len(name) > MOST_ID_CHARACTERS or not name.isprintable():
        raise RequestError(f"{where}: id must be 1 to {MOST_ID_CHARACTERS} printable characters, got {shown(name)}.")
    return name


def whole_number(data: Mapping[str, Any], key: str, default: int, least: int, most: int, where: str) -> int:
    """A whole number within bounds."""
    value = data.get(key, default)
    if not isinstance(value, int) or not is_whole(value) or not least <= value <= most:
        raise RequestError(f"{where}: {key} must be a whole number from {least} to {most}, got {shown(value)}.")
    return value


def plain_value(key: str, value: Any) -> Any:
    """A value of a table or a grid as a request has it: numbers are text where text is meant."""
    return str(value) if key in TEXT_KEYS and is_number(value) else value


def is_number(value: object) -> bool:
    """Whether JSON had a number: Python counts true among them."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def shown(value: object) -> str:
    """What came, short enough for a message."""
    text = repr(value)
    return text if len(text) <= 64 else text[:60] + "..."
