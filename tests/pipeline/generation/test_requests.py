import json
from dataclasses import replace
from typing import Any, get_args

import pytest

from models.sampling import NO_DEPARTURES, Departures
from pipeline.conditions import Conditioning
from pipeline.errors import RequestError
from pipeline.generation.requests import Request, parse_request
from pipeline.generation.target import Target
from pipeline.generation.timing import Phones
from pipeline.shards.schema import AudioFeatures
from pipeline.speech.pronounce import Method
from pipeline.speech.utterance import Utterance
from tests.pipeline.generation.tiny_models import ABBA, AUDIO, DIGITS, IMAGE, NOTHING, SPEAKERS, SPEECH, TOLD

SAID = {"speaker": "ann", "emotion": "glad"}


def parse(request: Any, conditioning: Conditioning = SPEAKERS, most: int = 10_000) -> Request:
    line = request if isinstance(request, str) else json.dumps(request)
    is_image = conditioning is DIGITS
    return parse_request(line, 7, Target(IMAGE if is_image else AUDIO, conditioning, most), "jobs.jsonl, line 7")


def test_what_is_left_out_takes_its_default() -> None:
    request = parse({"speaker": "ann", "num_timesteps": 30})
    assert (request.request_id, request.count, request.seed, request.departures) == ("000007", 1, 0, NO_DEPARTURES)
    assert (request.attributes, request.num_timesteps, request.phones) == ({"speaker": "ann"}, 30, Phones())


def test_everything_that_may_be_said_is_kept() -> None:
    request = parse(
        {"id": "x", "count": 3, "seed": 2**63 - 1, "temperature": 0.5, "speaker": "bob", "duration_s": 0.0296}
    )
    assert (request.request_id, request.count, request.seed, request.departures) == ("x", 3, 2**63 - 1, Departures(0.5))
    assert request.num_timesteps == 30
    assert json.loads(request.source)["duration_s"] == 0.0296


def test_phones_set_the_length_and_their_rounding_never_adds_up() -> None:
    request = parse({**SAID, "phones": [["a", 0.0104], ["b", 0.0104], ["a", 0.0104], ["sil", 0.0104]]}, SPEECH)
    assert request.phones == Phones(("a", "b", "a", "sil"), (0, 10, 21, 31), (10, 21, 31, 42), "requested")
    assert request.num_timesteps == 42


@pytest.mark.usefixtures("says_abba")
def test_text_is_spread_evenly_and_known_phone_by_phone() -> None:
    request = parse({**SAID, "text": "ab b, a", "num_timesteps": 22, "language": "de"}, SPEECH)
    phones = request.phones
    assert (phones.phone, phones.align_method, request.text) == (("a", "b", "b", "a"), "uniform", "ab b, a")
    assert (phones.start, phones.end) == ((0, 5, 11, 16), (5, 11, 16, 22))
    assert phones.linguistic["word"] == ["ab", "b", "a"]
    assert phones.linguistic["word_index"] == [1, 1, 2, 3]
    assert phones.linguistic["stress"] == [1, 1, 0, 0]


def test_text_is_pronounced_as_the_models_corpus_was(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, str]] = []

    def pronounce(text: str, language: str, **ways: str) -> Utterance:
        asked.append({"language": language, **ways})
        return ABBA

    monkeypatch.setattr("pipeline.speech.pronounce.pronounce", pronounce)
    line = json.dumps({**SAID, "text": "x", "num_timesteps": 22, "language": "de"})
    for way in ("", "corpus", *get_args(Method)):
        conventions = replace(AUDIO, features=AudioFeatures(phones=way))
        parse_request(line, 1, Target(conventions, SPEECH, 1000), "x")
    ways = [{"method": way} for way in get_args(Method)]
    assert asked == [{"language": "de", **way} for way in [{}, {}, *ways]]


@pytest.mark.usefixtures("says_abba")
def test_pitch_is_kept_as_points() -> None:
    told = {"text": "x", "num_timesteps": 22}
    assert parse({**told, "f0_hz": 120}, TOLD).f0 == ((0.0, 120.0),)
    assert parse({**told, "f0_hz": [[0, 120], [0.022, 90.5]]}, TOLD).f0 == ((0.0, 120.0), (0.022, 90.5))
    phones = {"phones": [["a", 0.022]], "f0_hz": 120}
    assert parse(phones, replace(TOLD, linguistic=())).f0 == ((0.0, 120.0),)


