"""The traps that autoregressive models set, each planted, and the test that it then fails.

Each mistake is put in the place of what is right, and a test of the suite is run and must fail: a test that cannot
fail is found here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from models import (
    conditioning,
    gated_pixelcnn,
    level_bins,
    linear_ar,
    linear_fits,
    linear_process,
    pixelcnn,
    wavenet,
    wavenet_context,
)
from models.layers import condition_embedding, picture_lstm, waveform_condition
from models.layers.condition_embedding import FrameEmbedding
from models.layers.masked_conv import MaskedConv2d
from models.layers.pixel_mixture import PixelMixture
from models.layers.shifted_conv import WeightNormConv2d
from models.linear_process import LinearProcess
from models.multiscale import Multiscale
from models.sampling.draws import Draws
from models.wavenet_stack import GatedStack
from pipeline import batches
from pipeline.training.loop import Run
from tests.models import test_contract as contract
from tests.models import test_contract_conditions as conditions
from tests.models import test_contract_draws as draws
from tests.models import test_linear_ar as ar
from tests.models import test_linear_fits as fits
from tests.models import test_linear_process as process
from tests.models import test_pixelcnn_pp as pp
from tests.models import test_receptive_field as field
from tests.models import test_wavenet as waves
from tests.models.layers import test_masked_conv as masked
from tests.pipeline import test_batches as batching
from tests.pipeline.audio import test_companding as mu_law
from tests.pipeline.evaluation import test_evaluation as evaluations
from tests.pipeline.training import test_average as averages
from tests.traps import mistakes
from tests.traps.mistakes import instead

FAILURES = (AssertionError, pytest.fail.Exception, ValueError, RuntimeError, LookupError)
"""How a test may fail: by what it asserts, by an error that it expects and does not get, by one that it does not."""


@dataclass(frozen=True)
class Trap:
    """A mistake, as what is put in the place of an attribute, and the test that catches it."""

    name: str
    owner: Any
    attribute: str
    mistake: Callable[[Any], Any]
    """From what is right to what is wrong."""
    test: Callable[..., None]
    arguments: tuple[Any, ...] = ()
    fixtures: tuple[str, ...] = ()
    """Of pytest's own; they come after the arguments."""

    def run_test(self, request: pytest.FixtureRequest) -> None:
        """The test, as it is or with the mistake planted."""
        self.test(*self.arguments, *(request.getfixturevalue(name) for name in self.fixtures))


