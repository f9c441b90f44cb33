"""Dropout by keys: a row's mask is its own."""

import pytest
import torch
from torch import nn

from models.counter_random import philox4x32, random_bytes
from models.layers.dropout import KeyedDropout, set_dropout_keys

KEYS = torch.tensor([[1, 2], [3, 2**32 - 1], [5, 6]])
ONES = torch.ones(3, 4, 5, 6, dtype=torch.float64)


def two_layers(rate: float = 0.5) -> nn.Sequential:
    return nn.Sequential(KeyedDropout(rate), nn.Identity(), KeyedDropout(rate))


def masks(model: nn.Sequential, keys: torch.Tensor) -> list[torch.Tensor]:
    """What each layer leaves of ones."""
    set_dropout_keys(model, keys)
    return [layer(torch.ones(len(keys), 4, 5, 6, dtype=torch.float64)) for layer in (model[0], model[2])]


def test_a_row_keeps_its_mask_in_another_batch_and_at_another_place() -> None:
    together = masks(two_layers(), KEYS)
    moved = masks(two_layers(), KEYS[[2, 0]])
    for all_rows, two_rows in zip(together, moved, strict=True):
        assert torch.equal(all_rows[[2, 0]], two_rows)


def test_rows_layers_and_keys_have_masks_of_their_own() -> None:
    first, second = masks(two_layers(), KEYS)
    (other, _) = masks(two_layers(), KEYS + torch.tensor([0, 1]) * (KEYS < 2**32 - 1))
    assert len({mask.numpy().tobytes() for mask in (*first, *second, other[0], other[2])}) == 8


@pytest.mark.parametrize(("rate", "nearest"), [(0.5, 128 / 256), (0.1, 26 / 256), (0.999, 255 / 256)])
def test_the_rate_is_kept_and_the_mean_stays(rate: float, nearest: float) -> None:
    layer = KeyedDropout(rate)
    set_dropout_keys(layer, torch.tensor([[7, 8]]))
    kept = layer(torch.ones(1, 100_000, dtype=torch.float64))
    assert set(kept.unique().tolist()) == {0.0, 1 / (1 - nearest)}
    deviation = (nearest * (1 - nearest) / 100_000) ** 0.5
    assert float((kept == 0).double().mean()) == pytest.approx(nearest, abs=4 * deviation)


def test_the_gradient_goes_where_the_values_went() -> None:
    x = ONES.clone().requires_grad_()
    layer = KeyedDropout(0.5)
    set_dropout_keys(layer, KEYS)
    y = layer(x)
    y.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, y.detach())


def test_evaluation_and_rate_zero_drop_nothing() -> None:
    model = two_layers().eval()
    set_dropout_keys(model, KEYS)
    assert torch.equal(model(ONES), ONES)
    assert torch.equal(KeyedDropout(0.0)(ONES), ONES)


def test_without_keys_the_mask_is_torchs() -> None:
    model = two_layers()
    set_dropout_keys(model, KEYS)
    set_dropout_keys(model, None)
    torch.manual_seed(0)
    ours = model[0](ONES)
    torch.manual_seed(0)
    assert torch.equal(ours, nn.functional.dropout(ONES, 0.5))


def test_what_it_cannot_be_given() -> None:
    with pytest.raises(ValueError, match="at least 0 and below 1, got 1"):
        KeyedDropout(1)
    layer = KeyedDropout(0.5)
    set_dropout_keys(layer, KEYS[:2])
    with pytest.raises(ValueError, match="keys for 2 rows, and 3 came"):
        layer(ONES)


def test_bytes_are_those_of_the_words_low_byte_first() -> None:
    words = philox4x32(
        (torch.tensor([0, 1]), torch.tensor(0), torch.tensor(9), torch.tensor(0)), (KEYS[1:2, :1], KEYS[1:2, 1:])
    )
    expected = [byte for block in range(2) for word in words for byte in int(word[0, block]).to_bytes(4, "little")]
    assert random_bytes(KEYS, 9, 29)[1].tolist() == expected[:29]
