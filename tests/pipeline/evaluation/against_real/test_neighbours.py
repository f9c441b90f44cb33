import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation.against_real.chosen import ChosenItem
from pipeline.evaluation.against_real.conclude import diversity, memorisation
from pipeline.evaluation.against_real.descriptors import levels_digest
from pipeline.evaluation.against_real.neighbours import (
    mean_distance,
    nearer_share,
    nearest,
    no_neighbours,
    query_of,
    squared_distances,
)
from pipeline.shards.levels import pack_levels
from tests.pipeline.evaluation.against_real.builders import PICTURES, chosen, picture

RANDOM = np.random.default_rng(3)
SIZE = 2 * 8 * 6

distances = st.lists(st.integers(0, 5), min_size=1, max_size=12)


def item_of(row: dict[str, object]) -> ChosenItem:
    assert isinstance(row["levels"], bytes)
    descriptor = np.frombuffer(row["levels"], np.uint8).reshape(8, 6, 2).transpose(2, 0, 1)
    item = chosen(str(row["item_id"]), descriptor)
    return ChosenItem(item.key, item.item_id, levels_digest(row), item.descriptor, {})


def test_squared_distances_are_those_of_a_loop_exactly() -> None:
    one, other = (RANDOM.integers(0, 256, (count, 3072)).astype(np.uint8) for count in (4, 6))
    expected = [[int(((a.astype(int) - b) ** 2).sum()) for b in other.astype(int)] for a in one]
    assert squared_distances(one, other).tolist() == expected


def test_a_copied_training_picture_is_found_and_so_is_the_nearest() -> None:
    training = [picture(f"train-{number}", number) for number in range(9)]
    nearly = {**picture("nearly", 4), "levels": bytes([training[4]["levels"][0] ^ 1]) + training[4]["levels"][1:]}
    queries = [item_of({**training[2], "item_id": "copy"}), item_of(nearly), item_of(picture("other", 99))]
    found = no_neighbours(query_of(queries))
    for part in (training[5:], training[:5]):
        found.add(nearest(query_of(queries), part, PICTURES))
    assert found.item_ids[:2] == ["train-2", "train-4"]
    assert found.squares[:2].tolist() == [0, 1]
    assert found.is_copied.tolist() == [True, False, False]
    slow = min(
        (int(squared_distances(query_of([queries[2]]).descriptors, query_of([item_of(row)]).descriptors)[0, 0]), name)
        for row in training
        for name in [row["item_id"]]
    )
    assert (found.squares[2], found.item_ids[2]) == slow


def test_of_equally_near_ones_the_smaller_id_is_told_whatever_came_first() -> None:
    twins = [{**picture("b", 1)}, {**picture("a", 1)}]
    query = query_of([item_of(picture("q", 1))])
    for order in (twins, twins[::-1]):
        found = no_neighbours(query)
        for row in order:
            found.add(nearest(query, [row], PICTURES))
        assert found.item_ids == ["a"]
    assert nearest(query, twins, PICTURES).item_ids == ["a"]


@given(distances, distances)
def test_the_share_that_is_nearer_counts_all_pairs(generated: list[int], held_out: list[int]) -> None:
    pairs = [(g, h) for g in generated for h in held_out]
    expected = sum((g < h) + (g == h) / 2 for g, h in pairs) / len(pairs)
    found = nearer_share(np.array(generated), np.array(held_out))
    assert found == pytest.approx(expected, abs=1e-12)


def test_memory_shows() -> None:
    training = [picture(f"train-{number}", number) for number in range(20)]
    copies = [item_of({**row, "item_id": f"g{number}"}) for number, row in enumerate(training[:4])]
    held_out = [item_of(picture(f"real-{number}", 100 + number)) for number in range(6)]
    found = nearest(query_of([*copies, *held_out]), training, PICTURES)
    told = memorisation(copies, held_out, found, PICTURES)
    assert (told.generated, told.nearer_share, told.unit) == (0, 1, "of full scale")
    assert (told.generated_copied_share, told.real_copied_share) == (1, 0)
    assert [(entry.item_id, entry.training_id) for entry in told.nearest] == [(f"g{n}", f"train-{n}") for n in range(4)]
    by_hand = np.median(np.sqrt(found.squares[4:] / SIZE) / 15)
    assert told.real == pytest.approx(by_hand, abs=1e-12)


def test_the_mean_distance_of_all_pairs_by_hand() -> None:
    items = [chosen(name, value) for name, value in (("a", [[[0, 0]]]), ("b", [[[3, 1]]]), ("c", [[[0, 0]]]))]
    expected = (np.sqrt(5) + np.sqrt(5) + 0) / 3 / 15
    found = diversity(items, items, PICTURES)
    assert found is not None
    assert found.generated == pytest.approx(expected, abs=1e-12)
    assert mean_distance(query_of(items).descriptors, 1 / 15) == pytest.approx(expected, abs=1e-12)
    assert found.generated_distinct_share == pytest.approx(2 / 3)
    assert diversity(items[:1], items, PICTURES) is None


def test_a_digest_is_of_the_levels() -> None:
    rows = [{"levels": pack_levels(np.array(levels), 16)} for levels in ([1, 2], [2, 1], [1, 2])]
    first, second, third = map(levels_digest, rows)
    assert first == third != second
