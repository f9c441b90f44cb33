"""Common Voice: sentences that volunteers read aloud and others listened to, over 100 languages, MP3 of 32 or 48 kHz.

Source: Ardila et al. 2020, commonvoice.mozilla.org. Licence: CC0 1.0.
Layout: the folder of one language (cv-corpus-.../en): clips/*.mp3; train.tsv, dev.tsv, test.tsv and validated.tsv with
a header that names the columns: client_id is the speaker, path the clip, sentence the text, locale the language.
Traps: quotes are plain characters; columns differ between releases; early ones leave .mp3 out of path; validated.tsv
has the clips of the three others again, of which each is one item. The rest of it goes where its speaker is: with those
of dev and test, else to train, so that no speaker is on two sides (a sentence may be: split.by = "text" keeps those
apart). other.tsv (too few votes) and invalidated.tsv (voted down) are not read. The clips are not listed, there being
millions in one folder: a missing one is found when it is read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.corpora.layout import Layout
from pipeline.corpora.lines import Line, text_lines
from pipeline.corpora.listing import AUDIO_ENDINGS, stays_below, without_ending
from pipeline.corpora.splits import own_splits
from pipeline.items import AudioItem, BadItem, Item
from pipeline.seen_ids import SeenIds
from pipeline.storage import Location

CLIPS = "clips"

SPLITS = ("dev", "test", "train")
"""In this order: who is held out is known before the rest is shared out."""

VALIDATED = "validated"

VOICES = {"en": "en-us", "zh-CN": "cmn", "zh-TW": "cmn", "zh-HK": "yue", "nn-NO": "nb", "pt": "pt-br"}
"""The voice of espeak-ng for a locale, where the language alone (sv of sv-SE) is not its name."""

LOCALE = re.compile(r"^[a-z]{2,3}(-[A-Za-z0-9]+)*$")

LICENCE = "CC0 1.0"


def tables(folder: Location) -> list[str]:
    """The tables that are read, those of splits first."""
    names = set(folder.names())
    return [name for name in (*SPLITS, VALIDATED) if f"{name}.tsv" in names]


def detect(folder: Location) -> bool:
    """Whether clips/ stands beside a table of clips."""
    return bool(tables(folder)) and (folder / CLIPS).is_folder()


def items(folder: Location) -> Iterator[Item]:
    """One item a clip, table by table, each in its own order; ids, and the speakers of dev and test, are held."""
    found = tables(folder)
    splits = own_splits(name for name in found if name in SPLITS)
    seen = SeenIds()
    held: dict[str, str] = {}
    for table in found:
        for item in rows(folder, table):
            if isinstance(item, BadItem):
                yield item
            elif seen.add(without_ending(item.clip)):
                if table in ("dev", "test"):
                    held[item.speaker] = splits[table]
                split = held.get(item.speaker, splits.get("train", "")) if table == VALIDATED else splits[table]
                yield clip_item(folder, item, split)
            elif table != VALIDATED:
                reason = f"the clip {item.clip!r} is listed twice"
                yield BadItem(f"{item.clip} ({item.where})", str(folder / f"{table}.tsv"), reason)


@dataclass(frozen=True, slots=True)
class Row:
    """What a table says of a clip."""

    where: str
    clip: str
    speaker: str
    sentence: str
    locale: str


def rows(folder: Location, table: str) -> Iterator[Row | BadItem]:
    """The rows of one table."""
    file = folder / f"{table}.tsv"
    columns: list[str] = []
    for line in text_lines(file, file.name):
        if isinstance(line, BadItem):
            yield line
        elif not columns:
            columns = line.text.split("\t")
        else:
            yield read_row(file, columns, line)


def read_row(file: Location, columns: list[str], line: Line) -> Row | BadItem:
    """One row by the names of its columns."""
    fields = line.text.split("\t")
    if len(fields) != len(columns) or "path" not in columns:
        reason = f"expected {len(columns)} columns ({', '.join(columns)[:60]}), path among them, got {len(fields)}"
        return BadItem(line.where, str(file), reason)
    row = dict(zip(columns, fields, strict=True))
    clip = row["path"] if row["path"].lower().endswith(AUDIO_ENDINGS) else row["path"] + ".mp3"
    if not stays_below(clip):
        return BadItem(line.where, str(file), f"expected the name of a file in {CLIPS}/, got {row['path']!r}")
    return Row(line.where, clip, row.get("client_id", ""), row.get("sentence", "").strip(), row.get("locale", ""))


def clip_item(folder: Location, row: Row, split: str) -> AudioItem:
    """One clip."""
    locale = row.locale or (folder.name if LOCALE.match(folder.name) else "")
    return AudioItem(
        item_id=without_ending(row.clip),
        source=str(folder / CLIPS / row.clip),
        speaker=row.speaker,
        language=VOICES.get(locale, locale.partition("-")[0].lower()),
        text=row.sentence,
        licence=LICENCE,
        split=split,
    )


LAYOUT = Layout(
    "common_voice", "audio", "clips/ and validated.tsv or train.tsv (Common Voice, one language)", detect, items
)