@pytest.mark.parametrize(
    ("request_line", "said"),
    [
        ({"text": "x", "num_timesteps": 22}, "no f0_hz; this model was trained with F0 and needs it"),
        ({"text": "x", "num_timesteps": 22, "f0_hz": 5}, "f0_hz must be from 20 to 2000 Hz"),
        ({"text": "x", "num_timesteps": 22, "f0_hz": [[0.023, 90]]}, "the item lasts from 0 to 0.022 s"),
        ({"phones": [["a", 0.1]], "f0_hz": 100}, "phones do not tell of words, stress and phrases: give text"),
        ({"num_timesteps": 22, "f0_hz": 100}, "no phones; this model needs them"),
        ({"text": "x", "num_timesteps": 3, "f0_hz": 100}, "lasts less than one timestep"),
        ({"text": "x", "num_timesteps": 22, "f0": 100}, "Did you mean 'f0_hz'?"),
    ],
)
@pytest.mark.usefixtures("says_abba")
def test_what_a_told_model_needs_is_one_clear_error(request_line: Any, said: str) -> None:
    with pytest.raises(RequestError) as error:
        parse(request_line, TOLD)
    assert str(error.value).startswith("jobs.jsonl, line 7: ")
    assert said in str(error.value)


def test_a_model_without_pitch_is_not_told_of_it() -> None:
    with pytest.raises(RequestError, match=r"not conditioned on f0_hz.*condition_on=\[phones, f0\]"):
        parse({**SAID, "phones": [["a", 0.1]], "f0_hz": 100}, SPEECH)
    with pytest.raises(RequestError, match="asks for a waveform, and this model makes pictures"):
        parse({"label": "1", "f0_hz": 100}, DIGITS)


def test_a_picture_needs_no_length() -> None:
    request = parse({"label": "2", "count": 10}, DIGITS)
    assert (request.attributes, request.num_timesteps, request.count) == ({"label": "2"}, 0, 10)


def test_a_whole_number_is_text_where_text_is_meant() -> None:
    """Labels of MNIST are written as numbers; the wish is the same, in a line as in a table."""
    assert parse({"id": 12, "label": 2}, DIGITS) == parse({"id": "12", "label": "2"}, DIGITS)


