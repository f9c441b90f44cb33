"""A sequence of kernels as one CUDA graph, launched as a whole: what a launch costs is paid once."""

from collections.abc import Callable

import torch

WARM_UPS = 2
"""Runs before a graph is captured: kernels are compiled, and torch makes its workspaces, in the first."""


def captured(body: Callable[[], None], reset: Callable[[], None], device: torch.device) -> Callable[[], None]:
    """`body`, to be called as a graph on a CUDA device; on any other, as it is.

    It must read and write tensors that stay where they are, look at no number and make no decision by one. It runs a
    few times here, each time after `reset`, which is called once more at the end.
    """
    if device.type != "cuda":
        return body
    aside = torch.cuda.Stream(device)
    aside.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(aside):
        for _ in range(WARM_UPS):
            reset()
            body()
    torch.cuda.current_stream(device).wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        body()
    reset()
    return graph.replay
