import csv
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.speech import number_words
from pipeline.speech.normalise import normalise

LANGUAGES = ["en-us", "de", "fr-fr", "es", "it", "pt-br", "nl", "ru", "cmn", "fa", "am"]
PIECES = (
    "Mr. St. No. 1,234 3.14 U.S. 10:30 1995 21st 1990s $5 €2,50 5% 'tis II e.g. A B IT the cat J. a.m. etc. – ... hello"
)
SIGNS = list(".,;:!?'\"-–—%$€&/ ()0123456789½²№#@")
PIECE = st.one_of(st.text(max_size=3), st.sampled_from(SIGNS), st.sampled_from(PIECES.split()))
TEXTS = st.lists(PIECE, max_size=10).map("".join) | st.lists(PIECE, max_size=10).map(" ".join)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("“Mr. Smith” paid $5.20 – in 1995!", "Mister Smith paid five dollars twenty cents, in nineteen ninety five!"),
        ("Dr. Jones, Prof. Lee vs. Gen. Grant etc.", "Doctor Jones, Professor Lee versus General Grant et cetera"),
        ("St. Paul lives in Main St. now", "Saint Paul lives in Main Street now"),
        ("No. 5 says no. Never.", "Number five says no. Never."),
        ("J. Smith met Henry VIII", "J Smith met Henry eight"),
        ("at 10:30, 9:05, 9:00 and 9:00 a.m.", "at ten thirty, nine oh five, nine o'clock and nine a.m"),
        ("the 21st of the 1990s and 1800s", "the twenty first of the nineteen nineties and eighteen hundreds"),
        (
            "1,234,567.89",
            "one million two hundred and thirty four thousand five hundred and sixty seven point eight nine",
        ),
        ("5% of -3, 1990–95", "five percent of minus three, nineteen ninety to ninety five"),
        ("£1, £2.01 and $1.5 million", "one pound, two pounds one penny and one point five million dollars"),
        ("agent 007 & co", "agent zero zero seven and co"),
        ("½ a cup of H2O", "one half a cup of H two O"),
        ("it’s ‘quoted’ and dogs' rock'n'roll", "it's quoted and dogs rock'n'roll"),
        ("well-known (to us) and more", "well known, to us, and more"),
        ("so... really?! Yes—now", "so. really? Yes, now"),
        ("made in the U.S., see example.com", "made in the U.S, see example dot com"),
        ("soft\u00adhyphen, zero\u200bwidth, a\tb\0c", "softhyphen, zerowidth, a b c"),
        ("Cafe\u0301", "Café"),
    ],
)
def test_english_is_written_as_it_is_said(text: str, expected: str) -> None:
    assert normalise(text, "en-us") == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("de", "1.234,50 € (5 %)", "eintausendzweihundertvierunddreißig Euro fünfzig Cent, fünf Prozent,"),
        ("de", "im Jahr 1995", "im Jahr neunzehnhundertfünfundneunzig"),
        (
            "fr-fr",
            "l’État a 1 234 fois 3,5 %",
            "l'État a mille deux cent trente quatre fois trois virgule cinq pour cent",
        ),
        ("es", "¿Cuánto? 1 €", "Cuánto? un euro"),
        ("pt-br", "16 & 2", "dezesseis e dois"),
        ("pt-pt", "16", "dezasseis"),
        ("nb", "21", "tjueen"),
        ("cmn", "你好。世界！", "你好. 世界!"),
        ("hi", "नमस्ते।", "नमस्ते."),
    ],
)
def test_each_language_says_its_numbers_and_marks(language: str, text: str, expected: str) -> None:
    assert normalise(text, language) == expected


def test_what_is_not_known_is_left_to_espeak() -> None:
    assert normalise("12 5% 3,14 $2", "cmn") == "12 5% 3,14 $2"
    assert normalise("3,14 и 21", "ru") == "3,14 и двадцать один"


def test_a_language_whose_converter_never_ends_is_not_asked() -> None:
    """num2words(2345678, lang="am") hangs."""
    assert normalise("2345678", "am") == "2345678"


def test_a_converter_that_fails_leaves_the_digits() -> None:
    """num2words knows no Telugu beyond 10^12, and says so by an OverflowError."""
    assert number_words.converted(10**12 + 5, "te", "cardinal") == "1000000000005"


def test_a_long_number_is_read_digit_by_digit() -> None:
    assert number_words.cardinal("1" * 1000, "en").split() == ["one"] * 1000


def test_case_is_kept_unless_everything_is_shouted() -> None:
    assert normalise("NASA told Ms. McKay", "en-us") == "NASA told Miz McKay"
    assert normalise("HE TOLD US OF IT, MR. SMITH", "en-us") == "he told us of it, mister smith"
    assert normalise("IBM", "en-us") == "IBM"


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.sampled_from(LANGUAGES))
def test_a_normalised_text_stays_as_it_is(text: str, language: str) -> None:
    once = normalise(text, language)
    assert normalise(once, language) == once


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.sampled_from(LANGUAGES))
def test_only_what_is_said_is_kept_and_letters_always_leave_something(text: str, language: str) -> None:
    said = normalise(text, language)
    assert all(unicodedata.category(letter)[0] in "LMN" or letter in ".,;:!?' \u200c\u200d%$€£¥" for letter in said)
    if any(unicodedata.category(letter)[0] == "L" and letter not in "ʼʻʹ" for letter in text):
        assert said


def test_ljspeech_s_raw_and_normalised_texts_agree(shared_data: Path) -> None:
    with (shared_data / "LJSpeech-1.1" / "metadata.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="|", quoting=csv.QUOTE_NONE))
    for _, raw, normalised in rows:
        assert normalise(raw, "en-us") == normalise(normalised, "en-us")


@pytest.mark.parametrize("unit", ["-", "' ", ",234"])
def test_a_long_run_is_not_gone_over_from_each_of_its_places(unit: str) -> None:
    """Were it, this would take ten minutes, and the test's time be up."""
    normalise(unit * (200_000 // len(unit)), "en-us")
