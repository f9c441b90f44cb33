"""Every model learns what can be known: on sources whose entropy is known it comes within 2 % of it.

No model can do better, and one that misses something that its source depends on does worse. A few hundred steps of
tiny networks; the sources are small so that these are enough.

Axes: B item, T timestep, C channel, H W, K levels.
"""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from models import build
from models.autoregressive import Autoregressive
from models.linear_process import LinearProcess, simulate
from models.pixelcnn_pp import PixelCNNPP
from tests.models.contract_checks import places
from tests.models.tiny import CONDITIONS, TINY, tiny_levels

NUM_ITEMS = 4096
WITHIN = 0.02


def trained(model: Autoregressive, x: Tensor, num_steps: int = 200, batch_size: int = 32) -> Autoregressive:
    """Adam on random items of x, its rate rising for ten steps and then falling to zero."""
    rate = 0.01 if isinstance(model, PixelCNNPP) else 0.03  # weight norm makes small changes go far
    optimiser = torch.optim.Adam(model.parameters(), betas=(0.9, 0.99))
    generator = torch.Generator().manual_seed(0)
    model.initialise(x[:batch_size])
    for step in range(num_steps):
        optimiser.param_groups[0]["lr"] = rate * min(1, (step + 1) / 10) * (1 - step / num_steps)
        rows = torch.randint(0, len(x), (batch_size,), generator=generator)
        optimiser.zero_grad()
        model.nll_nats(x[rows]).mean().backward()
        optimiser.step()
    return model.eval()


QUICK: dict[str, dict[str, int | bool]] = {
    "wavenet": {"residual_channels": 16, "gate_channels": 32, "skip_channels": 24, "head_channels": 24},
    "pixelcnn_pp": {"filters": 16, "num_resolutions": 1},
    "pixelrnn": {"residual": True, "skip": False, "num_layers": 1},
}
"""What learns quickly whatever it starts from: wider than the contract needs, and with the stream that runs through.
Of layers that go through a picture pixel by pixel one sees all of it, and is learned in half the time of two."""


def fresh(name: str, num_levels: int, **settings: Any) -> Autoregressive:
    """A model as it starts out, in float32."""
    torch.manual_seed(0)
    model, config = TINY[name].model, TINY[name].config(num_levels, CONDITIONS["none"])
    return build(model, replace(config, **QUICK.get(model, {}), **settings))


