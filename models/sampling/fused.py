"""Drawing by a compiled kernel: waveforms of WaveNet, pictures of PixelCNN and Gated PixelCNN.

Every path is held to `naive`: the same parameters to a few units of the last place, so the same levels but for a random
number that falls between the two. An item's bytes depend on the model, its request, the precision and the level of
processor. They do not depend on its lane, the other lanes or how many there are: every row of every product is added in
one order (`products.h`), and what conditions an item is computed for it alone.

Top-k, top-p and guidance weigh all levels between the parameters and the draw, which happens inside: requests with
these are drawn by torch (`lanes.py`).
"""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

import torch

from models.autoregressive import Autoregressive
from models.gated_pixelcnn import GatedPixelCNN
from models.native import Library, best, why_none
from models.native.picture_structs import MOST_COLOURS, MOST_INPUTS
from models.pixelcnn import PixelCNN
from models.sampling.departures import ALL_LEVELS, Departures
from models.sampling.draws import refuse_picture_shape, sampling_mode
from models.sampling.fused_pictures import PictureLanes
from models.sampling.fused_waveforms import WaveformLanes
from models.sampling.lanes import DrawnItem, LaneRequest
from models.sampling.state import State
from models.wavenet import WaveNet

Precision = Literal["float32", "bfloat16"]
"""Of the products; sums, the stream between layers and the draw are float32 and float64 in both."""

OnLevels = Callable[[int], None]
"""Called now and then with the number of levels drawn so far; what it raises stops the sampling."""


def why_not_fused(model: Autoregressive, precision: Precision = "float32", library: Library | None = None) -> str:
    """Why a model cannot be drawn from by a compiled kernel; empty where it can."""
    library = library or best()
    weight = next(model.parameters())
    if not isinstance(model, WaveNet | GatedPixelCNN | PixelCNN):
        return f"there is no kernel for {type(model).__name__}"
    if library is None:
        return why_none()
    if weight.device.type != "cpu" or weight.dtype != torch.float32:
        return f"the kernel takes float32 weights on a CPU, and these are {weight.dtype} on {weight.device}"
    if precision == "bfloat16" and not library.has_bfloat16:
        return f"this processor ({library.level}) has no products of bfloat16"
    return why_too_large(model)


def why_too_large(model: WaveNet | GatedPixelCNN | PixelCNN) -> str:
    """Why a network is beyond what the kernel keeps at hand; empty where it is not."""
    if isinstance(model, WaveNet):
        taps = max(model.config.kernel_size, *(context.kernel_size for context in model.config.contexts), 0)
        return "" if taps < MOST_INPUTS else f"the kernel takes a kernel_size below {MOST_INPUTS}, got {taps}"
    pixels = max(pixels_looked_at(model))
    if pixels > MOST_INPUTS:
        return f"the kernel takes convolutions of up to {MOST_INPUTS} pixels, got {pixels}"
    colours = model.config.channels
    return "" if colours <= MOST_COLOURS else f"the kernel takes up to {MOST_COLOURS} colours, got {colours}"


def pixels_looked_at(model: GatedPixelCNN | PixelCNN) -> list[int]:
    """How many pixels each convolution takes a product over at once."""
    if isinstance(model, PixelCNN):
        reaches = [conv.reach for conv in (model.first, *(block.conv for block in model.blocks))]
        return [reach.up * (2 * reach.left + 1) for reach in reaches]
    return [(layer.vertical.reach.up + 1) * (2 * layer.vertical.reach.left + 1) for layer in model.layers]


def follows_the_kernel(departures: Departures) -> bool:
    """Whether a request departs from the model in nothing but temperature."""
    return bool((departures.guidance == 1) & (departures.top_p >= 1) & (departures.top_k == ALL_LEVELS))


class Lanes(Protocol):
    """Items underway, side by side, by whatever draws them."""

    @property
    def num_drawn(self) -> int:
        """Levels so far."""
        ...

    def advance(self) -> bool:
        """Draw a part of all; false where nothing is left to draw."""
        ...

    def items(self) -> list[DrawnItem]:
        """What was drawn, in the order of the requests."""
        ...

    def state(self) -> State:
        """All that they go on from (`state.py`)."""
        ...

    def restore(self, state: State) -> None:
        """Go on from there; lanes made anew for the same requests. A state that is not of these is an error."""
        ...


def sample_fused(
    model: Autoregressive,
    requests: Sequence[LaneRequest],
    num_lanes: int,
    precision: Precision = "float32",
    on_levels: OnLevels | None = None,
) -> list[DrawnItem]:
    """The requested items, any number of them, in the order of the requests.

    ValueError where the model, a request or its condition does not fit (`why_not_fused`, `follows_the_kernel`), and
    where the model gave no probabilities.
    """
    with sampling_mode(model):
        if not requests:
            return []
        return drawn_by(fused_lanes(model, requests, num_lanes, precision), on_levels)


def drawn_by(lanes: Lanes, on_levels: OnLevels | None) -> list[DrawnItem]:
    """All that lanes draw; within `sampling_mode`. ValueError where the model gave no probabilities."""
    while lanes.advance():
        if on_levels is not None:
            on_levels(lanes.num_drawn)
    return checked_items(lanes.items())


def fused_lanes(
    model: Autoregressive, requests: Sequence[LaneRequest], num_lanes: int, precision: Precision = "float32"
) -> Lanes:
    """What draws the requests, one at the least, by the fastest kernel; within `sampling_mode`. ValueError."""
    if reason := why_not_fused(model, precision):
        raise ValueError(reason)
    library = best()
    assert library is not None
    return lanes_of(model, requests, num_lanes, library, getattr(torch, precision))


def lanes_of(
    model: Autoregressive, requests: Sequence[LaneRequest], num_lanes: int, library: Library, dtype: torch.dtype
) -> Lanes:
    """What draws the requests, each checked but for its condition. ValueError for what does not fit."""
    if num_lanes < 1:
        raise ValueError(f"num_lanes must be at least 1, got {num_lanes}")
    for request in requests:
        refuse_picture_shape(model, request.shape)
        if not follows_the_kernel(request.departures):
            raise ValueError(f"the kernel departs from the model in temperature alone, got {request.departures}")
    if isinstance(model, WaveNet):
        return WaveformLanes(model, requests, num_lanes, library, dtype)
    assert isinstance(model, GatedPixelCNN | PixelCNN)
    return PictureLanes(model, requests, num_lanes, library, dtype)


def checked_items(items: list[DrawnItem]) -> list[DrawnItem]:
    """The items; ValueError where the model gave no probabilities: a draw from NaN is a level like any other."""
    if damaged := [place for place, item in enumerate(items) if not abs(item.nll_nats) < float("inf")]:
        raise ValueError(
            f"the model's parameters are not finite (items {damaged}): its weights are damaged or diverged"
        )
    return items
