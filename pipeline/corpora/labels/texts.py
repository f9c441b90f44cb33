"""The text of one utterance from a file of its own: `.txt` beside the audio, or `.lab` as an aligner's input.

Traps: a byte-order mark; text broken into lines; TIMIT's prompts begin with the first and the last timestep
(`0 46797 She had your dark suit ...`), which are no part of what is said.
"""

import re

from pipeline.corpora.labels.small_files import read_small
from pipeline.errors import ItemError

MOST_TEXT_BYTES = 2**18
"""A quarter of a million characters: several hours of speech."""

TIMIT_SPAN = re.compile(r"0 [0-9]{4,7} (?=\D)")


def read_text(source: str) -> str:
    """The text of one utterance, on one line; `source` is the URI of its file.

    Runs of white space, line ends among them, become one blank each. Raises ItemError at stage "text" for a file that
    is missing, larger than a text would be, or not UTF-8.
    """
    data = read_small(source, MOST_TEXT_BYTES, "text")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ItemError(
            "text", f"{source}: expected UTF-8 text, byte {error.start} cannot be read; re-encode the file"
        ) from error
    if "\0" in text:
        raise ItemError("text", f"{source}: expected text, but it holds bytes of zero: it is a file of another kind")
    return TIMIT_SPAN.sub("", " ".join(text.split()), count=1) if text.startswith("0 ") else " ".join(text.split())
