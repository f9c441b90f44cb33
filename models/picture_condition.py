"""The global condition of a picture: one vector per item, added to the features of every layer at every pixel.

Axes: B batch, C channel, H W, D embedding.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from models.conditioning import Condition, ConditionConfig, GlobalEmbedding, check_condition


class PictureCondition(nn.Module):
    """A condition to one bias per layer, [B, features] each; None each where the model is unconditional.

    The embedded attributes times a matrix of the layer's own: V^T h of van den Oord et al. 2016b, equation 4.
    Raises ValueError for a local condition: a picture has no frames.
    """

    def __init__(self, config: ConditionConfig, features: Sequence[int]) -> None:
        super().__init__()
        if config.has_local:
            raise ValueError(
                f"expected global attributes alone for a picture, got num_phones={config.num_phones}: "
                "frames condition waveforms; set condition.num_phones to 0"
            )
        self.config, self.features = config, tuple(features)
        if config.has_global:
            self.embed = GlobalEmbedding(config.attributes, config.channels)
            self.to_layers = nn.Linear(config.channels, sum(features), bias=False)

    def forward(self, condition: Condition | None, batch_size: int) -> list[Tensor | None]:
        """ValueError where the condition is not what the config asks for."""
        attributes = check_condition(self.config, condition, batch_size).attributes
        if attributes is None:
            return [None for _ in self.features]
        return list(self.to_layers(self.embed(attributes)).split(self.features, dim=1))


def plus(x: Tensor, bias: Tensor | None) -> Tensor:
    """A bias [B, C] added at every pixel of x [B, C, H, W]."""
    return x if bias is None else x + bias[:, :, None, None]
