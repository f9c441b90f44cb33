from dataclasses import asdict, fields
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ItemError
from pipeline.speech.hts_label import Context, parse_label
from pipeline.speech.hts_labels import contexts_of, labels_of
from pipeline.speech.pronounce import pronounce
from pipeline.speech.utterance import Phone, Utterance, Word
from tests.utterance_builders import utterances

LINE = (
    "1300000 2050000 x^sil-hh+iy=t@1_2/A:0_0_0/B:1-1-2@1-1&1-4#1-3$1-4!0-1;0-1|iy/C:1+1+4/D:0_0/"
    "E:content+1@1+3&1+2#0+1/F:content_1/G:0_0/H:4=3@1=2|L-H%/I:9=6/J:13+9-2"
)

BY_FESTIVAL = {"a2", "b2", "c2", "b10", "b11", "b14", "b15", "d1", "e1", "e5", "e6", "e7", "e8", "f1", "h5"}
"""Accents, parts of speech and tones, which are not in a text's phones."""


def test_a_label_is_read_field_by_field() -> None:
    label = parse_label(LINE)
    assert (label.start, label.end, label.state) == (1_300_000, 2_050_000, None)
    context = label.context
    assert [context.p1, context.p2, context.p3, context.p4, context.p5] == ["x", "sil", "hh", "iy", "t"]
    assert [context.b9, context.b16, context.e1, context.h5, context.j3] == ["3", "iy", "content", "L-H%", "2"]
    assert len(fields(Context)) == 53


@pytest.mark.parametrize("ending", ["", "[2]", "[6]"])
@pytest.mark.parametrize("times", ["0 50000 ", ""])
def test_a_label_that_is_read_is_written_as_it_was(times: str, ending: str) -> None:
    line = times + LINE.split()[2] + ending
    assert str(parse_label(line)) == line
    assert parse_label(line).state == (int(ending[1]) if ending else None)


@pytest.mark.parametrize("name", ["arctic_a0009_phone.lab", "arctic_a0009_state.lab"])
def test_real_labels_are_written_as_they_were(shared_data: Path, name: str) -> None:
    lines = (shared_data / "hts-arctic" / name).read_text().splitlines()
    assert len(lines) == (40 if "phone" in name else 200)
    assert [str(parse_label(line)) for line in lines] == lines


@pytest.mark.parametrize(
    "line", ["", "0 1 sil", LINE.replace("/J:", "/K:"), LINE + "-2 x", LINE.replace(" ", "  x ", 1), "-" * 100_000]
)
def test_what_is_no_label_is_an_item_error(line: str) -> None:
    with pytest.raises(ItemError, match="expected an HTS label") as caught:
        parse_label(line)
    assert caught.value.stage == "phones"


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="x1^-+=@_/A:B&#$!;|[] ", max_size=80))
def test_any_line_is_a_label_or_an_item_error(line: str) -> None:
    try:
        assert str(parse_label(line)) == " ".join(line.split())
    except ItemError:
        return


def utterance_in(contexts: list[Context]) -> tuple[Utterance, list[int | None]]:
    """The utterance that full-context labels tell of, and the places of their phones."""
    phrases: list[list[list[list[Phone]]]] = []
    places: list[int | None] = []
    for context in contexts:
        is_pause = context.p3 == "sil"
        places.append(None if is_pause else sum(place is not None for place in places))
        if is_pause:
            continue
        if (context.p6, context.b4, context.e3) == ("1", "1", "1"):
            phrases.append([])
        if (context.p6, context.b4) == ("1", "1"):
            phrases[-1].append([])
        if context.p6 == "1":
            phrases[-1][-1].append([])
        phrases[-1][-1][-1].append(Phone(context.p3, int(context.b1)))
    return Utterance(tuple(tuple(Word("", tuple(map(tuple, word))) for word in phrase) for phrase in phrases)), places