@pytest.mark.parametrize(
    ("request_line", "said"),
    [
        ("{", "expected a JSON object"),
        ("[1]", "expected a JSON object"),
        ('{"speaker": "ann", "speaker": "bob", "num_timesteps": 3}', "'speaker' comes twice"),
        ("[" * 100_000, "expected a JSON object"),
        ({"speaker": "eve", "num_timesteps": 3}, "speaker 'eve'; this model knows these values of speaker: ann, bob"),
        ({"num_timesteps": 3}, "no speaker"),
        ({"speaker": 3, "num_timesteps": 3}, "speaker '3'; this model knows these values of speaker: ann, bob"),
        (
            {"speaker": 3.0, "num_timesteps": 3},
            'speaker must be text or a whole number, as in {"speaker": "..."}, got 3.0',
        ),
        ({"speaker": True, "num_timesteps": 3}, "speaker must be text or a whole number"),
        ({"speaker": None, "num_timesteps": 3}, "speaker must be text or a whole number"),
        ({"speaker": "ann", "num_timestep": 3}, "Did you mean 'num_timesteps'?"),
        ({"speaker": "ann", "num_timesteps": 3, "emotion": "calm"}, "not conditioned on emotion"),
        (
            {"speaker": "ann", "num_timesteps": 3, "text": "hello"},
            "not conditioned on text: leave it out, or train a model with --set 'training.condition_on=[phones]'",
        ),
        ({"speaker": "ann", "height": 3}, "asks for a picture, and this model makes waveforms"),
        ({"speaker": "ann"}, "give one of duration_s and num_timesteps, got neither"),
        ({"speaker": "ann", "num_timesteps": 3, "duration_s": 1}, "got both"),
        ({"speaker": "ann", "num_timesteps": 0}, "num_timesteps must be a whole number from 1"),
        ({"speaker": "ann", "duration_s": 0}, "duration_s must be a number of seconds above 0"),
        ({"speaker": "ann", "duration_s": -1}, "duration_s must be a number of seconds above 0"),
        ({"speaker": "ann", "duration_s": 1e-9}, "less than one timestep"),
        ('{"speaker": "ann", "duration_s": NaN}', "duration_s must be a number of seconds above 0"),
        ('{"speaker": "ann", "duration_s": 1e999}', "duration_s must be a number of seconds above 0"),
        ({"speaker": "ann", "duration_s": 10**400}, "duration_s must be a number of seconds above 0"),
        ({"speaker": "ann", "duration_s": True}, "duration_s must be a number of seconds above 0"),
        ({"speaker": "ann", "duration_s": 3600}, "more than max_timesteps 10000"),
        ({"speaker": "ann", "num_timesteps": 3, "count": -1}, "count must be a whole number from 1"),
        ({"speaker": "ann", "num_timesteps": 3, "count": 1.5}, "count must be a whole number"),
        ({"speaker": "ann", "num_timesteps": 3, "seed": 2**63}, "seed must be a whole number from 0"),
        ({"speaker": "ann", "num_timesteps": 3, "temperature": 0}, "temperature must be a number from 0.001"),
        ({"speaker": "ann", "num_timesteps": 3, "temperature": 10**400}, "temperature must be a number from 0.001"),
        ({"speaker": "ann", "num_timesteps": 3, "id": ""}, "id must be text"),
        ({"speaker": "ann", "num_timesteps": 3, "id": "a\nb"}, "printable"),
        ({"speaker": "ann", "num_timesteps": 3, "id": "a" * 201}, "1 to 200 printable characters"),
        ('{"speaker": "ann", "num_timesteps": 3, "id": "\\ud800"}', "id must be text"),
    ],
)
def test_what_cannot_be_made_is_one_clear_error(request_line: Any, said: str) -> None:
    with pytest.raises(RequestError) as error:
        parse(request_line)
    assert str(error.value).startswith("jobs.jsonl, line 7: ")
    assert said in str(error.value)
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize(
    ("request_line", "said"),
    [
        ({**SAID}, "got neither"),
        ({**SAID, "num_timesteps": 50}, "no phones; this model needs them"),
        ({**SAID, "phones": []}, "phones must be a list"),
        ({**SAID, "phones": "a b"}, "phones must be a list"),
        ({**SAID, "phones": [["a", 0.1], ["zz", 0.1]]}, "unknown phone 'zz'; this model knows: a b sil"),
        ({**SAID, "phones": [["a", 0.1], ["b"]]}, "phones[1] must be [phone, duration_s]"),
        ({**SAID, "phones": [["a", 0.1], ["b", 0.0001]]}, "phone 1 ('b') lasts less than one timestep"),
        ({**SAID, "phones": [["a", 0.1]], "duration_s": 1}, "phones set the length and duration_s does too"),
        ({**SAID, "phones": [["a", 0.1]], "text": "a"}, "phones set the length and text does too"),
        ({**SAID, "text": "", "duration_s": 1}, "text must be text"),
        ({**SAID, "text": "?!", "duration_s": 1}, "nothing in the text '?!' can be said"),
        ({**SAID, "text": "hi", "duration_s": 1, "language": "zz-zz"}, "zz-zz"),
        ({**SAID, "text": "hi", "duration_s": 1}, "the model knows: a b sil. Choose another text or language; or"),
        ({**SAID, "text": "hi", "duration_s": 1}, "--set speech.phones=text"),
    ],
)
def test_bad_speech_is_one_clear_error(request_line: Any, said: str) -> None:
    with pytest.raises(RequestError) as error:
        parse(request_line, SPEECH)
    assert str(error.value).startswith("jobs.jsonl, line 7: ")
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("request_line", "said"),
    [
        ({"label": "1", "duration_s": 1}, "asks for a waveform, and this model makes pictures"),
        ({"label": "1", "width": 8}, "a picture's size is the model's"),
        ({"label": "9"}, "label '9'; this model knows these values of label: 0, 1, 2"),
        ({"label": "1", "speaker": "ann"}, "not conditioned on speaker"),
    ],
)
def test_bad_pictures_are_one_clear_error(request_line: Any, said: str) -> None:
    with pytest.raises(RequestError, match=r"jobs\.jsonl, line 7: ") as error:
        parse(request_line, DIGITS)
    assert said in str(error.value)


def test_a_model_without_conditions_takes_lengths_alone() -> None:
    assert parse({"num_timesteps": 5}, NOTHING).attributes == {}
    with pytest.raises(RequestError, match="not conditioned on speaker"):
        parse({"num_timesteps": 5, "speaker": "ann"}, NOTHING)
