"""Row LSTM and Diagonal BiLSTM: states that run over a whole picture (van den Oord, Kalchbrenner, Kavukcuoglu 2016a).

Axes: B batch, C channel, H W, S column of a skewed map, D direction; 4h four gates of h features: o, f, i, g.

    o, f, i, g = σ(K_ss ∗ h_before + K_is ∗ x)              equation 3; σ is tanh for g
    c = f · c_before + i · g
    h = o · tanh(c)

Row LSTM (§3.1): K_is is 3×1 along the row, mask B; K_ss is 3×1 over the row above, whose state is before: it sees a
triangle. Diagonal BiLSTM (§3.2): K_is is 1×1, mask B; K_ss is 2×1 on the skewed map, over the pixel above and the one
beside, and the cell comes from the one beside. A second direction runs over the mirrored map, with weights of its own;
its map is moved one row down before it is added, so that no pixel sees what comes after it.

K_ss has no mask: what it meets is finished, every colour of it. The h features of each gate are grouped by colour in
the same way, so that a gate of colour c works on the states of colour c.

What the paper leaves open. It learns the initial recurrent state (§5): here one h and one c for each layer and
direction, which stand at every position outside the picture that a state can come from: above the first row and, for
the diagonal, beside the first column. The sides of the row that the Row LSTM's K_ss looks at are zeros, as in any
convolution, and so is the row that the right map's move brings in.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor, nn

from models.layers.masked_conv import POINT, MaskedConv2d, leftward, shift_down
from models.layers.picture_condition import LayerBias, plus
from models.layers.picture_field import masked_offsets, seen_at_last, seen_from


def lstm(gates: Tensor, c: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Equation 3: the states h and c, from the gates (4h along `dim`) before their σ and from the cell before."""
    o, f, i, g = gates.chunk(4, dim)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


