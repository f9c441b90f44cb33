import re
import sqlite3
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ItemError, MissingExtra
from pipeline.speech import lexicon
from pipeline.speech.lexicon import guessed, pronunciations, word_phones
from pipeline.speech.pronounce import pronounce


def said(word: str) -> str:
    return " ".join(phone.symbol for phone in word_phones(word))


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("water", "w ɔ t ɚ"),
        ("Water", "w ɔ t ɚ"),
        ("record", "ɹ ɛ k ɚ d"),  # the first of two: the noun
        ("church", "tʃ ɚ tʃ"),  # no ties
        ("u.s", "j u ɛ s"),
        ("a.m", "eɪ ɛ m"),
    ],
)
def test_words_are_looked_up(word: str, phones: str) -> None:
    assert said(word) == phones


@pytest.mark.parametrize(("noun", "ending"), [("workbench", "ɪ z"), ("cassock", "s"), ("gargoyle", "z")])
def test_a_possessive_ends_as_its_noun_asks(noun: str, ending: str) -> None:
    assert f"{noun}'s" not in pronunciations()
    assert said(f"{noun}'s") == f"{said(noun)} {ending}"


def test_stress_is_told() -> None:
    assert [phone.stress for phone in word_phones("extraordinary")].count(1) == 1
    assert {phone.stress for phone in word_phones("extraordinary")} == {0, 1, 2}


def test_other_words_are_guessed_and_other_scripts_left_out() -> None:
    assert said("blorftz") == "b l ɔ ɹ f t s"
    assert said("Ñandú") == said("nandu")
    assert word_phones("привет") == []
    with pytest.raises(ItemError, match="nothing in the text"):
        pronounce("привет", "en-us", "lexicon")


def test_the_model_spells_most_of_the_lexicon_s_phones() -> None:
    """The model was fitted to these words, by fewer weights than would know them by heart: new ones do no better."""
    words = sorted(pronunciations())[::60]
    errors = total = 0
    for word in words:
        known = [name.strip("ˈˌ") for name in pronunciations()[word].split()]
        errors += distance(known, [name.strip("ˈˌ") for name in guessed(word)])
        total += len(known)
    print(f"{1 - errors / total:.1%} of {total} phones of {len(words)} words")
    assert errors / total < 0.16


def distance(left: list[str], right: list[str]) -> int:
    """Levenshtein's."""
    row = list(range(len(right) + 1))
    for number, one in enumerate(left, 1):
        last, row[0] = row[0], number
        for place, other in enumerate(right, 1):
            last, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, last + (one != other))
    return row[-1]


def test_a_guess_looks_at_three_letters_on_each_side_and_the_edges() -> None:
    (first, second) = lexicon.features("ab")
    assert first == ["bias", "grapheme:YQ==", "begin", "grapheme+1:Yg=="]
    assert second == ["bias", "grapheme:Yg==", "end", "grapheme-1:YQ=="]
    middle = list(lexicon.features("abcdefghi"))[4]
    assert [name.split(":")[0] for name in middle] == [
        "bias",
        "grapheme",
        *(f"grapheme{n:+d}" for n in range(-3, 4) if n),
    ]


def test_the_lexicon_s_file_is_left_as_it_is() -> None:
    file = lexicon.folder() / "lexicon.db"
    before = file.stat().st_mtime_ns
    pronunciations.cache_clear()
    assert len(pronunciations()) > 120_000
    assert file.stat().st_mtime_ns == before
    assert not list(Path(file.parent).glob("lexicon.db-*"))


def test_english_alone_is_known() -> None:
    assert pronounce("hello there", "en-gb", "lexicon").phones
    with pytest.raises(ItemError, match=r"English alone, not 'de'") as caught:
        pronounce("hallo", "de", "lexicon")
    assert caught.value.stage == "phones"


@pytest.mark.parametrize("module", ["gruut_lang_en", "pycrfsuite"])
def test_without_the_wheels_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    for cached in (lexicon.pronunciations, lexicon.tagger):
        cached.cache_clear()
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=re.escape("pip install '.[lexicon]'")):
        guessed("blorftz")


def test_espeak_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.speech.espeak.started", lambda: pytest.fail("espeak was loaded"))
    assert pronounce("Hello, blorftz.", "en-us", "lexicon").phrases


def test_the_table_that_is_read_has_no_index() -> None:
    """Were there one, words could be looked up in the file."""
    tables = sqlite3.connect(lexicon.folder() / "lexicon.db")
    assert not tables.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchall()
    tables.close()


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=30))
def test_any_text_gives_clean_tokens_or_an_item_error(text: str) -> None:
    try:
        utterance = pronounce(text, "en-us", "lexicon")
    except ItemError:
        return
    assert all(phone.symbol and not set(phone.symbol) & set("ˈˌ͡ ") for phone in utterance.phones)
    assert all(word.syllables for word in utterance.words)
