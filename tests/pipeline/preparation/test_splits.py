from pipeline.preparation.splits import held_out, split_of


def test_the_share_is_held_out() -> None:
    ids = [f"item-{number}" for number in range(20_000)]
    assert abs(sum(held_out(one, 0.1) for one in ids) / len(ids) - 0.1) < 0.01
    assert not any(held_out(one, 0.0) for one in ids)
    assert all(held_out(one, 1.0) for one in ids)


def test_a_larger_share_holds_out_the_same_items_and_more() -> None:
    ids = [f"item-{number}" for number in range(1000)]
    assert {one for one in ids if held_out(one, 0.1)} < {one for one in ids if held_out(one, 0.2)}


def test_the_choice_is_the_same_for_ever() -> None:
    assert [held_out(f"item-{number}", 0.5) for number in range(8)] == [
        True,
        True,
        True,
        True,
        False,
        False,
        True,
        False,
    ]


def test_the_corpus_s_own_split_comes_first() -> None:
    assert split_of("a", "test", 1.0) == "test"
    assert split_of("a", "", 1.0) == "validation"
    assert split_of("a", "", 0.0) == "train"
