"""Conditions: what is refused, with which words."""

import re

import pytest
import torch

from models.conditioning import (
    Condition,
    ConditionConfig,
    Upsampling,
    check_condition,
    check_frames,
)

BOTH = ConditionConfig({"speaker": 3, "emotion": 2}, num_phones=4, num_features=2, hop=80)
GIVEN = Condition(torch.tensor([[2, 1], [0, 0]]), torch.tensor([[0, 3], [1, 2]]), torch.zeros(2, 2, 2))


def test_a_condition_that_fits_is_passed_on() -> None:
    assert check_condition(BOTH, GIVEN, 2) is GIVEN
    assert check_condition(ConditionConfig(), None, 2) == Condition()


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (None, "conditioned on attributes, and none came: give attributes of shape (2, 2)"),
        (Condition(GIVEN.attributes), "conditioned on phones, and none came: give phones of shape (2, any)"),
        (Condition(GIVEN.attributes, GIVEN.phones), "none came: give features of shape (2, 2, 2)"),
        (Condition(torch.zeros(2, 3).long()), "attributes must have shape (2, 2), got (2, 3)"),
        (Condition(torch.zeros(3, 2).long()), "attributes must have shape (2, 2), got (3, 2)"),
        (Condition(torch.zeros(2).long()), "attributes must have shape (2, 2), got (2,)"),
        (Condition(torch.tensor([[0, 0], [3, 0]])), "unknown speaker 3: the model knows speaker 0 to 2"),
        (Condition(torch.tensor([[0, -1], [2, 0]])), "unknown emotion -1: the model knows emotion 0 to 1"),
        (Condition(GIVEN.attributes, torch.tensor([[0, 4]] * 2), GIVEN.features), "unknown phone 4"),
        (Condition(GIVEN.attributes, GIVEN.phones, torch.zeros(2, 3, 2)), "features must have shape (2, 2, 2), got"),
    ],
)
def test_one_that_does_not_is_told_why(condition: Condition | None, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        check_condition(BOTH, condition, 2)


def test_what_a_model_is_not_conditioned_on_is_refused() -> None:
    with pytest.raises(ValueError, match="not conditioned on phones, and some came: leave phones out"):
        check_condition(ConditionConfig({"speaker": 3, "emotion": 2}), GIVEN, 2)


def test_frames_cover_the_timesteps_exactly() -> None:
    check_frames(5, 80, 400)
    for num_timesteps in (399, 401, 0):
        with pytest.raises(ValueError, match=f"make 400 timesteps, and the item has {num_timesteps}"):
            check_frames(5, 80, num_timesteps)


@pytest.mark.parametrize(
    "settings", [{"hop": 0}, {"channels": 0}, {"attributes": {"speaker": 0}}, {"num_phones": -1}, {"num_features": -3}]
)
def test_a_config_that_means_nothing_is_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="got ConditionConfig"):
        ConditionConfig(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("upsampling", ["repeat", "linear"])
def test_factors_are_those_of_the_learned_upsampling(upsampling: Upsampling) -> None:
    with pytest.raises(ValueError, match="upsampling_factors are those of upsampling=transposed"):
        ConditionConfig(num_phones=4, hop=4, upsampling=upsampling, upsampling_factors=(2, 2))


def test_a_condition_moves_with_what_it_has() -> None:
    moved = Condition(attributes=GIVEN.attributes).to("meta")
    assert moved.attributes is not None
    assert moved.attributes.device.type == "meta"
    assert moved.phones is None
