"""A recording and what is said in it to spans of time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.decode import Waveform
from pipeline.errors import ItemError
from pipeline.speech.alignment.acoustic_model import AcousticModel
from pipeline.speech.alignment.features import HOP_S, Features, features_of
from pipeline.speech.alignment.graph import NO_PHONE, STATES, Graph, graph_of
from pipeline.speech.alignment.viterbi import Path, best_path
from pipeline.speech.utterance import Utterance

ONSET_SHIFT_S = 0.0


@dataclass(frozen=True, slots=True)
class Span:
    """[start_s, end_s) of the phone at a place of `Utterance.phones`, or of a silence (None)."""

    place: int | None
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Alignment:
    """Spans from 0 to the recording's end, each beginning where the one before it ends.

    `score` is the mean log likelihood of a frame in nats.
    """

    spans: tuple[Span, ...]
    score: float
    num_frames: int


def align(model: AcousticModel, waveform: Waveform, sample_rate_hz: int, utterance: Utterance) -> Alignment:
    """Find every phone of the utterance, in order, and the silences between words.

    Raises ItemError at stage "align" where nothing is to be said or the recording is too short for it.
    """
    graph = graph_of(utterance)
    features = features_of(waveform, sample_rate_hz)
    path = path_of(model, features, graph)
    spans = spans_of(graph, path.states, len(waveform) / sample_rate_hz)
    return Alignment(spans, path.log_likelihood / len(features), len(features))


def path_of(model: AcousticModel, features: Features, graph: Graph) -> Path:
    """The best path of frames through the chain."""
    check_length(graph, len(features))
    rows, columns = np.unique(model.rows(graph), return_inverse=True)
    return best_path(model.state_scores(features, rows), columns, graph.follows_silence())


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


def spans_of(graph: Graph, states: NDArray[np.intp], duration_s: float) -> tuple[Span, ...]:
    """States by frame to spans by place."""
    slots = states // STATES
    places = np.array(graph.places)[slots]
    # A phone of several units is one span, and neighbouring phones differ in place, silences in slot.
    changes = np.flatnonzero(np.diff(places)) + 1
    onsets = np.array([0, *changes])
    starts = [0.0, *(min(max(onset * HOP_S + ONSET_SHIFT_S, 0.0), duration_s) for onset in changes.tolist())]
    ends = [*starts[1:], duration_s]
    return tuple(
        Span(None if place == NO_PHONE else place, start, end)
        for place, start, end in zip(places[onsets].tolist(), starts, ends, strict=True)
    )
