"""Which alignments not to trust, and why: an aligner puts every phone somewhere, whatever it hears.

Judged by what is usual in the speech that the model was trained on (`statistics.calibrated`): a wrong text shows in
phones that are stretched or squeezed, in much silence, and in frames that are far likelier as other sounds.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.speech.alignment.acoustic_model import AcousticModel, Array
from pipeline.speech.alignment.align import Alignment
from pipeline.speech.alignment.features import HOP_S
from pipeline.speech.alignment.phone_classes import units_of
from pipeline.speech.utterance import Utterance

LEAST_DEVIATION = 0.25
"""Of a logarithm of a duration: a sound that comes in one word alone would be taken at its word."""

LEAST_FIT_DEVIATION = 1.0
"""In nats a frame: utterances of one speaker in one room are all alike, and what differs a little is not wrong."""

SLACK_S = 1e-3
"""Times are rounded."""


@dataclass(frozen=True)
class GateConfig:
    """Where what is odd becomes suspect.

    Of 80 sentences of TIMIT and LJ Speech none is marked, of 600 digits of FSDD three; of the same recordings, each
    with another one's text of like length, all sentences are and 99 % of the digits.
    """

    most_silence_share: float = 0.6
    """Of the recording. With its right text .4 is the most that was seen, in a short utterance with long margins."""
    odd_deviations: float = 3.0
    most_odd_share: float = 0.08
    """Of the phones, and two at least. With the right text .08 is the most that was seen, .13 is usual with wrong ones.
    """
    most_deviations: float = 6.0
    """Of any phone: with the right text the oddest of a sentence stands at 2 to 4."""
    lowest_fit_deviations: float = -4.0
    """Of the fit of an utterance. With the right text a sentence stood at -1 or higher, with a wrong one below -8."""


def suspicion(
    alignment: Alignment, utterance: Utterance, model: AcousticModel, duration_s: float, config: GateConfig
) -> str:
    """Why an alignment is suspect, with the figure and its limit; empty where nothing is odd about it.

    `duration_s` is that of the recording as it is stored, of which frames and spans must cover every timestep.
    """
    odd = np.abs(duration_deviations(alignment, utterance, model))
    reasons = (
        uncovered(alignment, duration_s),
        above(silence_share(alignment), config.most_silence_share, "of the recording is silence"),
        odd_phones(odd, config),
        above(odd.max(initial=0), config.most_deviations, "deviations from its usual duration is one phone"),
        below(fit_deviations(alignment, model), config.lowest_fit_deviations),
    )
    return next(filter(None, reasons), "")


def uncovered(alignment: Alignment, duration_s: float) -> str:
    """Whether frames or spans end elsewhere than the recording."""
    frames_s, end_s = alignment.num_frames * HOP_S, alignment.spans[-1].end_s
    if -SLACK_S < frames_s - duration_s < HOP_S + SLACK_S and abs(end_s - duration_s) < SLACK_S:
        return ""
    return f"{frames_s:.3f} s of frames and spans up to {end_s:.3f} s for a recording of {duration_s:.3f} s"


def odd_phones(odd: Array, config: GateConfig) -> str:
    """Whether too many phones are much longer or shorter than is usual."""
    count = int((odd > config.odd_deviations).sum())
    if count < 2 or count <= config.most_odd_share * len(odd):
        return ""
    return (
        f"{count} of {len(odd)} phones last {config.odd_deviations:g} deviations longer or shorter than is usual; "
        f"expected at most a share of {config.most_odd_share:g}"
    )


def above(figure: float, limit: float, what: str) -> str:
    """Whether a figure is higher than it may be."""
    return f"{figure:.2f} {what}; expected at most {limit:g}" if figure > limit else ""


def below(figure: float, limit: float) -> str:
    """Whether the fit is lower than it may be."""
    if figure >= limit:
        return ""
    return f"the sound fits the text {-figure:.1f} deviations worse than is usual; expected at most {-limit:g}"


def silence_share(alignment: Alignment) -> float:
    """How much of the recording lies in no phone."""
    silent_s = sum(span.end_s - span.start_s for span in alignment.spans if span.place is None)
    return silent_s / max(alignment.spans[-1].end_s, HOP_S)


def fit_deviations(alignment: Alignment, model: AcousticModel) -> float:
    """How many deviations the fit lies above what is usual."""
    mean, deviation = model.fit
    return float((alignment.fit - mean) / max(deviation, LEAST_FIT_DEVIATION))


def duration_deviations(alignment: Alignment, utterance: Utterance, model: AcousticModel) -> Array:
    """[phones] how many deviations the logarithm of each duration lies above that of its units together."""
    spans = [span for span in alignment.spans if span.place is not None]
    usual = np.array([usual_duration(utterance.phones[span.place or 0].symbol, model) for span in spans])
    lengths = np.array([(span.end_s - span.start_s) / HOP_S for span in spans])
    deviations: Array = (np.log(lengths) - usual[:, 0]) / np.maximum(usual[:, 1], LEAST_DEVIATION)
    return deviations


def usual_duration(symbol: str, model: AcousticModel) -> tuple[float, float]:
    """Mean and deviation of the logarithm of a phone's duration in frames; units of one phone vary together."""
    means, deviations = model.log_durations[[model.unit_number(unit) for unit in units_of(symbol)]].T
    return float(np.log(np.exp(means).sum())), float(deviations.max())
