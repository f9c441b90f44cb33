"""Position after position by a network of kernels: each turn one CUDA graph, what seldom changes before it.

Axes: B lane, P parameters.

A turn is a kind of position: a waveform has one, a picture one for each colour.
"""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from models.sampling.gpu.graph import Capture, capture_on


class Network(Protocol):
    """Kernels and the memory of B lanes. `levels` [B] int64 is read, `parameters` [B, P] float32 written by `run`.

    `position` [1] is on the device and counts there: nothing that `run` does depends on another number but the turn.
    `starts` [B] are the positions at which the lanes' items begin.
    """

    levels: Tensor
    parameters: Tensor
    position: Tensor
    starts: Tensor
    num_turns: int

    def capture(self, capture: Capture, reset: Callable[[], None]) -> None:
        """Make graphs of what `enter` launches."""
        ...

    def reset(self) -> None:
        """Back to before the first position of the same items; `enter` counts anew from there."""
        ...

    def enter(self) -> int:
        """Prepare the next position and give its turn. `levels` hold those of the one before.

        ValueError after the last position that the condition covers.
        """
        ...

    def run(self, turn: int) -> None:
        """The kernels of one position."""
        ...


def nothing() -> None:
    """What follows a network where nothing is drawn."""


class Steps:
    """A network from its first position on; `follow` runs on the device after the network, at each position."""

    def __init__(self, network: Network, follow: Callable[[], None] = nothing) -> None:
        self.network, self.follow = network, follow
        self.calls = [self.turn(number) for number in range(network.num_turns)]

    def turn(self, number: int) -> Callable[[], None]:
        """What a graph captures: the network, what follows, on to the next position."""

        def call() -> None:
            self.network.run(number)
            self.follow()
            self.network.position.add_(1)

        return call

    def capture(self) -> None:
        """Have positions replay CUDA graphs, where the model is on a CUDA device; back to the first one."""
        capture = capture_on(self.network.levels.device)
        self.network.capture(capture, self.network.reset)
        self.calls = [self.captured(call, capture) for call in self.calls]
        self.network.reset()

    def captured(self, call: Callable[[], None], capture: Capture) -> Callable[[], None]:
        """A turn as a graph."""

        def from_the_first() -> None:
            self.network.reset()
            call()

        capture.warm_up(from_the_first)
        self.network.reset()
        return capture(call)

    def next(self) -> None:
        """The next position, given the levels that stand in the network."""
        self.calls[self.network.enter()]()

    @torch.no_grad()
    def step(self, levels: Tensor | None) -> Tensor:
        """Parameters [B, P] of the next levels, given those just drawn [B]; None at the first position.

        They stand in a buffer that the next step writes again. ValueError after the last position that the condition
        covers.
        """
        if levels is not None:
            self.network.levels.copy_(levels)
        self.next()
        return self.network.parameters
