"""A sequence of kernels as one CUDA graph, launched as a whole: what a launch costs is paid once."""

from collections.abc import Callable
from typing import Protocol

import torch

WARM_UPS = 2
"""Runs before a graph is captured: kernels are compiled, and torch makes its workspaces, in the first."""

Call = Callable[[], None]


class Capture(Protocol):
    """What makes one call of many. The tests hand in their own."""

    def warm_up(self, body: Call) -> None:
        """Run what is to be captured, or the like of it, so that nothing happens for the first time in a capture."""
        ...

    def __call__(self, body: Call) -> Call:
        """`body`, to be called again and again. RuntimeError where it cannot be captured.

        It must read and write tensors that stay where they are, look at no number and make no decision by one. Whether
        it runs here is left open.
        """
        ...


class AsItIs:
    """No graph: the body itself."""

    def warm_up(self, body: Call) -> None:  # noqa: D102
        pass

    def __call__(self, body: Call) -> Call:  # noqa: D102
        return body


class CudaGraphs:
    """Graphs that are replayed in the order in which they were captured, and so can share one memory."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.pool = device, torch.cuda.graph_pool_handle()

    def warm_up(self, body: Call) -> None:  # noqa: D102
        aside = torch.cuda.Stream(self.device)
        aside.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(aside):
            for _ in range(WARM_UPS):
                body()
        torch.cuda.current_stream(self.device).wait_stream(aside)

    def __call__(self, body: Call) -> Call:  # noqa: D102
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(self.device), torch.cuda.graph(graph, pool=self.pool):
            body()
        replay: Call = graph.replay
        return replay


def capture_on(device: torch.device) -> Capture:
    """CUDA graphs on a CUDA device; on any other what is to be called is called as it is."""
    return CudaGraphs(device) if device.type == "cuda" else AsItIs()
