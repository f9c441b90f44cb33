from collections import Counter

import pytest

from pipeline.errors import ItemError
from pipeline.items import AudioItem, ImageItem
from pipeline.preparation.config import SplitConfig
from pipeline.preparation.splits import split_of

ITEMS = [AudioItem(f"item-{number}", "a.wav") for number in range(20_000)]


def test_the_shares_are_held_out() -> None:
    counts = Counter(split_of(item, SplitConfig(0.1, 0.05)) for item in ITEMS)
    assert counts["validation"] == pytest.approx(2000, rel=0.1)
    assert counts["test"] == pytest.approx(1000, rel=0.1)
    assert {split_of(item, SplitConfig(0.0)) for item in ITEMS} == {"train"}
    assert {split_of(item, SplitConfig(1.0)) for item in ITEMS} == {"validation"}
    assert {split_of(item, SplitConfig(0.0, 1.0)) for item in ITEMS} == {"test"}


def test_a_larger_share_holds_out_the_same_items_and_more() -> None:
    few, more = (
        {item.item_id for item in ITEMS if split_of(item, SplitConfig(share)) == "validation"} for share in (0.1, 0.2)
    )
    assert few < more


def test_a_test_share_takes_nothing_from_what_is_held_out() -> None:
    alone, beside = (
        {item.item_id for item in ITEMS if split_of(item, config) == "validation"}
        for config in (SplitConfig(0.1), SplitConfig(0.1, 0.2))
    )
    assert alone == beside


def test_the_choice_is_the_same_for_ever() -> None:
    assert [split_of(item, SplitConfig(0.5)) == "validation" for item in ITEMS[:8]] == [
        True,
        True,
        True,
        True,
        False,
        False,
        True,
        False,
    ]


def test_the_corpus_s_own_split_comes_first_unless_something_else_decides() -> None:
    item = AudioItem("a", "a.wav", speaker="ann", split="test")
    assert split_of(item, SplitConfig(1.0)) == "test"
    assert split_of(item, SplitConfig(1.0, by="item")) == "validation"
    assert split_of(item, SplitConfig(1.0, by="speaker")) == "validation"


@pytest.mark.parametrize("by", ["speaker", "text"])
def test_what_shares_a_speaker_or_a_text_shares_a_split(by: str) -> None:
    said = [
        (
            AudioItem(f"{place}-{number}", "a.wav", speaker=f"s{place}"),
            f" Text  {place}" if number % 2 else f"text {place}",
        )
        for place in range(200)
        for number in range(4)
    ]
    config = SplitConfig(0.3, 0.3, by=by)  # type: ignore[arg-type]
    splits = {(item.speaker, split_of(item, config, text)) for item, text in said}
    assert len(splits) == 200
    assert {split for _, split in splits} == {"train", "validation", "test"}


def test_what_decides_has_to_be_there() -> None:
    with pytest.raises(ItemError, match="the corpus names no speaker of this item"):
        split_of(AudioItem("a", "a.wav"), SplitConfig(by="speaker"))
    with pytest.raises(ItemError, match="a picture has no text"):
        split_of(ImageItem("a", "a.png"), SplitConfig(by="text"))


def test_shares_that_overlap_are_refused() -> None:
    with pytest.raises(ValueError, match="test_share"):
        SplitConfig(0.7, 0.4)
