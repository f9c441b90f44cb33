"""Drawing items from a model: `sample_naive` (the reference), `sample_cached` (O(1) work per draw), `sample_lanes`."""

from models.sampling.cached import sample_cached
from models.sampling.draws import Drawn, OnProgress
from models.sampling.lanes import DrawnItem, LaneRequest, sample_lanes
from models.sampling.naive import sample_naive

__all__ = ["Drawn", "DrawnItem", "LaneRequest", "OnProgress", "sample_cached", "sample_lanes", "sample_naive"]
