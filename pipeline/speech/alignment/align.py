"""A recording and what is said in it to spans of time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.decode import Waveform
from pipeline.audio.resample import resample
from pipeline.errors import ItemError
from pipeline.speech.alignment.acoustic_model import AcousticModel, Array
from pipeline.speech.alignment.features import HOP_S, RATE_HZ, features_of
from pipeline.speech.alignment.graph import NO_PHONE, STATES, Graph, graph_of
from pipeline.speech.alignment.onsets import sharpened
from pipeline.speech.alignment.viterbi import Path, best_path
from pipeline.speech.utterance import Utterance

DECIMALS = 4
"""Times to a tenth of a millisecond: what is left of a processor's own rounding is rounded away."""


@dataclass(frozen=True, slots=True)
class Span:
    """[start_s, end_s) of the phone at a place of `Utterance.phones`, or of a silence (None)."""

    place: int | None
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Alignment:
    """Spans from 0 to the recording's end, each beginning where the one before it ends.

    `score` is the mean log likelihood of a frame in nats. `fit` is the same less that of the state that each frame
    fits best, whatever is said: 0 at most, far below where the text is another one. A voice, a room or a microphone
    that the model knows little of lowers the score and leaves the fit alone.
    """

    spans: tuple[Span, ...]
    score: float
    fit: float
    num_frames: int


def align(model: AcousticModel, waveform: Waveform, sample_rate_hz: int, utterance: Utterance) -> Alignment:
    """Find every phone of the utterance, in order, and the silences between words.

    Raises ItemError at stage "align" where nothing is to be said or the recording is too short for it.
    """
    graph = graph_of(utterance)
    resampled = resample(waveform, sample_rate_hz, RATE_HZ)
    scores = model.state_scores(features_of(resampled, RATE_HZ))
    path = path_of(model, scores, graph)
    onsets_s = sharpened(resampled, onsets_of(path.states, graph, scores, model.rows(graph)))
    spans = spans_of(path.states, graph, onsets_s, len(waveform) / sample_rate_hz)
    score, fit = (round(figure, DECIMALS) for figure in (path.log_likelihood / len(scores), fit_of(path, scores)))
    return Alignment(spans, score, fit, len(scores))


def path_of(model: AcousticModel, scores: Array, graph: Graph) -> Path:
    """The best path through the chain of frames whose scores are known [F, N]."""
    check_length(graph, len(scores))
    return best_path(scores, model.rows(graph), graph.follows_silence())


def fit_of(path: Path, scores: Array) -> float:
    """How much less likely a frame is on the path than in the state that it fits best, on average."""
    return float(path.log_likelihood - scores.max(axis=1).sum()) / len(scores)


def check_length(graph: Graph, num_frames: int) -> None:
    """Refuse a text that cannot be said in the time."""
    if not graph.fewest_frames:
        raise ItemError("align", "nothing is said in the text")
    if graph.fewest_frames > num_frames:
        raise ItemError(
            "align",
            f"{graph.fewest_frames // STATES} sounds need at least {graph.fewest_frames * HOP_S:.2f} s, the recording "
            f"lasts {num_frames * HOP_S:.2f} s: the text belongs to other audio",
        )


def places_of(states: NDArray[np.intp], graph: Graph) -> NDArray[np.intp]:
    """[F] the place of the phone that each frame belongs to: the units of a phone are one."""
    return np.array(graph.places)[states // STATES]


def onsets_of(states: NDArray[np.intp], graph: Graph, scores: Array, rows: NDArray[np.intp]) -> Array:
    """Where, in seconds, the place changes."""
    onsets = np.flatnonzero(np.diff(places_of(states, graph))) + 1
    return crossings(scores, rows, states, onsets) * HOP_S


def spans_of(states: NDArray[np.intp], graph: Graph, onsets_s: Array, duration_s: float) -> tuple[Span, ...]:
    """The places that states pass through, with their times."""
    places = places_of(states, graph)
    changed = np.flatnonzero(np.diff(places, prepend=-2))
    times_s = [0.0, *np.round(onsets_s, DECIMALS).tolist(), duration_s]
    return tuple(
        Span(None if place == NO_PHONE else place, start_s, end_s)
        for place, start_s, end_s in zip(places[changed].tolist(), times_s[:-1], times_s[1:], strict=True)
    )


def crossings(scores: Array, rows: NDArray[np.intp], states: NDArray[np.intp], onsets: NDArray[np.intp]) -> Array:
    """Where, in frames, the state of each onset becomes likelier than the one before it.

    Between the middles of the last frame of one and the first of the other, which stand for what was heard around
    them; the difference of the two scores is taken to change evenly in between. Onsets become finer than frames by it.
    """
    before, after = rows[states[onsets - 1]], rows[states[onsets]]
    lead = scores[onsets - 1, before] - scores[onsets - 1, after]
    lag = scores[onsets, after] - scores[onsets, before]
    is_crossing = (lead > 0) & (lag > 0)
    share = np.where(is_crossing, lead, 1) / np.where(is_crossing, lead + lag, 2)
    return onsets - 0.5 + share
