"""What a generation run may be told."""

from dataclasses import dataclass
from typing import Literal

from models.sampling.lanes import LANE_MULTIPLE


@dataclass(frozen=True)
class GenerateConfig:
    """How items are drawn. Only `num_lanes` and `device` may change an item's bytes; both are stamped into its row.

    num_lanes: items drawn in lockstep, a multiple of 8. An item's bytes are promised for one sampling path, dtype,
        lane count and CPU level; neighbours, shard size and the number of actors never change them.
    items_per_shard: 16, one full set of lanes: a lost worker loses seconds to minutes, and few items still spread over
        all actors. Larger is faster where items are small (fewer files).
    num_actors: processes that hold the model; each takes one CPU (or one GPU).
    export: "files" also writes a WAV or PNG file for each item below OUT/wav or OUT/png.
    max_timesteps: the longest item, 65 s at 16 kHz. A mistyped duration is found before it fills the memory: a lane
        takes 8 bytes a timestep, and its condition a few more.

    There is no share of failures to allow: a checked request can be drawn, or the model itself is broken.
    """

    num_lanes: int = 16
    items_per_shard: int = 16
    num_actors: int = 2
    device: Literal["cpu", "cuda"] = "cpu"
    export: Literal["none", "files"] = "none"
    max_timesteps: int = 2**20

    def __post_init__(self) -> None:
        if self.num_lanes < 1 or self.num_lanes % LANE_MULTIPLE:
            raise ValueError(f"num_lanes must be a multiple of {LANE_MULTIPLE}, got {self.num_lanes}")
        for name in ("items_per_shard", "num_actors", "max_timesteps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
