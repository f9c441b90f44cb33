"""Pictures by a compiled kernel, a set of lanes after another, row by row.

Axes: B lane, C colour, H W, N position of a row in drawing order (W·C).
"""

from collections.abc import Sequence
from itertools import islice

import torch
from torch import Tensor

from models.gated_pixelcnn import GatedPixelCNN
from models.native import Library
from models.native.colour_blocks import Kernel
from models.native.gated_pictures import NativeGatedPixelCNN
from models.native.pictures import NativePictures, PictureSize
from models.native.pixel_views import PixelViews
from models.native.square_pictures import NativePixelCNN
from models.native.wavenet import NOTHING, Span
from models.pixelcnn import PixelCNN
from models.sampling.kept import refuse_unknown_levels
from models.sampling.lanes import DrawnItem, LaneRequest, check_kept, drawn_from, drawn_state
from models.sampling.packed import packed
from models.sampling.picture_conditions import PictureConditions
from models.sampling.state import State, copied, fill, narrow

Network = GatedPixelCNN | PixelCNN


def network_of(model: Network, size: PictureSize, kernel: Kernel) -> NativePictures:
    """The model's network for the kernels, at the beginning of pictures."""

    def make() -> NativePictures:
        if isinstance(model, PixelCNN):
            return NativePixelCNN(model, size, kernel)
        return NativeGatedPixelCNN(model, size, kernel)

    net = packed(model, (size, kernel.library.level, kernel.dtype), make)
    net.reset()
    return net