WAVENET = ("wavenet", "none")
TRAPS = (
    Trap(
        "mu-law: mu = 256",
        mu_law,
        "encode",
        instead(mistakes.with_257_levels),
        mu_law.test_mu_law_gives_the_published_values,
    ),
    Trap(
        "mu-law: floored",
        mu_law,
        "encode",
        instead(mistakes.floored),
        mu_law.test_decode_then_encode_gives_every_level_back,
        ("mu-law", 256),
    ),
    Trap(
        "mu-law: floored, in noise",
        mu_law,
        "encode",
        instead(mistakes.floored),
        mu_law.test_noise_keeps_its_signal_to_noise_ratio_and_its_mean,
    ),
    Trap(
        "mu-law: not clamped",
        mu_law,
        "encode",
        instead(mistakes.unclamped),
        mu_law.test_what_lies_outside_is_clamped,
    ),
    Trap("shift: none", wavenet, "shift", instead(mistakes.unshifted), contract.test_causal_by_gradient, WAVENET),
    Trap("shift: twice", wavenet, "shift", instead(mistakes.shifted_twice), contract.test_causal_by_gradient, WAVENET),
    Trap(
        "shift: none, linear",
        linear_ar,
        "shift",
        instead(mistakes.unshifted),
        contract.test_causal_by_perturbation,
        ("linear_ar", "none"),
    ),
    Trap(
        "shift: twice, linear",
        linear_ar,
        "shift",
        instead(mistakes.shifted_twice),
        field.test_the_far_edge_of_a_waveform,
        ("linear_ar",),
    ),
    Trap(
        "shift: none, context stack",
        wavenet_context,
        "shift",
        instead(mistakes.unshifted),
        contract.test_causal_by_gradient,
        ("wavenet contexts", "none"),
    ),
    Trap(
        "start: zeros at the input alone",
        GatedStack,
        "forward",
        mistakes.padded_at_the_input,
        contract.test_step_equals_forward,
        (*WAVENET, 3),
    ),
    Trap(
        "fast: a stale cache",
        GatedStack,
        "init_cache",
        mistakes.kept_from_the_last_item,
        contract.test_step_equals_forward,
        (*WAVENET, 3),
    ),
    Trap(
        "fast: two items at once",
        GatedStack,
        "init_cache",
        mistakes.kept_from_the_last_item,
        draws.test_two_pairs_of_items_are_drawn_side_by_side,
        ("wavenet",),
    ),
    Trap(
        "fast: weights of before",
        GatedStack,
        "layer_step",
        mistakes.weights_read_once,
        contract.test_step_equals_forward_after_the_weights_change,
        WAVENET,
    ),
    Trap(
        "draws: too sharp",
        Draws,
        "draw",
        mistakes.draws_the_likeliest,
        draws.test_draws_follow_the_model,
        ("wavenet",),
    ),
    Trap(
        "draws: uneven uniforms",
        Draws,
        "uniforms_at",
        mistakes.one_tenth_of_a_level_lost,
        draws.test_draws_follow_the_model,
        ("linear_ar",),
    ),
    Trap(
        "batches: padded with level 0",
        batches,
        "silence_level",
        instead(lambda _: 0),
        batching.test_padding_is_silence_and_is_not_scored,
    ),
    Trap(
        "batches: padding is scored",
        batches,
        "Batch",
        mistakes.all_scored,
        batching.test_padding_is_silence_and_is_not_scored,
    ),
    Trap(
        "bits/dim: nats",
        evaluations,
        "figure",
        mistakes.nats_for_bits,
        evaluations.test_bits_are_those_of_a_level_and_not_of_a_pixel_or_an_item,
    ),
    Trap(
        "bits/dim: divided by the pixels",
        evaluations,
        "figure",
        mistakes.divided_by_pixels,
        evaluations.test_bits_are_those_of_a_level_and_not_of_a_pixel_or_an_item,
    ),
    Trap(
        "average: the last weights exported",
        Run,
        "export",
        mistakes.last_weights_exported,
        averages.test_the_best_is_exported_and_not_the_last,
        fixtures=("tmp_path", "monkeypatch"),
    ),
    Trap(
        "condition: any number of frames",
        waveform_condition,
        "check_frames",
        instead(lambda *_: None),
        conditions.test_frames_that_do_not_cover_the_timesteps_are_an_error,
        ("wavenet", "local"),
    ),
    Trap(
        "condition: a frame late",
        FrameEmbedding,
        "forward",
        mistakes.a_frame_late,
        waves.test_a_frame_reaches_its_span_and_nothing_before,
    ),
    Trap(
        "condition: that of another item",
        FrameEmbedding,
        "forward",
        mistakes.of_the_first_item,
        conditions.test_each_item_has_its_own_condition,
        ("wavenet", "local"),
    ),
    Trap(
        "condition: unknown speakers",
        conditioning,
        "check_known",
        instead(lambda *_: None),
        conditions.test_an_unknown_value_is_an_error,
        ("wavenet", "global"),
    ),
    Trap(
        "condition: never dropped",
        condition_embedding,
        "without_dropped",
        instead(mistakes.never_dropped),
        conditions.test_an_item_drawn_without_its_condition_meets_the_unconditional_network,
        ("pixelcnn", "global"),
    ),
    Trap(
        "masks: B in the first layer",
        MaskedConv2d,
        "_mask",
        mistakes.all_b,
        contract.test_the_nine_colour_pairs,
        ("pixelcnn",),
    ),
    Trap(
        "masks: the output in other groups",
        pixelcnn,
        "by_colour",
        instead(mistakes.colours_take_turns),
        contract.test_the_nine_colour_pairs,
        ("pixelcnn",),
    ),
    Trap(
        "masks: the gate in other halves",
        gated_pixelcnn,
        "gate",
        instead(mistakes.halves_take_turns),
        contract.test_the_nine_colour_pairs,
        ("gated_pixelcnn",),
    ),
    Trap(
        "masks: another remainder",
        masked,
        "colour_of_each",
        instead(mistakes.remainder_last),
        masked.test_the_remainder_goes_to_the_first_colours,
    ),
    Trap(
        "masks: written into the weights",
        MaskedConv2d,
        "masked_weight",
        instead(mistakes.written_into_the_weights),
        masked.test_the_weights_are_never_written_to,
    ),
    Trap(
        "blind spot: none in PixelCNN",
        pixelcnn,
        "masked_offsets",
        mistakes.with_no_blind_spot,
        field.test_the_blind_spot_of_pixelcnn,
        (10, 0.205),
    ),
    Trap(
        "blind spot: in Gated PixelCNN",
        gated_pixelcnn,
        "shift_down",
        instead(mistakes.nothing_handed_over),
        field.test_the_pixels_that_a_pixel_sees,
        ("gated_pixelcnn grey", (3, 3)),
    ),
    Trap(
        "vertical stack: its own row",
        gated_pixelcnn,
        "shift_down",
        instead(mistakes.unshifted),
        contract.test_causal_by_gradient,
        ("gated_pixelcnn", "none"),
    ),
    Trap(
        "Diagonal BiLSTM: right map not moved down",
        picture_lstm,
        "shift_down",
        instead(mistakes.unshifted),
        contract.test_causal_by_gradient,
        ("pixelrnn", "none"),
    ),
    Trap(
        "PixelCNN++: edge bins without tails",
        level_bins,
        "standardised_bin",
        instead(mistakes.without_tails),
        contract.test_probabilities_of_all_items_sum_to_one,
        ("pixelcnn_pp", "none"),
    ),
    Trap(
        "PixelCNN++: means for true colours",
        PixelMixture,
        "given",
        mistakes.means_for_values,
        contract.test_the_nine_colour_pairs,
        ("pixelcnn_pp",),
    ),
    Trap(
        "PixelCNN++: no channel of ones",
        torch,
        "ones_like",
        instead(mistakes.nothing_for_ones),
        pp.test_the_network_equals_the_papers_in_loops,
        (1, 1),
    ),
    Trap(
        "PixelCNN++: started from answers of before",
        WeightNormConv2d,
        "start_from",
        mistakes.started_from_other_answers,
        pp.test_the_start_from_data_standardises_every_layer_of_the_network,
    ),
    Trap(
        "multi-scale: copied pixels scored by the upscaler",
        Multiscale,
        "predict",
        instead(mistakes.upscaler_scores_all),
        contract.test_probabilities_of_all_items_sum_to_one,
        ("multiscale", "none"),
    ),
    Trap(
        "AR(p): the intercept for the mean",
        LinearProcess,
        "mean",
        instead(property(lambda process: process.intercept)),
        process.test_the_mean_is_not_the_intercept,
    ),
    Trap(
        "AR(p): coefficients from the oldest on",
        linear_ar.LinearAR,
        "parameters_from",
        mistakes.oldest_first,
        ar.test_the_newest_value_meets_the_first_coefficient,
    ),
    Trap(
        "AR(p): stationary by each coefficient",
        LinearProcess,
        "is_stationary",
        instead(property(mistakes.below_one)),
        process.test_stationarity,
        ([0.5, 0.6], False),
    ),
    Trap(
        "AR(p): no burn-in",
        linear_process,
        "feasible_burn_in",
        instead(lambda _: 0),
        process.test_burn_in_is_what_it_takes_to_forget_the_start,
    ),
    Trap(
        "AR(p): the sign in Yule-Walker",
        linear_fits.Predictors,
        "whitened",
        mistakes.wrong_sign,
        fits.test_fits_recover_a_scalar_process,
        (linear_fits.fit_yule_walker,),
    ),
)


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.name)
def test_a_planted_trap_is_caught(trap: Trap, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr(trap.owner, trap.attribute, trap.mistake(getattr(trap.owner, trap.attribute)))
    with pytest.raises(FAILURES):
        trap.run_test(request)


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.name)
def test_without_it_the_test_passes(trap: Trap, request: pytest.FixtureRequest) -> None:
    trap.run_test(request)
