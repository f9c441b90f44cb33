"""The cached step as graphs: what `sample_cached` draws, to the bit, for one set of pictures after another."""

from typing import Any

import pytest
import torch

from models.autoregressive import Autoregressive
from models.counter_random import item_keys
from models.sampling import Departures, Kept, sample_cached
from models.sampling.gpu import cached_graphs
from models.sampling.gpu.cached_graphs import CachedGraphs, why_not_as_graphs
from models.sampling.gpu.graph import AsItIs, Capture
from tests.models.sampling.gpu.recording import Recording
from tests.models.tiny import TINY, tiny_condition, tiny_model

VARIANTS = [
    ("pixelrnn grey", "planes, some dropped"),
    ("pixelrnn row grey", "planes"),
    ("pixelcnn_pp", "global"),
    ("gated_pixelcnn grey", "global and planes"),
    ("multiscale", "none"),
]
"""Every kind of cache once."""


def asked(name: str, kind: str, seed: int) -> dict[str, Any]:
    """Pictures that differ from those of another seed in all that they may differ in."""
    shape = TINY[name].shape[0], 2, 4 if name == "multiscale" else 2
    generator = torch.Generator().manual_seed(seed)
    levels, mask = torch.randint(5, (3, *shape), generator=generator), torch.rand(3, *shape, generator=generator) < 0.2
    return {
        "shape": shape,
        "condition": tiny_condition(kind, size=(shape[1], shape[2]), seed=seed),
        "keys": item_keys((seed, f"item {lane}") for lane in range(3)),
        "departures": Departures(temperature=torch.tensor([1.0, 0.5 + 0.1 * seed, 1.3])),
        "kept": Kept(levels, mask),
    }


def float32(name: str, kind: str) -> Autoregressive:
    return tiny_model(name, kind).float().eval()


@pytest.mark.parametrize("capture", [AsItIs(), Recording()], ids=lambda capture: type(capture).__name__)
@pytest.mark.parametrize(("name", "kind"), VARIANTS)
def test_what_is_drawn_is_what_the_plain_step_draws(
    name: str, kind: str, capture: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cached_graphs, "STRETCH", 3)
    model = float32(name, kind)
    graphs = CachedGraphs(model, capture)
    for seed in (4, 5):
        plain = sample_cached(model, **asked(name, kind, seed))
        drawn = sample_cached(model, **asked(name, kind, seed), begin=graphs.begin)
        assert torch.equal(drawn.levels, plain.levels)
        assert torch.equal(drawn.nll_nats, plain.nll_nats)
    assert graphs.reason == ""


def test_graphs_are_made_once_for_each_kind_of_request() -> None:
    capture, model = Recording(), float32("pixelcnn grey", "none")
    graphs = CachedGraphs(model, capture)
    first = asked("pixelcnn grey", "none", 1)
    for request in (first, asked("pixelcnn grey", "none", 2)):
        sample_cached(model, **request, begin=graphs.begin)
    assert capture.num_captured == 1
    for other in ({"kept": None}, {"departures": Departures(top_k=torch.tensor([2, 2, 2]))}):
        sample_cached(model, **{**first, **other}, begin=graphs.begin)
    assert capture.num_captured == 3


class Refusing(AsItIs):
    """A device that cannot capture."""

    def __call__(self, body: Any) -> Any:
        body()
        raise RuntimeError("operation not permitted\nwhen stream is capturing")


def test_a_step_that_cannot_be_captured_is_drawn_plainly_and_told() -> None:
    model, request = float32("pixelcnn grey", "none"), asked("pixelcnn grey", "none", 1)
    graphs = CachedGraphs(model, Refusing())
    for _ in range(2):
        drawn = sample_cached(model, **request, begin=graphs.begin)
        assert torch.equal(drawn.levels, sample_cached(model, **request).levels)
    assert graphs.reason == "a step cannot be captured: operation not permitted"


def test_what_graphs_do_not_serve_is_told() -> None:
    model = float32("pixelcnn", "none")
    assert "waveforms have many" in why_not_as_graphs(model, (12,))
    assert "up to 4096 positions, and these pictures have 12288" in why_not_as_graphs(model, (3, 64, 64))
    assert "need a model on a CUDA device, and this one is on cpu" in why_not_as_graphs(model, (3, 32, 32))