class PictureLanes:
    """Pictures of one shape. `num_drawn` levels so far. `numbers` as `PictureSet` has them."""

    def __init__(
        self,
        model: Network,
        requests: Sequence[LaneRequest],
        num_lanes: int,
        library: Library,
        dtype: torch.dtype,
        numbers: Tensor | None = None,
    ) -> None:
        shapes = {request.shape for request in requests}
        if len(shapes) != 1 or len(shape := shapes.pop()) != 3 or shape[0] != model.config.channels or min(shape) < 1:
            raise ValueError(
                f"pictures drawn together must have one shape ({model.config.channels}, height, width), got "
                f"{sorted({request.shape for request in requests})}"
            )
        self.model, self.requests, self.shape, self.numbers = model, requests, shape, numbers
        # Sets of one size: weights are packed once, and few lanes of the last set are idle.
        num_sets = -(-len(requests) // num_lanes)
        self.num_lanes, self.kernel = -(-len(requests) // num_sets), Kernel(library, dtype)
        self.num_drawn = 0
        self.done: list[DrawnItem] = []
        self.underway: PictureSet | None = None

    def advance(self) -> bool:
        """Draw a row of a set of pictures; false where all are drawn."""
        if self.underway is None:
            if len(self.done) == len(self.requests):
                return False
            self.underway = self.next_set()
        self.num_drawn += self.underway.draw_row()
        if self.underway.is_done:
            self.done += self.underway.items()
            self.underway = None
        return True

    def next_set(self) -> "PictureSet":
        """The pictures after those that are done, before their first row."""
        chosen = self.requests[len(self.done) : len(self.done) + self.num_lanes]
        return PictureSet(self.model, chosen, self.num_lanes, self.kernel, self.numbers)

    def items(self) -> list[DrawnItem]:
        """All of them, in the order of the requests."""
        return self.done

    def state(self) -> State:
        """All that it goes on from (`state.py`): the pictures that are done, and the set that is underway."""
        facts = {"num_drawn": self.num_drawn}
        underway = State() if self.underway is None else self.underway.state()
        return State.of_parts(facts, done=drawn_state(self.done), underway=underway)

    def restore(self, state: State) -> None:
        """Go on from there."""
        self.done, self.num_drawn = drawn_from(state.part("done")), state.facts["num_drawn"]
        if state.facts["underway"]:
            self.underway = self.next_set()
            self.underway.restore(state.part("underway"))


class PictureSet:
    """One picture in each lane, from the first row to the last; lanes past the requests draw the first one again.

    `numbers` [H, W]: of each pixel, for its random numbers; row by row where none are given.
    """

    def __init__(
        self,
        model: Network,
        requests: Sequence[LaneRequest],
        num_lanes: int,
        kernel: Kernel,
        numbers: Tensor | None = None,
    ) -> None:
        self.model, self.num_items, self.shape = model, len(requests), requests[0].shape
        _, self.height, width = self.shape
        requests = [*requests, *[requests[0]] * (num_lanes - len(requests))]
        self.net = network_of(model, PictureSize(num_lanes, width), kernel)
        for lane, request in enumerate(requests):
            self.net.start(lane, request.key, float(request.departures.temperature))
        conditions = [request.condition for request in requests]
        self.conditions = PictureConditions(model, self.net, conditions, (self.height, width))
        self.given = given_levels(requests, model, self.shape)
        self.numbers, self.views = numbers, PixelViews(self.net)
        self.rows: list[Tensor] = []
        self.nll_nats: list[Tensor] = []
        self.conditions.enter(-1)
        self.net.begin()

    @property
    def is_done(self) -> bool:
        """Whether every row is drawn."""
        return len(self.rows) == self.height

    def draw_row(self) -> int:
        """The next row of all pictures; gives the number of levels."""
        row = len(self.rows)
        given = None if self.given is None else self.given[row]
        span = self.span(row, given)
        self.rows.append(span.levels)
        self.nll_nats.append(span.nll_nats if given is None else span.nll_nats.masked_fill(given != NOTHING, 0))
        if not self.is_done:
            self.conditions.enter(row)
            self.net.finish_row(row)
        return self.num_items * len(span.levels)

    def span(self, row: int, given: Tensor | None) -> Span:
        """What is drawn in a row."""
        if self.numbers is None:
            return self.net.draw_row(row, given)
        assert given is not None
        return self.views.draw_row(row, self.numbers[row].tolist(), given)

    def state(self) -> State:
        """The rows that are drawn, one at the least, and what the network carries on from them."""
        rows = {"levels": narrow(torch.stack(self.rows)), "nll_nats": torch.stack(self.nll_nats)}
        return State.of_parts({"rows": len(self.rows)}, drawn=State(rows), net=State(copied(self.net.memory)))

    def restore(self, state: State) -> None:
        """Go on below those rows."""
        drawn = state.part("drawn").tensors
        self.rows, self.nll_nats = list(drawn["levels"].to(torch.int32)), list(drawn["nll_nats"])
        fill(self.net.memory, state.part("net").tensors)

    def items(self) -> list[DrawnItem]:
        """The pictures and their nll_nats."""
        sequences, nll_nats = torch.cat(self.rows).t().long(), torch.cat(self.nll_nats).t().contiguous()
        pictures = self.model.from_sequence(sequences, self.shape)
        lanes = zip(pictures, nll_nats, strict=True)
        return [DrawnItem(levels.clone(), float(own.sum())) for levels, own in islice(lanes, self.num_items)]


def given_levels(requests: Sequence[LaneRequest], model: Network, shape: tuple[int, ...]) -> Tensor | None:
    """The kept levels of each row, [H, W·C, B] int32, NOTHING where one is to be drawn; None where none are kept."""
    if all(request.kept is None for request in requests):
        return None
    given = torch.full((len(requests), *shape), NOTHING, dtype=torch.int32)
    for lane, request in enumerate(requests):
        if request.kept is not None:
            check_kept(request.kept, shape)
            refuse_unknown_levels(request.kept, model.distribution.num_levels)
            given[lane] = torch.where(request.kept.mask[0], request.kept.levels[0], NOTHING)
    by_row: Tensor = model.to_sequence(given).unflatten(1, (shape[1], -1))
    return by_row.permute(1, 2, 0).contiguous()