class MarkovChain:
    """x_t depends on the two levels before it: odds [K, K, K], the newest level's axis before the next one's."""

    def __init__(self, num_levels: int) -> None:
        generator = torch.Generator().manual_seed(0)
        odds = torch.rand(num_levels, num_levels, num_levels, generator=generator, dtype=torch.float64) ** 4 + 0.02
        self.transitions = odds / odds.sum(-1, keepdim=True)
        self.stationary = torch.full((num_levels, num_levels), 1 / num_levels**2, dtype=torch.float64)
        for _ in range(1000):
            self.stationary = self.triples().sum(0)

    def triples(self) -> Tensor:
        """How probable three levels in a row are, [K, K, K]."""
        return self.stationary[..., None] * self.transitions

    def entropy_nats(self, order: int) -> float:
        """Of a level given the `order` (0 to 2) levels before it: that of order 2 is the rate."""
        joint = self.triples().sum(tuple(range(2 - order))) if order < 2 else self.triples()
        before = joint.sum(-1, keepdim=True)
        return float(-(joint * (joint / before).log()).sum())

    def draw(self, num_timesteps: int, seed: int) -> Tensor:
        """Levels [NUM_ITEMS, T] from the stationary distribution on."""
        generator = torch.Generator().manual_seed(seed)
        pairs = torch.multinomial(self.stationary.flatten(), NUM_ITEMS, replacement=True, generator=generator)
        x = [pairs // len(self.stationary), pairs % len(self.stationary)]
        while len(x) < num_timesteps:
            x.append(torch.multinomial(self.transitions[x[-2], x[-1]], 1, generator=generator)[:, 0])
        return torch.stack(x, 1)


@pytest.mark.parametrize("name", [name for name, tiny in TINY.items() if tiny.model == "wavenet"])
def test_a_markov_chain_of_order_two(name: str) -> None:
    chain = MarkovChain(3)
    assert chain.entropy_nats(1) > 1.1 * chain.entropy_nats(2), "one level back would be enough"
    model = trained(fresh(name, 3), chain.draw(24, seed=1), num_steps=100)
    with torch.no_grad():
        nll_nats = model.nll_nats(chain.draw(24, seed=2))[:, 2:].mean().item()
    assert nll_nats == pytest.approx(chain.entropy_nats(2), rel=WITHIN)


FLIPPED = 0.2
FLIP_ENTROPY_NATS = -FLIPPED * math.log(FLIPPED) - (1 - FLIPPED) * math.log(1 - FLIPPED)
"""Of every level, whatever stands before it: the entropy of the picture is so much for each."""


def voters(place: tuple[int, int, int], factor: int) -> list[tuple[int, int, int]]:
    """Which three levels decide the one at `place` (colour, row, column), before it may be flipped.

    The one to the left, the one above to the right, and the colour before, or above where there is none. Beside a
    low-resolution picture of every `factor`-th pixel, these are those of that picture; any other pixel has the one of
    it that is nearest in place of the one above to the right.
    """
    colour, row, column = place
    is_low = row % factor == 0 and column % factor == 0
    apart = factor if is_low else 1
    second = (row - apart, column + apart) if is_low else (row - row % factor, column - column % factor)
    third = (colour - 1, row, column) if colour else (colour, row - apart, column)
    return [(colour, row, column - apart), (colour, *second), third]


def voted(model: Autoregressive, shape: tuple[int, ...], factor: int, seed: int) -> Tensor:
    """Pictures [NUM_ITEMS, C, H, W] of two levels: each is what most of its voters have, or with FLIPPED the other."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.zeros(NUM_ITEMS, *shape, dtype=torch.int64)
    for colour, row, column in places(model, shape).tolist():
        inside = [(c, r, w) for c, r, w in voters((colour, row, column), factor) if min(r, w) >= 0 and w < shape[2]]
        votes = sum(x[:, c, r, w] for c, r, w in inside)
        x[:, colour, row, column] = (votes >= torch.tensor(2)) ^ (torch.rand(NUM_ITEMS, generator=generator) < FLIPPED)
    return x


@pytest.mark.parametrize("name", [name for name, tiny in TINY.items() if tiny.shape[0] == 3])
def test_pictures_whose_neighbours_vote(name: str) -> None:
    model, shape = fresh(name, 2), (3, 4, 4)
    factor = 2 if TINY[name].model == "multiscale" else 1
    trained(model, voted(model, shape, factor, seed=1), num_steps=300 if isinstance(model, PixelCNNPP) else 200)
    with torch.no_grad():
        nll_nats = model.nll_nats(voted(model, shape, factor, seed=2)).mean().item()
    assert nll_nats == pytest.approx(FLIP_ENTROPY_NATS, rel=WITHIN)


FAR = 3
"""Rows that the level which decides lies above: the first convolution of PIXELRNN sees two."""


def remembered(shape: tuple[int, ...], seed: int) -> Tensor:
    """Pictures [NUM_ITEMS, C, H, W] of two levels: FAR rows by chance, then those FAR rows above, some FLIPPED."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(2, (NUM_ITEMS, *shape), generator=generator)
    flipped = torch.rand(NUM_ITEMS, *shape, generator=generator) < FLIPPED
    for row in range(FAR, shape[1]):
        x[:, :, row] = x[:, :, row - FAR] ^ flipped[:, :, row]
    return x


@pytest.mark.parametrize("name", ["pixelrnn grey", "pixelrnn row grey"])
def test_what_only_the_recurrence_can_know(name: str) -> None:
    model, shape = fresh(name, 2), (1, 2 * FAR, 3)
    trained(model, remembered(shape, seed=1))
    with torch.no_grad():
        nll_nats = model.nll_nats(remembered(shape, seed=2))[:, :, FAR:].mean().item()
    assert nll_nats == pytest.approx(FLIP_ENTROPY_NATS, rel=WITHIN)


NARROW = [
    name
    for name, tiny in TINY.items()
    if name == "multiscale" or (tiny.shape[0] != 3 and tiny.model not in ("linear_ar", "multiscale"))
]
"""A linear model learns nothing by heart; of the others, those with fewer levels to learn."""


@pytest.mark.parametrize("name", NARROW)
def test_one_batch_is_learned_by_heart(name: str) -> None:
    """Two items that differ from the first position on, which nothing can foresee."""
    model, x = fresh(name, 5), tiny_levels(name, 2)
    sequence = model.to_sequence(x)
    sequence[:, 0] = torch.tensor([0, 4])
    x = model.from_sequence(sequence, TINY[name].shape)
    trained(model, x, num_steps=150 if isinstance(model, PixelCNNPP) else 100, batch_size=8)
    with torch.no_grad():
        assert model.to_sequence(model.nll_nats(x))[:, 1:].mean().item() < 0.03


PROCESS = LinearProcess.scalar([1.2, -0.6], noise_scale=0.12)


@pytest.mark.parametrize(("name", "settings"), [("linear_ar", {"order": 2}), ("wavenet 16-bit", {"contexts": ()})])
def test_the_entropy_of_the_ar_oracle(name: str, settings: dict[str, Any]) -> None:
    """½ log(2πe σ²) - log Δ nats a timestep on levels Δ apart: a Gaussian reaches it, and so does a mixture."""
    num_levels = 64
    waves = [simulate(PROCESS, NUM_ITEMS, 24, seed=seed)[..., 0] for seed in (1, 2)]
    x, held_out = (((wave + 1) * (num_levels - 1) / 2).round().long().clamp(0, num_levels - 1) for wave in waves)
    rate_nats = PROCESS.entropy_rate_bits * math.log(2) - math.log(2 / (num_levels - 1))
    model = trained(fresh(name, num_levels, **settings), x)
    with torch.no_grad():
        nll_nats = model.nll_nats(held_out)[:, 2:].mean().item()
    assert nll_nats == pytest.approx(rate_nats, rel=WITHIN)
