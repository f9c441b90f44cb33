"""One colour of one pixel for all lanes, by the kernels: levels in, parameters out, everything else in place.

Axes: B lane, C colour, W column, P parameters.

    see              the last levels → the picture's own cells
    finished_...     as a row begins: what the rows above add to it, layer by layer
    ..._pixel        the features of a colour → stream
    relu_product     the head, some times, and the parameters [B, P]

A colour is one graph, the beginning of a row another. Nothing in them depends on the position but `position`, which
lies on the device. Of an earlier picture nothing is read: rows above the first are masked, and a pixel of the current
row is written before it is looked at.
"""

from collections.abc import Callable

import torch

from models.conditioning import Condition
from models.distributions import scaled
from models.gated_pixelcnn import GatedPixelCNN
from models.pixelcnn import PixelCNN
from models.sampling.gpu.gated_pictures import GatedFeatures
from models.sampling.gpu.graph import Capture
from models.sampling.gpu.launching import LANES_PER_PROGRAM, load_picture_kernels, num_tiles, relu_product
from models.sampling.gpu.packing import Precision, dtype_of
from models.sampling.gpu.picture_packing import colour_product, groups_of
from models.sampling.gpu.picture_rows import Raster
from models.sampling.gpu.square_pictures import SquareFeatures


class PictureNetwork:
    """A `steps.Network`: levels [B] in, parameters [B, P] out; a turn is a colour."""

    def __init__(
        self,
        model: GatedPixelCNN | PixelCNN,
        condition: Condition | None,
        num_lanes: int,
        shape: tuple[int, ...],
        precision: Precision = "float32",
    ) -> None:
        """Weights are packed here once. ValueError for a shape or a condition that is not the model's."""
        colours = model.config.channels
        if len(shape) != 3 or shape[0] != colours or min(shape) < 1:
            raise ValueError(f"expected a shape ({colours}, height, width), got {tuple(shape)}")
        self.num_lanes, self.num_turns = num_lanes, colours
        device, dtype = model.head[0].weight.device, dtype_of(precision)
        self.position = torch.zeros(1, dtype=torch.int64, device=device)
        self.raster = Raster(num_lanes, shape[1], shape[2], colours, self.position)
        kind = GatedFeatures if isinstance(model, GatedPixelCNN) else SquareFeatures
        self.features = kind(model, condition, self.raster, dtype)  # type: ignore[arg-type]
        self.make_head(model, dtype)
        self.levels = torch.zeros(num_lanes, dtype=torch.int64, device=device)
        self.starts = torch.zeros_like(self.levels)
        num_levels = model.config.num_levels
        self.values = scaled(torch.arange(num_levels, device=device), num_levels).to(dtype)
        self.number = 0
        self.row_call: Callable[[], None] = self.run_row

    def make_head(self, model: GatedPixelCNN | PixelCNN, dtype: torch.dtype) -> None:
        """The products of each colour, from the features to the logits, and what they write."""
        convs, stream = model.head, self.features.stream
        self.hidden = [stream.new_zeros(self.num_lanes, len(conv.colours_out)) for conv in convs[:-1]]
        self.parameters = stream.new_zeros(self.num_lanes, model.config.num_levels)
        places = [groups_of(conv.colours_in) for conv in convs]
        self.head = []
        for colour in range(self.num_turns):
            ends = [groups[colour].start + groups[colour].number for groups in places]
            inputs = [x[:, :end] for x, end in zip([stream, *self.hidden], ends, strict=True)]
            own = [groups[colour].own for groups in places[1:]]
            outputs = [*(x[:, place] for x, place in zip(self.hidden, own, strict=True)), self.parameters]
            products = [colour_product(conv, colour, dtype) for conv in convs]
            self.head.append(list(zip(products, inputs, outputs, strict=True)))

    def begin(self, condition: Condition | None) -> None:
        """The next pictures, conditioned in the same way."""
        self.features.begin(condition)

    def capture(self, capture: Capture, reset: Callable[[], None]) -> None:
        """Have a row begin by a graph."""
        reset()
        capture.warm_up(self.run_row)
        self.row_call = capture(self.run_row)

    def reset(self) -> None:
        """Back to before the first pixel of the same pictures."""
        self.number = 0
        self.position.zero_()

    def enter(self) -> int:
        """Prepare the next position, of whose colour the number is given; `levels` hold those of the one before."""
        row, within = divmod(self.number, self.raster.columns * self.num_turns)
        if within == 0:
            self.features.enter_row(row)
            self.row_call()
        self.number += 1
        return int(within % self.num_turns)

    def run_row(self) -> None:
        """The kernels that a row begins with."""
        self.see()
        self.features.run_row()

    def run(self, turn: int) -> None:
        """The kernels of one colour at the position, in order."""
        self.see()
        self.features.run(turn)
        for product, x, out in self.head[turn]:
            relu_product(product, x, out)

    def see(self) -> None:
        """The last levels, where the first layer looks for them."""
        cells, slots, side = self.features.picture
        raster = self.raster
        load_picture_kernels().see[(num_tiles(self.num_lanes),)](
            self.levels,
            self.position,
            self.values,
            cells,
            self.num_lanes,
            slots,
            raster.columns,
            side,
            raster.colours,
            LANES=LANES_PER_PROGRAM,
        )
