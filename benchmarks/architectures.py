"""The WaveNets that speed is measured on: layers, taps, and how wide the streams are."""

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
