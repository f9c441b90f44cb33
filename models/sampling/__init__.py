"""Drawing items from a model: `sample_naive` (the reference), `sample_cached` (O(1) work per draw), `sample_lanes`.

draws.py        what both samplers share: random numbers, levels, likelihood
departures.py   temperature, top-k, top-p, guidance: by default none
choosing.py     one draw as the departures have it
guidance.py     the second row of a guided lane, and how the two are combined
kept.py         levels that are given: prefix, in-painting
lanes.py        many requests in one batch of fixed size
lockstep.py     such a batch, drawn a part at a time
state.py        what a sampler goes on from after a restart; `cache_state.py` has it of a model's cache
fused.py        by a compiled kernel (`models/native`): `fused_waveforms.py`, in lanes that take the next item, and
                `fused_pictures.py`; `lane_conditions.py` and `picture_conditions.py` have what conditions their lanes
scales.py       a multi-scale picture one scale at a time; `fused_scales.py` by a kernel
"""

from models.sampling.cached import sample_cached
from models.sampling.departures import ALL_LEVELS, NO_DEPARTURES, Departures
from models.sampling.draws import Drawn, OnProgress
from models.sampling.kept import Kept
from models.sampling.lanes import DrawnItem, LaneRequest, rows_taken
from models.sampling.lockstep import sample_lanes
from models.sampling.naive import sample_naive

__all__ = [
    "ALL_LEVELS",
    "NO_DEPARTURES",
    "Departures",
    "Drawn",
    "DrawnItem",
    "Kept",
    "LaneRequest",
    "OnProgress",
    "rows_taken",
    "sample_cached",
    "sample_lanes",
    "sample_naive",
]
