"""Requests of plain text to a model that has prosody beside it."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.conditions import Conditioning
from pipeline.errors import RequestError
from pipeline.generation.config import GenerateConfig
from pipeline.generation.plan import shard_plans
from pipeline.generation.requests import Request, parse_request
from pipeline.generation.speech import speech_columns
from pipeline.generation.target import Target
from pipeline.generation.timing import scaled_ends
from pipeline.prosody.features import FeatureSpace
from pipeline.prosody.prosody import Prosody
from tests.pipeline.generation.tiny_models import AUDIO, SPEECH, TOLD
from tests.pipeline.prosody.prosody_builders import flat_prosody

CALM = {"speaker": "ann", "emotion": "calm"}


def prosody_of(conditioning: Conditioning, **changes: Any) -> Prosody:
    space = FeatureSpace(conditioning.phones, dict(conditioning.attributes))
    return flat_prosody(space, with_pitch=conditioning.f0, **changes)


def parse(data: dict[str, Any], conditioning: Conditioning = SPEECH, most: int = 1000, **changes: Any) -> Request:
    target = Target(AUDIO, conditioning, most, prosody=prosody_of(conditioning, **changes))
    return parse_request(json.dumps(data), 1, target, "jobs.jsonl, line 1")


def refusal(data: dict[str, Any], conditioning: Conditioning = SPEECH, most: int = 1000) -> str:
    with pytest.raises(RequestError) as refused:
        parse(data, conditioning, most)
    return str(refused.value)


def test_a_text_is_as_long_as_prosody_says_with_its_pauses(says_abba: None) -> None:
    request = parse({**CALM, "text": "ab b, a"})
    assert request.phones.phone == ("sil", "a", "b", "b", "sil", "a", "sil")
    assert request.phones.end == (30, 50, 90, 130, 160, 180, 210)
    assert request.num_timesteps == 210
    assert request.phones.align_method == "predicted"
    assert request.phones.linguistic["word_index"] == [0, 1, 1, 2, 0, 3, 0]
    columns = speech_columns(210, request.phones, (), AUDIO)
    assert columns["align_method"] == "predicted"
    assert columns["word_in_phrase_backward"] == [0, 2, 2, 1, 0, 1, 0]


@pytest.mark.parametrize(("given", "num"), [({"duration_s": 0.42}, 420), ({"num_timesteps": 97}, 97)])
def test_a_length_stretches_it_evenly_and_exactly(says_abba: None, given: dict[str, Any], num: int) -> None:
    request = parse({**CALM, "text": "ab b, a", **given})
    assert request.num_timesteps == request.phones.end[-1] == num
    assert request.phones.end == tuple(round(end / 210 * num) for end in (30, 50, 90, 130, 160, 180, 210))


def test_a_rate_makes_it_faster(says_abba: None) -> None:
    assert parse({**CALM, "text": "ab b, a", "rate": 2}).num_timesteps == 105
    assert parse({**CALM, "text": "ab b, a", "rate": 0.5}).num_timesteps == 420
    assert parse({**CALM, "text": "ab b, a", "rate": 1}) == replace(
        parse({**CALM, "text": "ab b, a"}), source=json.dumps({**CALM, "rate": 1, "text": "ab b, a"}, sort_keys=True)
    )


def test_a_speaker_has_lengths_of_their_own(says_abba: None) -> None:
    prosody = prosody_of(SPEECH)
    weights = prosody.durations.weights.copy()
    weights[prosody.space.starts["attribute speaker"] + 1] = math.log(3)
    target = Target(
        AUDIO, SPEECH, 1000, prosody=replace(prosody, durations=replace(prosody.durations, weights=weights))
    )
    said = {"text": "ab b, a", "emotion": "calm"}
    ann, bob = (parse_request(json.dumps({**said, "speaker": name}), 1, target, "x") for name in ("ann", "bob"))
    assert ann.num_timesteps == 90 + 120
    assert bob.num_timesteps == 90 + 3 * 120


def test_pitch_is_predicted_unless_it_is_given(says_abba: None) -> None:
    request = parse({"text": "ab b, a"}, TOLD)
    times_s, hz = zip(*request.f0, strict=True)
    assert times_s[:3] == pytest.approx([0.03 + 0.02 * share for share in (1 / 6, 1 / 2, 5 / 6)])
    assert len(hz) == 12
    assert hz == pytest.approx([100] * 12)
    columns = speech_columns(request.num_timesteps, request.phones, request.f0, AUDIO)
    assert columns["log_f0"] == pytest.approx([math.log(100)] * len(columns["log_f0"]))
    assert columns["voiced"][:7] == [False] * 6 + [True]
    assert parse({"text": "ab b, a", "f0_hz": 80}, TOLD).f0 == ((0, 80),)


def test_phones_with_their_durations_take_predicted_pitch_too() -> None:
    request = parse({"phones": [["s", 0.1], ["a", 0.2]]}, replace(TOLD, linguistic=()))
    assert [time_s for time_s, _ in request.f0] == pytest.approx([0.1 + 0.2 * share for share in (1 / 6, 1 / 2, 5 / 6)])
    assert request.phones.align_method == "requested"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rate": 5}, r"rate must be a number from 0.25 to 4, got 5"),
        ({"rate": "fast"}, r"rate must be a number"),
        ({"rate": True}, r"rate must be a number"),
        ({"rate": 1.5, "duration_s": 1}, r"rate and duration_s both set the length"),
        ({"duration_s": 0}, r"duration_s must be a number of seconds above 0"),
        ({"duration_s": 1, "num_timesteps": 9}, r"give one of duration_s and num_timesteps, got both"),
        ({"num_timesteps": 6}, r"7 phones in 6 timesteps; give them more time"),
        ({"speaker": "eve"}, r"speaker 'eve'; this model knows these values of speaker: ann, bob"),
    ],
)
def test_what_cannot_be_said_is_one_message(says_abba: None, given: dict[str, Any], said: str) -> None:
    message = refusal({**CALM, "text": "ab b, a", **given})
    assert message.startswith("jobs.jsonl, line 1: ")
    assert said in message


def test_more_than_is_allowed_is_refused_whoever_set_the_length(says_abba: None) -> None:
    said = "210 timesteps are more than max_timesteps 209"
    assert said in refusal({**CALM, "text": "ab b, a"}, most=209)
    assert "300 timesteps are more" in refusal({**CALM, "text": "ab b, a", "duration_s": 0.3}, most=209)


def test_a_text_of_very_many_phones_is_refused_before_they_are_measured(
    says_abba: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.generation.speech.MOST_PHONES", 3)
    assert "4 phones are more than 3; cut the text" in refusal({**CALM, "text": "ab b, a"})


def test_a_rate_is_of_a_text() -> None:
    assert "rate is how fast a text is said" in refusal({**CALM, "rate": 2, "duration_s": 1})
    assert "phones set the length and rate does too" in refusal({**CALM, "rate": 2, "phones": [["a", 0.1]]})


def test_a_phone_that_the_model_lacks_is_named(says_abba: None) -> None:
    lacks_b = replace(SPEECH, phones=("a", "sil"))
    assert "this text has the phone 'b', which the model's dataset lacks" in refusal(
        {**CALM, "text": "ab b, a"}, lacks_b
    )


def test_a_text_with_nothing_to_say_is_refused() -> None:
    assert "nothing in the text '...' can be said in en-us" in refusal({**CALM, "text": "..."})


def test_without_prosody_it_is_as_it_was(says_abba: None) -> None:
    bare = Target(AUDIO, SPEECH, 1000)
    uniform = parse_request(json.dumps({**CALM, "text": "ab b, a", "num_timesteps": 8}), 1, bare, "x")
    assert (uniform.phones.end, uniform.phones.align_method) == ((2, 4, 6, 8), "uniform")
    with pytest.raises(RequestError, match="give one of duration_s and num_timesteps, got neither"):
        parse_request(json.dumps({**CALM, "text": "ab b, a"}), 1, bare, "x")
    with pytest.raises(RequestError, match="not conditioned on rate: leave it out"):
        parse_request(json.dumps({**CALM, "text": "ab b, a", "rate": 2}), 1, bare, "x")
    with pytest.raises(RequestError, match="no f0_hz; this model was trained with F0"):
        parse_request('{"text": "ab b, a", "duration_s": 1}', 1, Target(AUDIO, TOLD, 1000), "x")


def test_a_shard_is_made_again_where_prosody_says_otherwise(says_abba: None) -> None:
    def digest(pause_s: float) -> str:
        request = parse({**CALM, "text": "ab b, a", "duration_s": 0.4}, pause_s=pause_s)
        (plan,) = shard_plans([request], "a model's digest", GenerateConfig())
        return plan.digest

    assert digest(0.03) == digest(0.03)
    assert digest(0.03) != digest(0.04)


@given(
    seconds=st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=40),
    spare=st.integers(0, 5000),
)
def test_scaled_lengths_add_up_and_leave_no_phone_out(seconds: list[float], spare: int) -> None:
    num_timesteps = len(seconds) + spare
    ends = scaled_ends(seconds, num_timesteps)
    assert ends[-1] == num_timesteps
    assert all(after > before for before, after in zip([0, *ends], ends, strict=False))
    wanted = [sum(seconds[: place + 1]) / sum(seconds) * num_timesteps for place in range(len(seconds))]
    if min(seconds) / sum(seconds) * num_timesteps >= 1.5:
        assert all(abs(end - want) <= 0.5 + 1e-6 for end, want in zip(ends, wanted, strict=True))