class RowLSTM(nn.Module):
    """Row by row from the top: [B, C_in, H, W] to [B, h, H, W]. A `bias` of 4h features is added to K_is ∗ x."""

    def __init__(self, colours_in: Sequence[int], hidden: Sequence[int], kernel: int) -> None:
        super().__init__()
        features = len(hidden)
        self.hidden = tuple(hidden)
        self.input_to_state = MaskedConv2d(colours_in, 4 * self.hidden, leftward(kernel), "B")
        self.state_to_state = nn.Conv1d(features, 4 * features, kernel, padding=kernel // 2, bias=False)
        self.initial_h, self.initial_c = (nn.Parameter(torch.zeros(features)) for _ in range(2))

    def forward(self, x: Tensor, bias: LayerBias) -> Tensor:  # noqa: D102
        gates = plus(self.input_to_state(x), bias)
        h, c = self.initial_state(len(x), x.shape[3])
        rows = []
        for row in gates.unbind(2):
            h, c = lstm(row + self.state_to_state(h), c, dim=1)
            rows.append(h)
        return torch.stack(rows, 2)

    def initial_state(self, batch_size: int, width: int) -> tuple[Tensor, Tensor]:
        """What stands in the row above the first: h and c, [B, h, W] each."""
        h, c = (state[:, None].expand(batch_size, -1, width) for state in (self.initial_h, self.initial_c))
        return h, c

    def seen(self, field: Tensor) -> Tensor:
        """Where its features in a field look at its input: the triangles above them, and a little to the left."""
        half = self.state_to_state.kernel_size[0] // 2
        states = seen_at_last(field, [(-1, right) for right in range(-half, half + 1)])
        return seen_from(states, masked_offsets(self.input_to_state.reach, centre=True))


def skew(x: Tensor) -> Tensor:
    """Each row moved one column further right than the one above: [..., H, W] to [..., H, W + H - 1], zeros around.

    Rows padded to W + H and read again as rows of one less: each begins one column later than the last.
    """
    height, width = x.shape[-2:]
    padded = F.pad(x, (0, height)).flatten(-2)
    skewed: Tensor = padded[..., : padded.shape[-1] - height].unflatten(-1, (height, width + height - 1))
    return skewed


def unskew(x: Tensor) -> Tensor:
    """The inverse, without what stood around: [..., H, W + H - 1] to [..., H, W]."""
    height, num_columns = x.shape[-2:]
    padded: Tensor = F.pad(x.flatten(-2), (0, height)).unflatten(-1, (height, num_columns + 1))
    return padded[..., : num_columns - height + 1]


class DiagonalBiLSTM(nn.Module):
    """Diagonal by diagonal, from both top corners: [B, C_in, H, W] to [B, h, H, W].

    One convolution K_is gives the gates of both directions, first those of the left one, which begins at the top left.
    A `bias` of 8h features is added to K_is ∗ x.
    """

    def __init__(self, colours_in: Sequence[int], hidden: Sequence[int]) -> None:
        super().__init__()
        features = len(hidden)
        self.hidden = tuple(hidden)
        self.input_to_state = MaskedConv2d(colours_in, 8 * self.hidden, POINT, "B")
        self.state_to_state = nn.Conv1d(2 * features, 8 * features, 2, groups=2, bias=False)  # used by `matrices`
        self.initial_h, self.initial_c = (nn.Parameter(torch.zeros(2 * features)) for _ in range(2))

    def forward(self, x: Tensor, bias: LayerBias) -> Tensor:  # noqa: D102
        left, right = plus(self.input_to_state(x), bias).chunk(2, dim=1)
        left, right = self.scan(torch.stack([left, right.flip(3)]))
        summed: Tensor = left + shift_down(right.flip(3))
        return summed

    def scan(self, gates: Tensor) -> Tensor:
        """Both directions, column by column of the skewed map: K_is ∗ x [D, B, 4h, H, W] to h [D, B, h, H, W]."""
        batch_size, (height, width) = gates.shape[1], gates.shape[3:]
        columns = skew(gates).permute(4, 0, 1, 3, 2).contiguous()  # [S, D, B, H, 4h]
        inside = skew(gates.new_ones(height, width)).bool().T.unsqueeze(2)  # [S, H, 1]
        outside = [state[:, None, None].expand(-1, batch_size, height, -1) for state in self.initial_state()]
        (h, c), matrices, states = outside, self.matrices(), []
        for column, is_inside in zip(columns, inside, strict=True):
            above = torch.cat([outside[0][:, :, :1], h[:, :, :-1]], dim=2)
            recurrent = torch.bmm(torch.cat([above, h], dim=3).flatten(1, 2), matrices)
            new = lstm(column + recurrent.unflatten(1, (batch_size, height)), c, dim=3)
            # The skew's padding is no state: a row that has not begun, or is complete, stands at the initial one.
            h, c = (torch.where(is_inside, *values) for values in zip(new, outside, strict=True))
            states.append(h)
        return unskew(torch.stack(states, 4).transpose(2, 3))

    def initial_state(self) -> tuple[Tensor, Tensor]:
        """What stands outside the picture: h and c, [D, h] each."""
        return self.initial_h.unflatten(0, (2, -1)), self.initial_c.unflatten(0, (2, -1))

    def matrices(self) -> Tensor:
        """K_ss as products, [D, 2h, 4h], faster than grouped convolutions: the pixel above, then the one beside."""
        kernels: Tensor = self.state_to_state.weight.unflatten(0, (2, -1))  # [D, 4h, h, 2]
        return kernels.permute(0, 3, 2, 1).flatten(1, 2)

    def seen(self, field: Tensor) -> Tensor:
        """Where its features in a field look at its input: to the left and above; to the right, from the row above."""
        left = seen_at_last(field, [(-1, 0), (0, -1)])
        return left | seen_at_last(seen_from(field, [(-1, 0)]), [(-1, 0), (0, 1)])
