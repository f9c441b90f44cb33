"""Nothing is made on another device than the model's, found on one that needs no hardware.

Tensors on torch's "meta" device have shapes and no numbers, and an operation that meets one of them and one of the CPU
is refused, as on a GPU. So is a look at their numbers, for which a GPU would have to be waited for.
"""

import math

import pytest
import torch
from torch import Tensor

from models.autoregressive import Autoregressive
from models.conditioning import Condition
from models.counter_random import uniforms
from models.layers.dropout import KeyedDropout, set_dropout_keys
from models.sampling.choosing import truncated
from tests.models.tiny import TINY, tiny_condition, tiny_levels, tiny_model

META = torch.device("meta")
LAST = {name: tiny.conditions[-1] for name, tiny in TINY.items()}
all_models = pytest.mark.parametrize(("name", "kind"), LAST.items())


def elsewhere(name: str, kind: str) -> tuple[Autoregressive, Tensor, Condition | None]:
    """A model, levels and a condition on the meta device."""
    condition = tiny_condition(kind)
    if condition is not None:
        condition = condition.to(META)
    return tiny_model(name, kind).to(META), tiny_levels(name).to(META), condition


@all_models
def test_scores_stay_where_the_model_is(name: str, kind: str) -> None:
    model, x, condition = elsewhere(name, kind)
    for module in model.modules():
        if isinstance(module, KeyedDropout):
            module.rate = 0.5
    set_dropout_keys(model.train(), torch.empty(3, 2, dtype=torch.int64, device=META))
    assert model.nll_nats(x, condition).device == META
    assert model.from_sequence(model.to_sequence(x), TINY[name].shape).device == META


@all_models
def test_steps_stay_where_the_model_is(name: str, kind: str) -> None:
    """Pictures are as small as the scales of a model allow: a step on this device takes twenty times its time."""
    shape = TINY[name].shape
    if len(shape) == 3 and name != "multiscale of three":
        shape = (shape[0], 2, 2)
    condition = tiny_condition(kind, size=(shape[-2], shape[-1]) if len(shape) == 3 else (0, 0))
    model, previous = tiny_model(name, kind).to(META), None
    cache = model.init_cache(3, condition.to(META) if condition else None, shape)
    for _ in range(math.prod(shape)):
        parameters, cache = model.step(previous, cache)
        previous = torch.zeros(3, dtype=torch.int64, device=META)
        assert parameters.device == META


@pytest.mark.parametrize("name", ["linear_ar", "wavenet", "wavenet 16-bit"])
def test_draws_stay_where_the_parameters_are(name: str) -> None:
    distribution = tiny_model(name).distribution
    parameters, per_lane = torch.empty(3, distribution.num_parameters, device=META), torch.empty(3, device=META)
    places, keys = torch.arange(4, device=META), torch.empty(3, 2, dtype=torch.int64, device=META)
    numbers = uniforms(keys, places, places, distribution.num_uniforms)[:, 0]
    log_p = distribution.log_probabilities(distribution.tempered(parameters, per_lane))
    assert distribution.draw(parameters, numbers, per_lane).device == META
    assert truncated(log_p, per_lane.long(), per_lane).device == META


def test_what_is_made_elsewhere_is_refused() -> None:
    model, x, _ = elsewhere("pixelcnn", "none")
    model.blocks[0].conv.mask = torch.ones(1)  # type: ignore[index, union-attr]
    with pytest.raises(RuntimeError, match="meta"):
        model(x)
