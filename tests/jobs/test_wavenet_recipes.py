"""WaveNet's recipes: as many weights as the published tables make by hand, what they see, and what a draw costs."""

from dataclasses import dataclass

import pytest

from jobs.recipes import load_recipe, recipe_names
from models.wavenet import WaveNet
from tests.jobs.test_recipes import built


@dataclass(frozen=True)
class Table:
    """What the papers' tables, or the files of who published the network, say of it."""

    layers: int
    kernel: int
    residual: int
    dilation: int
    """Channels of the filter, and as many of the gate."""
    skip: int
    head: int
    first_kernel: int = 1
    levels: int = 256

    def num_parameters(self) -> int:
        """For every layer a filter and a gate over k taps, and 1×1 to residual and skip; then two layers of 1×1."""
        first = self.levels * self.first_kernel * self.residual  # over one-hot levels, with no bias
        gates = self.layers * (self.kernel * self.residual * 2 * self.dilation + 2 * self.dilation)
        residuals = (self.layers - 1) * self.dilation * self.residual  # nothing reads that of the last layer
        skips = self.layers * self.dilation * self.skip + self.skip  # one bias for their sum
        head = self.skip * self.head + self.head
        output = self.head * self.levels + self.levels
        return first + gates + residuals + skips + head + output

    def num_multiplications(self) -> int:
        """The same without biases, and without the first convolution, which is looked up."""
        biases = self.layers * 2 * self.dilation + self.skip + self.head + self.levels
        return self.num_parameters() - biases - self.levels * self.first_kernel * self.residual


@dataclass(frozen=True)
class Context:
    """A context stack of k = 2: a block of embedded levels to R, layers, skips, and 1×1 to all gates of the network."""

    pool: int
    residual: int
    dilation: int
    skip: int
    layers: int

    def num_parameters(self, network: Table) -> int:
        embedding = network.levels * self.residual
        pooling = self.pool * self.residual * self.residual + self.residual
        gates = self.layers * (2 * self.residual * 2 * self.dilation + 2 * self.dilation)
        residuals = (self.layers - 1) * self.dilation * self.residual
        skips = self.layers * self.dilation * self.skip + self.skip
        to_network = self.skip * network.layers * 2 * network.dilation
        return embedding + pooling + gates + residuals + skips + to_network


IBAB = Table(50, 2, 32, 32, 512, 512, first_kernel=2)
IBAB_SMALL = Table(30, 2, 16, 16, 64, 64, first_kernel=2)
R9Y9 = Table(30, 3, 128, 128, 128, 128)
R9Y9_SMALL = Table(15, 3, 24, 24, 24, 24)
NV = Table(20, 2, 64, 64, 256, 256)
NV_SMALL = Table(16, 2, 16, 16, 64, 64)
TTS = Table(40, 2, 64, 64, 256, 256)
SMALL = Table(16, 2, 32, 32, 128, 128)
DEMO = Table(16, 2, 24, 24, 64, 64)
LARGE_NETWORK = Table(20, 2, 32, 32, 512, 512, first_kernel=2)
SMALL_NETWORK = Table(12, 2, 16, 16, 64, 64, first_kernel=2)
LARGE_CONTEXTS = (Context(64, 32, 32, 64, 7), Context(256, 16, 16, 32, 7))
SMALL_CONTEXTS = (Context(16, 16, 16, 32, 4), Context(64, 8, 8, 16, 4))

TABLES: dict[str, tuple[Table, tuple[Context, ...], int]] = {
    "wavenet-paper": (IBAB, (), 1_488_256),
    "wavenet-ibab": (IBAB, (), 1_488_256),
    "wavenet-ibab-small": (IBAB_SMALL, (), 98_880),
    "wavenet-r9y9": (R9Y9, (), 4_005_888),
    "wavenet-r9y9-small": (R9Y9_SMALL, (), 82_432),
    "wavenet-nv": (NV, (), 883_968),
    "wavenet-nv-small": (NV_SMALL, (), 62_080),
    "wavenet-context": (LARGE_NETWORK, LARGE_CONTEXTS, 1_169_712),
    "wavenet-context-small": (SMALL_NETWORK, SMALL_CONTEXTS, 98_504),
    "wavenet-small": (SMALL, (), 205_312),
    "wavenet-tts": (TTS, (), 1_623_808),
    "wavenet-tts-small": (SMALL, (), 205_312),
    "wavenet-emotion": (IBAB, (), 1_488_256),
    "wavenet-emotion-small": (SMALL, (), 205_312),
    "demo-wavenet": (DEMO, (), 97_856),
}
"""The network, its contexts, and the number that they make: what is learned of a condition comes on top."""

RECEPTIVE_FIELDS = {
    "wavenet-paper": 5117,
    "wavenet-ibab": 5117,
    "wavenet-ibab-small": 317,
    "wavenet-r9y9": 1 + 2 * 3069,
    "wavenet-r9y9-small": 1 + 2 * 93,
    "wavenet-nv": 2047,
    "wavenet-nv-small": 511,
    "wavenet-context": 2045 + 255 + 128 * 256,
    "wavenet-context-small": 125 + 63 + 16 * 64,
    "wavenet-small": 511,
    "wavenet-tts": 4093,
    "wavenet-tts-small": 511,
    "wavenet-emotion": 5117,
    "wavenet-emotion-small": 511,
    "demo-wavenet": 511,
}
"""Of a context: what the layers after the first reach, the rest of a block, then its blocks, one of them the shift."""


def model_of(name: str) -> WaveNet:
    model = built(load_recipe(name))
    assert isinstance(model, WaveNet)
    return model


def test_every_recipe_of_a_wavenet_is_counted() -> None:
    assert {name for name in recipe_names() if load_recipe(name).model["name"] == "wavenet"} == TABLES.keys()


@pytest.mark.parametrize("name", TABLES)
def test_parameters_and_receptive_field_by_hand(name: str) -> None:
    network, contexts, number = TABLES[name]
    counted = network.num_parameters() + sum(context.num_parameters(network) for context in contexts)
    assert counted == number
    assert model_of(name).num_parameters() == number
    assert model_of(name).receptive_field == RECEPTIVE_FIELDS[name]


@pytest.mark.parametrize("name", [name for name, (_, contexts, _) in TABLES.items() if not contexts])
def test_a_draw_costs_two_flops_a_weight(name: str) -> None:
    assert model_of(name).flops_per_draw((16000,)) == 2 * TABLES[name][0].num_multiplications()


@pytest.mark.parametrize("name", ["wavenet-context", "wavenet-context-small"])
def test_contexts_cost_little(name: str) -> None:
    """They see eight and more times as far for a few hundredths of the work."""
    work, network = model_of(name).flops_per_draw((16000,)), 2 * TABLES[name][0].num_multiplications()
    assert 1 < work / network < 1.1
