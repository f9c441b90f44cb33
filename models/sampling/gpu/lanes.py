"""Any number of requests on a GPU: waveforms in lanes that take the next item, all others in one set after another."""

from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache

from models.autoregressive import Autoregressive
from models.sampling.draws import refuse_picture_shape, sampling_mode
from models.sampling.fused import Lanes, OnLevels, drawn_by
from models.sampling.gpu.packing import Precision
from models.sampling.gpu.sampling import Kernels, why_not_on_gpu
from models.sampling.gpu.waveform_lanes import WaveformLanes, takes_the_next
from models.sampling.lanes import DrawnItem, LaneRequest, check_num_lanes, drawn_from, drawn_state, lane_groups
from models.sampling.lockstep import LockstepLanes
from models.sampling.packed import weights_as_they_are
from models.sampling.state import State
from models.wavenet import WaveNet

Begin = Callable[[], Lanes]

KEPT = 2
"""Models whose graphs stand: they hold memory of the device."""


def sample_on_gpu(
    model: Autoregressive,
    requests: Sequence[LaneRequest],
    num_lanes: int,
    precision: Precision = "float32",
    on_levels: OnLevels | None = None,
) -> list[DrawnItem]:
    """The requested items, any number of them, in the order of the requests.

    An item's bytes depend on the device, the precision and the number of lanes, not on the other items. ValueError
    where the model or a request does not fit (`why_not_on_gpu`), and where the model gave no probabilities.
    """
    with sampling_mode(model):
        return drawn_by(gpu_lanes(model, requests, num_lanes, precision), on_levels)


def gpu_lanes(
    model: Autoregressive, requests: Sequence[LaneRequest], num_lanes: int, precision: Precision = "float32"
) -> Lanes:
    """What draws the requests; within `sampling_mode`. ValueError."""
    if reason := why_not_on_gpu(model, precision):
        raise ValueError(reason)
    check_num_lanes(num_lanes)
    for request in requests:
        refuse_picture_shape(model, request.shape)
    kernels = kernels_of(model, precision, weights_as_they_are(model) or object())

    def in_lockstep(group: list[int]) -> Begin:
        return lambda: LockstepLanes(model, [requests[place] for place in group], num_lanes, kernels.begin)

    moving: list[int] = []
    if isinstance(model, WaveNet):
        moving = [place for place, one in enumerate(requests) if takes_the_next(model, one.departures)]
    others = lane_groups(requests, sorted(set(range(len(requests))) - set(moving)), num_lanes)
    sets: list[tuple[list[int], Begin]] = [(group, in_lockstep(group)) for group in others]
    if moving and isinstance(model, WaveNet):
        network = model
        sets.append((moving, lambda: WaveformLanes(network, [requests[one] for one in moving], num_lanes, precision)))
    return OneAfterAnother(sets)


@lru_cache(maxsize=KEPT)
def kernels_of(model: Autoregressive, precision: Precision, weights: Hashable) -> Kernels:
    """A model's kernels, packed once for weights as they are."""
    return Kernels(model, precision)


class OneAfterAnother:
    """Sets of lanes, each with the places of its items, of which one is underway."""

    def __init__(self, sets: Sequence[tuple[list[int], Begin]]) -> None:
        self.sets = sets
        self.done: list[DrawnItem] = []
        self.number = 0
        self.lanes: Lanes | None = None

    @property
    def num_drawn(self) -> int:
        """Levels so far."""
        drawn = sum(item.levels.numel() for item in self.done)
        return drawn + (0 if self.lanes is None else self.lanes.num_drawn)

    def advance(self) -> bool:
        """Draw a part of a set; false where all are drawn."""
        if self.number == len(self.sets):
            return False
        if self.lanes is None:
            self.lanes = self.sets[self.number][1]()
        if not self.lanes.advance():
            self.done += self.lanes.items()
            self.number, self.lanes = self.number + 1, None
        return True

    def items(self) -> list[DrawnItem]:
        """All of them, in the order of the requests."""
        places = [place for group, _ in self.sets for place in group]
        by_place = dict(zip(places, self.done, strict=True))
        return [by_place[place] for place in range(len(places))]

    def state(self) -> State:
        """The sets that are done, and what the one underway has done."""
        parts = {"done": drawn_state(self.done)}
        if self.lanes is not None:
            parts["lanes"] = self.lanes.state()
        return State.of_parts({"number": self.number}, **parts)

    def restore(self, state: State) -> None:
        """Go on from there."""
        self.number, self.done = state.facts["number"], drawn_from(state.part("done"))
        if "lanes" in state.facts and self.number < len(self.sets):
            self.lanes = self.sets[self.number][1]()
            self.lanes.restore(state.part("lanes"))
