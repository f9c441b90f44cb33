"""Given levels: they stand as they are, what is drawn around them is drawn as ever, and only that counts."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from models.counter_random import item_key, item_keys
from models.sampling import Drawn, Kept, LaneRequest, sample_cached, sample_lanes, sample_naive
from tests.models.tiny import TINY, tiny_condition, tiny_levels, tiny_model

both_samplers = pytest.mark.parametrize("sample", [sample_naive, sample_cached])
CASES = [("wavenet", "both"), ("pixelcnn", "global"), ("multiscale", "none"), ("linear_ar", "none")]
Sampler = Callable[..., Drawn]


def keys_of(num_lanes: int, seed: int = 0) -> Tensor:
    return item_keys([(seed, f"item {lane}") for lane in range(num_lanes)])


def holes(name: str, batch_size: int = 3) -> Kept:
    """Random levels, two thirds of them given; nonsense under the holes."""
    levels = tiny_levels(name, batch_size, seed=7)
    mask = torch.rand(levels.shape, generator=torch.Generator().manual_seed(8)) < 0.66
    return Kept(torch.where(mask, levels, 10**6), mask)


@pytest.mark.parametrize(("name", "kind"), CASES)
@both_samplers
def test_given_levels_stand_and_the_others_count(sample: Sampler, name: str, kind: str) -> None:
    model, condition, kept = tiny_model(name, kind), tiny_condition(kind), holes(name)
    drawn = sample(model, TINY[name].shape, condition, keys_of(3), kept=kept)
    assert torch.equal(drawn.levels[kept.mask], kept.levels[kept.mask])
    assert ((drawn.levels >= 0) & (drawn.levels < 5)).all()
    with torch.no_grad():
        nll_nats = model.nll_nats(drawn.levels, condition).masked_fill(kept.mask, 0)
    torch.testing.assert_close(drawn.nll_nats, nll_nats.flatten(1).sum(1), rtol=0, atol=1e-9)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_whoever_keeps_what_would_have_been_drawn_gets_the_rest_of_it(name: str, kind: str) -> None:
    # So the random numbers of a position are its own, whatever is kept around it.
    model, condition = tiny_model(name, kind), tiny_condition(kind)
    whole = sample_cached(model, TINY[name].shape, condition, keys_of(3))
    kept = Kept(whole.levels, holes(name).mask)
    again = sample_cached(model, TINY[name].shape, condition, keys_of(3), kept=kept)
    assert torch.equal(again.levels, whole.levels)
    assert (again.nll_nats < whole.nll_nats).all()


def test_what_is_drawn_is_drawn_given_what_is_kept_before_it() -> None:
    # The third of three timesteps, given the first two: counted against the model's own probabilities.
    model, num_items = tiny_model("wavenet"), 4000
    prefix = torch.tensor([[4, 1]]).expand(num_items, -1)
    drawn = sample_cached(model, (3,), None, keys_of(num_items), kept=Kept.prefix(prefix, 3)).levels
    assert torch.equal(drawn[:, :2], prefix)
    with torch.no_grad():
        expected = torch.softmax(model(drawn[:1])[0, 2], -1) * num_items
    counts = torch.bincount(drawn[:, 2], minlength=5)
    assert ((counts - expected) ** 2 / expected).sum() < 4 + 4 * 8**0.5


def test_given_levels_that_come_later_do_not_shape_what_is_drawn() -> None:
    model, mask = tiny_model("wavenet"), torch.arange(12) >= 6
    items = [
        sample_cached(model, (12,), None, keys_of(3), kept=Kept(torch.full((3, 12), level), mask.expand(3, -1))).levels
        for level in (0, 4)
    ]
    assert torch.equal(items[0][:, :6], items[1][:, :6])
    assert torch.equal(items[0][:, :6], sample_cached(model, (12,), None, keys_of(3)).levels[:, :6])


@both_samplers
def test_lanes_of_different_lengths_keep_what_lies_within_them(sample: Sampler) -> None:
    model, kept, lengths = tiny_model("wavenet"), holes("wavenet"), torch.tensor([12, 5, 0])
    whole = sample(model, (12,), None, keys_of(3), kept=kept)
    cut = sample(model, (12,), None, keys_of(3), lengths=lengths, kept=kept)
    with torch.no_grad():
        nll_nats = model.nll_nats(whole.levels).masked_fill(kept.mask, 0)
    for lane, length in enumerate(lengths.tolist()):
        assert torch.equal(cut.levels[lane, :length], whole.levels[lane, :length])
        assert (cut.levels[lane, length:] == 0).all()
        assert cut.nll_nats[lane].item() == pytest.approx(nll_nats[lane, :length].sum().item())


def test_requests_keep_each_its_own() -> None:
    model, condition = tiny_model("wavenet", "both"), tiny_condition("both", 1)
    prefixes = [tiny_levels("wavenet", 1)[:, :length] for length in (4, 9)]
    requests = [
        LaneRequest((length,), item_key(0, "item 0"), condition, kept=kept)
        for length, kept in ((12, Kept.prefix(prefixes[0], 12)), (10, Kept.prefix(prefixes[1], 10)), (12, None))
    ]
    items = sample_lanes(model, requests, num_lanes=8)
    for item, prefix in zip(items[:2], prefixes, strict=True):
        assert torch.equal(item.levels[: prefix.shape[1]], prefix[0])
    alone = sample_naive(model, (12,), condition, keys_of(1), kept=requests[0].kept)
    assert torch.equal(items[0].levels, alone.levels[0])
    assert items[0].nll_nats == pytest.approx(alone.nll_nats.item())
    assert [len(item.levels) for item in items] == [12, 10, 12]
    plain = sample_lanes(model, [LaneRequest((12,), item_key(0, "item 0"), condition)], num_lanes=8)[0]
    assert torch.equal(items[2].levels, plain.levels)


def test_requests_for_pictures_keep_each_its_own() -> None:
    model, shape = tiny_model("pixelcnn"), TINY["pixelcnn"].shape
    masks = [torch.zeros(1, *shape, dtype=torch.bool), holes("pixelcnn", 1).mask]
    requests = [LaneRequest(shape, (1, 2), kept=Kept(tiny_levels("pixelcnn", 1), mask)) for mask in masks]
    items = sample_lanes(model, requests, num_lanes=8)
    assert torch.equal(items[1].levels[masks[1][0]], tiny_levels("pixelcnn", 1)[masks[1]])
    assert not torch.equal(items[0].levels, items[1].levels)


ZEROS, ALL = torch.zeros(2, 3, dtype=torch.int64), torch.ones(2, 3, dtype=torch.bool)


@both_samplers
@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (Kept(ZEROS, ALL[:, :2]), r"kept mask must have shape \(2, 3\), got \(2, 2\)"),
        (Kept(ZEROS[:1], ALL[:1]), r"kept levels must have shape \(2, 3\), got \(1, 3\)"),
        (Kept(ZEROS.float(), ALL), "kept levels are int64 and their mask bool"),
        (Kept(ZEROS, ALL.long()), "kept levels are int64 and their mask bool"),
        (Kept(ZEROS + 5, ALL), "kept levels are from 0 to 4, got 5"),
        (Kept(ZEROS - 1, ALL), "kept levels are from 0 to 4, got -1"),
    ],
)
def test_what_cannot_be_kept_is_refused(sample: Sampler, kept: Kept, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        sample(tiny_model("wavenet"), (3,), None, keys_of(2), kept=kept)


def test_a_request_keeps_levels_of_its_own_shape() -> None:
    with pytest.raises(ValueError, match="a prefix of 5 timesteps is longer than the waveform, 4"):
        Kept.prefix(torch.zeros(1, 5, dtype=torch.int64), 4)
    request = LaneRequest((6,), (0, 0), kept=Kept.prefix(torch.zeros(1, 2, dtype=torch.int64), 4))
    with pytest.raises(ValueError, match=r"kept levels of a request must have shape \(1, 6\), got \(1, 4\)"):
        sample_lanes(tiny_model("wavenet"), [request], num_lanes=8)
