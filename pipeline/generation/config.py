"""What a generation run may be told."""

from dataclasses import dataclass
from typing import Literal

from models.sampling.lanes import LANE_MULTIPLE


@dataclass(frozen=True)
class GenerateConfig:
    """How items are drawn. What may change an item's bytes is `sampler`, `precision`, `device`, and where torch draws
    `num_lanes`; all are stamped into its row.

    num_lanes: items drawn side by side, a multiple of 8. Neighbours, shard size and the number of actors never change
        an item's bytes; drawn by torch, the number of lanes may.
    sampler: "fastest" draws by a compiled kernel where there is one for the model and the request, else by torch;
        "torch" always by torch.
    precision: of a kernel's products. bfloat16 is twice as fast where the processor has it, and rounds.
    items_per_shard: 16, one set of lanes: a lost worker loses seconds to minutes, and few items still spread over all
        actors. Give several sets where lengths differ much: lanes that end early then find others to draw.
    num_actors: processes that hold the model; each takes one CPU (or one GPU).
    export: "files" also writes a WAV or PNG file for each item below OUT/wav or OUT/png.
    max_timesteps: the longest item, 65 s at 16 kHz. A mistyped duration is found before it fills the memory: a lane
        takes 16 bytes a timestep, and its condition a few more.

    There is no share of failures to allow: a checked request can be drawn, or the model itself is broken.
    """

    num_lanes: int = 16
    sampler: Literal["fastest", "torch"] = "fastest"
    precision: Literal["float32", "bfloat16"] = "float32"
    items_per_shard: int = 16
    num_actors: int = 2
    device: Literal["cpu", "cuda"] = "cpu"
    export: Literal["none", "files"] = "none"
    max_timesteps: int = 2**20

    def __post_init__(self) -> None:
        if self.num_lanes < 1 or self.num_lanes % LANE_MULTIPLE:
            raise ValueError(f"num_lanes must be a multiple of {LANE_MULTIPLE}, got {self.num_lanes}")
        if self.precision != "float32" and (self.sampler, self.device) != ("fastest", "cpu"):
            raise ValueError(
                f"precision is that of a kernel on a CPU: with sampler={self.sampler} and device={self.device} it is "
                f"float32, got {self.precision}"
            )
        for name in ("items_per_shard", "num_actors", "max_timesteps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