def test_our_fields_are_festival_s(shared_data: Path) -> None:
    """All that do not take an accent, a part of speech or a tone, but for two that Festival counts its own way."""
    lines = (shared_data / "hts-arctic" / "arctic_a0009_phone.lab").read_text().splitlines()
    theirs = [parse_label(line).context for line in lines]
    utterance, places = utterance_in(theirs)
    assert [len(phrase) for phrase in utterance.phrases] == [3, 6]
    for place, their, our in zip(places, theirs, contexts_of(utterance, places), strict=True):
        own = {name: value for name, value in asdict(our).items() if name not in BY_FESTIVAL}
        expected = {name: value for name, value in asdict(their).items() if name in own}
        if place is None:
            own |= {"h3": expected["h3"], "h4": expected["h4"]}  # it puts pauses into phrases
        else:
            own |= {"b8": str(max(int(own["b8"]), 1)), "b9": str(int(own["b9"]) + 1)}
        assert own == expected


def test_what_is_not_known_is_x() -> None:
    utterance = pronounce("hello there, world")
    for context in contexts_of(utterance, range(len(utterance.phones))):
        unknown = BY_FESTIVAL - {"a2", "c2", "d1", "f1"}
        assert {getattr(context, name) for name in unknown} == {"x"}


def test_labels_of_a_sentence() -> None:
    """Times in 100 ns; a pause has its neighbours' syllables, words and phrases."""
    utterance = pronounce("hello, world")
    spans = [(None, 0.0, 0.05), *((place, 0.05 + place / 20, 0.1 + place / 20) for place in range(8))]
    lines = list(labels_of(utterance, spans))
    assert lines[0] == (
        "0 500000 x^x-sil+h=ə@x_x/A:0_0_0/B:x-x-x@x-x&x-x#x-x$x-x!x-x;x-x|x/C:0+x+2/D:0_0/E:x+x@x+x&x+x#x+x/F:x_2/"
        "G:0_0/H:x=x@x=x|x/I:2=1/J:3+2-2"
    )
    assert lines[3] == (
        "1500000 2000000 h^ə-l+oʊ=w@1_2/A:0_x_2/B:1-x-2@2-1&2-1#0-0$x-x!0-0;x-x|oʊ/C:1+x+4/D:0_0/E:x+2@1+1&x+x#x+x/"
        "F:x_1/G:0_0/H:2=1@1=2|x/I:1=1/J:3+2-2"
    )
    assert lines[-1].startswith("4000000 4500000 ɜː^l-d+x=x@4_1/A:1_x_2/")


def test_states_share_out_the_phone() -> None:
    utterance = pronounce("red")
    labels = [parse_label(line) for line in labels_of(utterance, [(0, 0.0, 0.1), (1, 0.1, 0.1000004)], num_states=5)]
    assert [label.state for label in labels] == [2, 3, 4, 5, 6] * 2
    assert all(left.end == right.start for left, right in pairwise(labels))
    assert [label.end for label in labels[:5]] == [200_000, 400_000, 600_000, 800_000, 1_000_000]
    assert labels[-1].end == 1_000_004


@pytest.mark.parametrize("symbol", ["ax-h", "a+", "", "a b", "a/A:", "n]"])
def test_a_phone_that_would_be_read_as_another_is_refused(symbol: str) -> None:
    utterance = Utterance(((Word("w", ((Phone(symbol),),)),),))
    with pytest.raises(ItemError, match="cannot stand in an HTS label"):
        list(labels_of(utterance, [(0, 0.0, 0.1)]))


@settings(max_examples=100, deadline=None)
@given(utterances(), st.data())
def test_labels_that_are_written_are_read_back(utterance: Utterance, data: st.DataObject) -> None:
    places: list[int | None] = list(range(len(utterance.phones)))
    places.insert(data.draw(st.integers(0, len(places))), None)
    lines = list(labels_of(utterance, [(place, n / 10, (n + 1) / 10) for n, place in enumerate(places)]))
    labels = [parse_label(line) for line in lines]
    assert [str(label) for label in labels] == lines
    symbols = [label.context.p3 for label in labels]
    assert symbols == ["sil" if place is None else utterance.phones[place].symbol for place in places]
    for left, right in pairwise(labels):
        assert (left.context.p3, left.context.p4) == (right.context.p2, right.context.p3)
        assert left.end == right.start


def test_an_utterance_of_pauses_has_labels_too() -> None:
    (line,) = labels_of(Utterance(()), [(None, 0.0, 1.0)])
    assert line.endswith("/C:0+0+0/D:0_0/E:x+x@x+x&x+x#x+x/F:0_0/G:0_0/H:x=x@x=x|x/I:0=0/J:0+0-0")
