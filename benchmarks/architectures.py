"""The WaveNets that speed is measured on: layers, taps, and how wide the streams are."""

from typing import Any

from models.wavenet import WaveNetConfig

ARCHITECTURES = {
    "arch i": WaveNetConfig(),
    "arch ii": WaveNetConfig(
        residual_channels=128,
        gate_channels=256,
        skip_channels=128,
        head_channels=128,
        kernel_size=3,
        dilations=(1, 2, 4, 8, 16, 32),
        num_stacks=4,
    ),
    "arch iii": WaveNetConfig(num_stacks=2),
}
"""i: 30 layers, k2 R64 G128 S256. ii: 24 layers, k3 R128 G256 S128. iii: 20 layers, as i."""


def vocoder(config: WaveNetConfig) -> Any:
    """r9y9's wavenet_vocoder 0.1.1 (extra `bench`) with the layers and channels of ours."""
    from wavenet_vocoder.wavenet import WaveNet as Vocoder

    return Vocoder(
        out_channels=config.num_levels,
        layers=len(config.layer_dilations),
        stacks=config.num_stacks,
        residual_channels=config.residual_channels,
        gate_channels=config.gate_channels,
        skip_out_channels=config.skip_channels,
        kernel_size=config.kernel_size,
        dropout=0.0,
    )
