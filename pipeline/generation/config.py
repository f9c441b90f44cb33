"""What a generation run may be told."""

import math
from dataclasses import dataclass, field
from typing import Literal

from models.sampling.lanes import LANE_MULTIPLE
from pipeline.generation.accept.config import AcceptConfig


@dataclass(frozen=True)
class GenerateConfig:
    """How items are drawn. What may change an item's bytes is `sampler`, `precision`, `device`, and where torch draws
    `num_lanes`; all are stamped into its row.

    num_lanes: items drawn side by side, a multiple of 8. Neighbours, shard size and the number of actors never change
        an item's bytes; drawn by torch, the number of lanes may.
    sampler: "fastest" draws by a kernel where the device has one for the model and the request, else by torch;
        "torch" always by torch.
    precision: of a kernel's products. bfloat16 is twice as fast where the processor or the GPU has it, and rounds.
    items_per_shard, levels_per_shard: a shard ends at so many items, or once it has so many levels (timesteps, or pixel
        channels) and a multiple of `num_lanes` items: a second of work for a kernel, so that few items still spread
        over all actors, and no lane idles where items are alike.
    num_actors: processes that hold the model; each takes one CPU, or `gpus_per_actor` of a GPU. No more are started
        than there is room for, unless `autoscale` says that the cluster makes room for those that wait.
    export: "files" also writes a WAV or PNG file for each item below OUT/wav or OUT/png.
    canary_one_in: of so many items one is scored again by the model's definition, and the first that an actor draws;
        an actor that disagrees is put out, and what it drew since it was last found right is drawn again by others.
    overwrite: whether items that stand in the folder and are asked for no more may be removed; refused elsewhere.
    snapshot_every_s: how often an actor writes down how far its shard is (`snapshots.py`): a run that is killed loses
        so much of each shard underway, however long an item is. A large one is seldom.
    max_timesteps: the longest item, 65 s at 16 kHz. A mistyped duration is found before it fills the memory: a lane
        takes 16 bytes a timestep, and its condition a few more.

    accept: what an item must be like to become a row, and how often it is drawn until it is (`accept/config.py`).
    stop_after_s, stop_at_cost: once a run has lasted so long, or cost so much at `price_per_hour` (of all machines
        together), it gives out no more and finishes the dataset with what stands, near-duplicates left out; the same
        command goes on later.

    There is no share of failures to allow: a checked request can be drawn, or the model itself is broken. What is not
    accepted is no failure; it is listed beside them.
    """

    num_lanes: int = 16
    sampler: Literal["fastest", "torch"] = "fastest"
    precision: Literal["float32", "bfloat16"] = "float32"
    items_per_shard: int = 256
    levels_per_shard: int = 2**17
    num_actors: int = 2
    autoscale: bool = False
    device: Literal["cpu", "cuda"] = "cpu"
    gpus_per_actor: float = 1.0
    export: Literal["none", "files"] = "none"
    overwrite: bool = False
    canary_one_in: int = 1000
    snapshot_every_s: float = 60.0
    max_timesteps: int = 2**20
    accept: AcceptConfig = field(default_factory=AcceptConfig)
    price_per_hour: float = 0.0
    stop_after_s: float = math.inf
    stop_at_cost: float = math.inf

    def __post_init__(self) -> None:
        if self.num_lanes < 1 or self.num_lanes % LANE_MULTIPLE:
            raise ValueError(f"num_lanes must be a multiple of {LANE_MULTIPLE}, got {self.num_lanes}")
        if self.precision != "float32" and self.sampler != "fastest":
            raise ValueError(
                f"precision is that of a kernel: with sampler={self.sampler} and device={self.device} it is "
                f"float32, got {self.precision}"
            )
        for name in ("items_per_shard", "levels_per_shard", "num_actors", "canary_one_in", "max_timesteps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        self._refuse_limits()

    def _refuse_limits(self) -> None:
        for name in ("gpus_per_actor", "snapshot_every_s", "stop_after_s", "stop_at_cost"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        if self.gpus_per_actor > 1:
            raise ValueError(f"gpus_per_actor must be at most 1, an actor draws on one GPU; got {self.gpus_per_actor}")
        if self.device == "cpu" and self.gpus_per_actor != 1:
            raise ValueError(f"gpus_per_actor {self.gpus_per_actor:g} is for device=cuda; give that, or leave it out")
        if not 0 <= self.price_per_hour < math.inf:
            raise ValueError(f"price_per_hour must be a price, 0 or more, got {self.price_per_hour}")
        if self.stop_at_cost < math.inf and not self.price_per_hour:
            raise ValueError(f"stop_at_cost {self.stop_at_cost:g} needs price_per_hour, what an hour of the run costs")

    @property
    def time_limit_s(self) -> float:
        """After how many seconds a run gives out no more work; infinite where nothing ends it."""
        affordable = self.stop_at_cost / self.price_per_hour * 3600 if self.price_per_hour else math.inf
        return min(self.stop_after_s, affordable)
