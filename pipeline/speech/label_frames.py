"""HTS labels as vectors, a frame each: the answers to a question set, and where in its phone and state a frame lies.

Axes: F frame of 5 ms, Q question. For the 416 questions of questions-radio_dnn_416.hed and labels of states that is
425 numbers, the input of Merlin's acoustic models. Equal to nnmnkwii's `linguistic_features` with add_frame_features
and subphone_features "full" (labels of states) or "coarse_coding" (labels of phones), but float32.
Source: Wu, Watts and King, "Merlin: an open source neural network speech synthesis system", 2016.
"""

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ItemError
from pipeline.speech.hts_label import Label
from pipeline.speech.questions import QuestionSet

UNITS_PER_FRAME = 50_000
"""5 ms in units of 100 ns."""

FIRST_STATE = 2

Frames = NDArray[np.float32]

CENTRES, WIDTH = (0.0, 0.5, 1.0), 0.4
NUM_POINTS, SPAN, NUM_STEPS = 600, 3.0, 200
"""Of Merlin's tables for coarse coding: points of a Gaussian, what they span, and how many a phone runs through."""

MOST_FRAMES = 120_000
"""Of one label: ten minutes, as long as a recording may be."""


def frame_vectors(labels: Sequence[Label], questions: QuestionSet) -> Frames:
    """[F, Q + 9] for labels of states, [F, Q + 4] for labels of phones.

    A frame belongs to the label that it starts in, as long as times are multiples of 5 ms. An ItemError at stage
    "phones" says that a label has no times, or that its state does not follow the one before.
    """
    blocks = [
        np.concatenate([np.tile(questions.vector(str(phone[0].context)), (len(places), 1)), places], axis=1)
        for phone in phones_of(labels)
        for places in [places_in_phone(phone)]
    ]
    return np.concatenate(blocks) if blocks else np.zeros((0, len(questions) + 9), np.float32)


def phones_of(labels: Sequence[Label]) -> Iterator[Sequence[Label]]:
    """The labels of each phone: its states, or itself where the first of all labels is of a whole phone."""
    starts = [place for place, label in enumerate(labels) if place == 0 or label.state in (None, FIRST_STATE)]
    for start, end in zip(starts, [*starts[1:], len(labels)], strict=False):
        phone = labels[start:end]
        in_order = [None] if labels[0].state is None else [*range(FIRST_STATE, FIRST_STATE + len(phone))]
        if [one.state for one in phone] != in_order:
            raise ItemError(
                "phones", f"expected states {FIRST_STATE} and up in order, at HTS label {str(phone[0])[:80]!r}"
            )
        yield phone


def places_in_phone(phone: Sequence[Label]) -> Frames:
    """Where each frame of a phone lies in it."""
    if phone[0].state is None:
        return coarse_places(num_frames(phone[0]))
    lengths = [num_frames(state) for state in phone]
    return np.concatenate([state_places(lengths, number) for number in range(len(lengths))])


def num_frames(label: Label) -> int:
    """How many frames a label lasts."""
    if label.start is None or label.end is None or label.end < label.start:
        raise ItemError("phones", f"expected start and end before the HTS label {str(label)[:80]!r}")
    if (length := (label.end - label.start) // UNITS_PER_FRAME) > MOST_FRAMES:
        raise ItemError("phones", f"more than {MOST_FRAMES} frames of 5 ms in the HTS label {str(label)[:80]!r}")
    return length


def state_places(lengths: Sequence[int], number: int) -> Frames:
    """[F, 9] for one state of a phone whose states last so many frames.

    Share of the state passed and left, its frames; its number forward and backward; the phone's frames, the state's
    share of them, share of the phone left and passed.
    """
    length, total, before = lengths[number], sum(lengths), sum(lengths[:number])
    frame = np.arange(length, dtype=np.float64)
    columns = (
        *((frame + 1) / max(length, 1), (length - frame) / max(length, 1), length),
        *(number + 1, len(lengths) - number, total, length / max(total, 1)),
        *((total - frame - before) / max(total, 1), (before + frame + 1) / max(total, 1)),
    )
    return np.stack([np.broadcast_to(column, length) for column in columns], axis=1).astype(np.float32)


def coarse_places(length: int) -> Frames:
    """[F, 4] for a phone: how near its start, middle and end are, as Gaussians; its frames."""
    steps = (NUM_STEPS / max(length, 1) * np.arange(length)).astype(np.int64)
    table = gaussians()
    columns = [table[number, 300 - 100 * number + steps] for number in range(len(CENTRES))]
    return np.stack([*columns, np.full(length, length, np.float32)], axis=1)


@cache
def gaussians() -> Frames:
    """[3, points]: densities around each centre, over a span that begins half of it before."""
    points = [np.linspace(centre - SPAN / 2, centre + SPAN / 2, NUM_POINTS) for centre in CENTRES]
    densities = [np.exp(-(((x - centre) / WIDTH) ** 2) / 2) for x, centre in zip(points, CENTRES, strict=True)]
    table: Frames = (np.stack(densities) / (WIDTH * np.sqrt(2 * np.pi))).astype(np.float32)
    return table
