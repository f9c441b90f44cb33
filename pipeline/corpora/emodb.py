"""EmoDB, the Berlin database of emotional speech: ten actors, ten German sentences, seven emotions, 16 kHz.

Source: Burkhardt et al. 2005, emodb.bilderbar.info. Licence: none is given; free to use with a citation.
Layout: wav/03a01Fa.wav, the folder given being `wav` or the one above: two digits the speaker, three letters the
sentence, one the emotion, the last the version.
Traps: the emotion's letter is that of its German name (W Wut, L Langeweile, E Ekel, A Angst, F Freude, T Trauer, N
neutral); the versions of a sentence are takes of one actor, so that a split by item may put one on each side. The
label files (.lablaut, .labsilb) are in a format of their own and are not read.
"""

import re
from collections.abc import Iterator

from pipeline.corpora.item_files import files_of, name_of, told_by_names
from pipeline.corpora.layout import Layout
from pipeline.corpora.listing import without_ending
from pipeline.items import AudioItem, BadItem, Item
from pipeline.storage import FileEntry, Location

NAME = re.compile(
    r"^(?P<speaker>[0-9]{2})(?P<sentence>[ab][0-9]{2})(?P<emotion>[WLEAFTN])[a-z]?\.(wav|flac)$", re.ASCII
)

EMOTIONS = {
    "W": "angry",
    "L": "bored",
    "E": "disgust",
    "A": "fearful",
    "F": "happy",
    "T": "sad",
    "N": "neutral",
}
"""By the words that `ravdess.py` has for them, so that the two may be trained on together."""

SENTENCES = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}

LICENCE = "none given (EmoDB: free to use with a citation)"


def detect(folder: Location) -> bool:
    """Whether a file here or in wav/ is named as an utterance is."""
    return any(NAME.match(name) for place in (folder, folder / "wav") for name in place.names())


def items(folder: Location) -> Iterator[Item]:
    """One item a file, in the order of paths."""
    return told_by_names(folder, recording)


def recording(folder: Location, entry: FileEntry) -> Item:
    """What a file's name says of it."""
    match = NAME.match(name_of(entry.path))
    if match is None:
        return BadItem(entry.path, str(folder / entry.path), "expected a name such as 03a01Fa.wav")
    if match["sentence"] not in SENTENCES:
        expected = ", ".join(SENTENCES)
        reason = f"expected one of the sentences {expected}, got {match['sentence']!r}"
        return BadItem(entry.path, str(folder / entry.path), reason)
    return AudioItem(
        item_id=without_ending(match[0]),
        speaker=match["speaker"],
        emotion=EMOTIONS[match["emotion"]],
        language="de",
        text=SENTENCES[match["sentence"]],
        licence=LICENCE,
        **files_of(folder, entry),
    )


LAYOUT = Layout("emodb", "audio", "files named as 03a01Fa.wav, here or in wav/ (EmoDB)", detect, items)
