import contextlib
from pathlib import Path

import pytest

from pipeline.corpora.labels.hts_times import is_plain_text_label, read_hts
from pipeline.errors import ItemError
from pipeline.items import TimedPhone
from tests.label_builders import ARCTIC, CONTEXT


def phones(text: str) -> list[tuple[str, float, float]]:
    return [(phone.phone, phone.start_s, phone.end_s) for phone in read_hts(text.encode(), "a.lab")[0]]


def test_units_are_a_hundred_nanoseconds() -> None:
    assert phones("0 1300000 pau\n1300000 2050000 hh\n") == [("sil", 0.0, 0.13), ("hh", 0.13, 0.205)]


@pytest.mark.parametrize(
    ("label", "phone"), [(CONTEXT.format("ng"), "ng"), ("t-er+n", "er"), ("aa", "aa"), ("xx^xx-a+k=o", "a")]
)
def test_the_phone_in_the_middle_of_a_label_counts(label: str, phone: str) -> None:
    assert phones(f"0 1300000 {label}\n") == [(phone, 0.0, 0.13)]


def test_states_are_joined_and_a_phone_said_twice_stays_two() -> None:
    label = CONTEXT.format("a")
    lines = [
        f"{number * 100_000} {(number + 1) * 100_000} {label}[{state}]"
        for number, state in enumerate([2, 3, 4, 5, 6, 2, 3, 4, 5, 6])
    ]
    assert phones("\n".join(lines)) == [("a", 0.0, 0.05), ("a", 0.05, 0.1)]
    assert phones("0 50000 sil[2]\n50000 90000 sil[3]\n90000 100000 a[3]\n") == [("sil", 0, 0.009), ("a", 0.009, 0.01)]


def test_scores_and_words_after_a_label_are_passed_over() -> None:
    assert phones("0 1300000 hh -53.25 hello\n1300000 2000000 ax -1e3\n")[0] == ("hh", 0.0, 0.13)


def test_an_xlabel_file_has_ends_alone() -> None:
    assert read_hts(ARCTIC, "a.lab")[0] == (
        TimedPhone("sil", 0.0, 0.1),
        TimedPhone("hh", 0.1, 0.165),
        TimedPhone("sil", 0.165, 2.5),
    )
    assert read_hts(b"separator ;\nnfields 1\n" + ARCTIC, "a.lab") == read_hts(ARCTIC, "a.lab")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("this is plain text\n", "expected start, end and label a line, got 'this is plain text'"),
        ("", "holds no times"),
        ("#\n", "holds no times"),
        ("#\n0.1 125\n", "expected end_s, a colour and a phone"),
        ("#\n0.2 125 a\n0.1 125 b\n", "'b' is said to sound from 0.2 s to 0.1 s"),
        ("1300000 0 a\n", "from 0.13 s to 0.0 s"),
        (CONTEXT.format("a") + "\n", "expected start, end and label"),
        ("0 100 a\n\xff\xfe\n", "expected start, end and label"),
    ],
)
def test_what_is_no_label_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ItemError) as caught:
        read_hts(text.encode("latin-1"), "a.lab")
    assert reason in caught.value.reason


@pytest.mark.parametrize(
    ("data", "is_text"),
    [
        (b"HE BEGAN A CONFUSED COMPLAINT\n", True),
        (b"twenty\n20 30 is what he said\n", True),
        (b"1 2 3\n4 5 6\n", True),
        (b"# 1 of 2\nhello", True),
        (b"#\nhello", True),
        (b"", True),
        (b"0 1300000 pau\n", False),
        (b"0 1300000 " + CONTEXT.format("a").encode(), False),
        (CONTEXT.format("a").encode(), False),
        (ARCTIC, False),
    ],
)
def test_plain_text_is_told_from_times(data: bytes, is_text: bool) -> None:
    assert is_plain_text_label(data) == is_text


@pytest.mark.parametrize("piece", ["a+", "a^b-", "a-b+", "1 ", "[2]", "# ", "1 2 a -1 "])
def test_a_line_of_one_thing_over_and_over_is_read_in_linear_time(piece: str) -> None:
    for head in ("", "0 100 ", "0 100 a^b-c+"):
        line = (head + piece * 50_000).encode()
        is_plain_text_label(line)
        with contextlib.suppress(ItemError):
            read_hts(line, "a.lab")


def test_real_labels_of_phones_and_of_states_agree(shared_data: Path) -> None:
    folder = shared_data / "hts-arctic"
    by_phone, by_state = (
        read_hts((folder / f"arctic_a0009_{kind}.lab").read_bytes(), kind)[0] for kind in ("phone", "state")
    )
    assert by_phone == by_state
    assert len(by_phone) == 40
    assert [one.phone for one in by_phone[:4]] == ["sil", "hh", "iy", "t"]


def test_real_labels_of_plain_text_are_told(shared_data: Path) -> None:
    found = {
        path.name: is_plain_text_label(path.read_bytes())
        for folder in ("odd-formats", "hts-arctic")
        for path in (shared_data / folder).glob("*.lab")
    }
    assert found == {name: not name.startswith("arctic") for name in found}
    assert len(found) == 5
