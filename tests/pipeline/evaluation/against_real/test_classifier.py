import numpy as np
import pytest
import torch

from pipeline.evaluation.against_real.chosen import ChosenItem
from pipeline.evaluation.against_real.classifier import Schooling, taught_classifier, told_right
from pipeline.evaluation.against_real.conclude import classification
from tests.pipeline.evaluation.against_real.builders import chosen

CLASSES = ("left", "right", "up")


def items(name: str, number: int, of: tuple[str, ...] = CLASSES) -> list[ChosenItem]:
    """A dark picture of noise, bright where its class says."""
    random, made = np.random.default_rng(number), []
    for place in range(number):
        label = of[place % len(of)]
        levels = random.integers(0, 60, (1, 9, 7))
        rows, columns = {"left": (slice(None), slice(3)), "right": (slice(None), slice(4, 7)), "up": (slice(4), ...)}[
            label
        ]
        levels[0][rows, columns] += 150
        made.append(chosen(f"{name}-{place}", levels, label=label))
    return made


@pytest.fixture(scope="module")
def schooling() -> Schooling:
    return Schooling("label", [*items("train", 90), chosen("unnamed", np.zeros((1, 9, 7)))], 60, seed=5)


def test_classes_that_lie_apart_are_told_apart(schooling: Schooling) -> None:
    torch.set_num_threads(1)
    real, wrong = (
        items("real", 31),
        [
            ChosenItem(item.key, item.item_id, item.digest, item.descriptor, {"label": "left"})
            for item in items("g", 12)
        ],
    )
    found = classification(taught_classifier(schooling), wrong, real)
    assert (found.num_training_items, found.whole.real, found.whole.num_real) == (90, 1.0, 31)
    assert found.whole.generated == pytest.approx(1 / 3)
    assert found.by_class["left"].num_generated == 12
    assert (found.by_class["up"].generated, found.by_class["up"].real) == (None, 1.0)
    assert list(found.by_class) == ["left", "right", "up"]


def test_the_same_items_and_seed_give_the_same_network_and_leave_chance_alone(schooling: Schooling) -> None:
    torch.manual_seed(99)  # not where another training would have left it
    before = torch.random.get_rng_state()
    one, again = (taught_classifier(schooling).network.state_dict() for _ in range(2))
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(one[name], again[name]) for name in one)
    other = taught_classifier(Schooling("label", schooling.items, 60, seed=6)).network.state_dict()
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_what_has_no_class_or_an_unknown_one_is_not_asked(schooling: Schooling) -> None:
    strange = [chosen("a", np.zeros((1, 9, 7)), label="down"), chosen("b", np.zeros((1, 9, 7)))]
    assert told_right(taught_classifier(schooling), strange) == dict.fromkeys(CLASSES, (0, 0))


def test_one_class_is_nothing_to_tell() -> None:
    with pytest.raises(ValueError, match="from 2 to 1000 classes, got 1"):
        taught_classifier(Schooling("label", items("train", 4, ("up",)), 1, seed=0))
