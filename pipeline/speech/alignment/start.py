"""The first guess of where sounds lie, which training starts from: after espeak-ng's voice, or evenly spread.

espeak-ng says the same words and tells when it says which phone; warping its frames onto the recording's carries these
times over. Half of the phones lie within 20 ms then, which is what lets a model be learnt from a few dozen utterances.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.items import TimedPhone
from pipeline.speech.alignment.dtw import warped
from pipeline.speech.alignment.features import HOP_S, Features
from pipeline.speech.alignment.graph import NO_PHONE, STATES, Graph
from pipeline.speech.alignment.matching import matched
from pipeline.speech.alignment.phone_classes import units_of
from pipeline.speech.spans import SILENCE

Frames = NDArray[np.intp]


def ends_after_voice(graph: Graph, features: Features, voice: Features, phones: Sequence[TimedPhone]) -> Frames:
    """Where each slot ends, in frames, after a voice whose phones are known; a slot may last no frame."""
    sounds = [(unit, start, end) for unit, start, end in pieces(phones) if unit != SILENCE]
    slots = [slot for slot, place in enumerate(graph.places) if place != NO_PHONE]
    onto = np.append(warped(voice, features), len(features))
    starts, ends = np.full((2, len(graph.places) + 1), np.nan)
    for left, right in matched([graph.units[slot] for slot in slots], [unit for unit, _, _ in sounds]):
        _, start_s, end_s = sounds[right]
        starts[slots[left]], ends[slots[left]] = (onto[min(round(s / HOP_S), len(voice))] for s in (start_s, end_s))
    # A sound lasts to the next one's start, or, where a silence may follow, to its own end.
    is_silence = np.array(graph.places) == NO_PHONE
    before_silence = np.append(is_silence[1:], True)
    return rounded(np.where(before_silence & ~is_silence, ends[:-1], starts[1:]), len(features))


def pieces(phones: Sequence[TimedPhone]) -> list[tuple[str, float, float]]:
    """Units with their times; those of one phone share its time evenly."""
    found = []
    for phone in phones:
        units = units_of(phone.phone)
        length = (phone.end_s - phone.start_s) / len(units)
        found += [(u, phone.start_s + i * length, phone.start_s + (i + 1) * length) for i, u in enumerate(units)]
    return found


def even_ends(graph: Graph, features: Features) -> Frames:
    """The same with silence at both ends where it is quiet, sounds of one length between, and no pause."""
    first, last = loud_span(features)
    sounds = np.array(graph.places) != NO_PHONE
    ends = first + np.cumsum(sounds) * (last - first) / sounds.sum()
    return rounded(ends, len(features))


def loud_span(features: Features) -> tuple[int, int]:
    """[first, last) of the frames that are louder than the quietest tenth by a third of the way to the loudest."""
    loudness = features[:, 0]
    quiet, loud = np.percentile(loudness, [10, 90])
    places = np.flatnonzero(loudness > quiet + 0.3 * (loud - quiet))
    return (int(places[0]), int(places[-1]) + 1) if places.size else (0, len(features))


def rounded(ends: NDArray[np.float64], num_frames: int) -> Frames:
    """Ends that rise to the last frame; those not known (NaN) lie evenly between their neighbours."""
    ends[-1] = num_frames
    known = np.flatnonzero(np.isfinite(ends))
    filled = np.interp(np.arange(len(ends)), np.append(-1, known), np.append(0, ends[known]))
    return np.maximum.accumulate(np.rint(filled)).astype(np.intp)


def states_of(ends: Frames) -> Frames:
    """Where slots end to states by frame [F]; the states of a slot share its frames evenly."""
    edges = np.append(0, ends)
    lengths = np.diff(edges)
    slots = np.repeat(np.arange(len(ends)), lengths)
    inside = np.arange(edges[-1]) - edges[slots]
    states: Frames = slots * STATES + inside * STATES // lengths[slots]
    return states
