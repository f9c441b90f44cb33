"""Settings: strict, layered, read as people mean them, and every mistake told with the nearest right thing."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from jobs.config import load_config, overlay, parse_config, parse_set, parse_yaml, to_yaml
from pipeline.errors import ConfigError, StorageError
from pipeline.preparation.config import PrepareConfig
from pipeline.storage import Location


@dataclass(frozen=True)
class Audio:
    sample_rate_hz: int = 16_000
    trim: Literal["off", "silence"] = "off"
    gain: float = 1.0

    def __post_init__(self) -> None:
        if self.sample_rate_hz < 1:
            raise ValueError(f"audio.sample_rate_hz: expected more than 0, got {self.sample_rate_hz}")


@dataclass(frozen=True)
class Wave:
    num_layers: int = 2


@dataclass(frozen=True)
class Picture:
    num_blocks: int = 3
    kernel: int = 5


@dataclass(frozen=True)
class Settings:
    name: str = "plain"
    audio: Audio = field(default_factory=Audio)
    model: Wave | Picture = field(default_factory=Wave)
    columns: tuple[str, ...] = ()
    stages: tuple[Wave, ...] = ()
    named: dict[str, Wave] = field(default_factory=dict)
    shuffle: bool = True
    limit: int | None = None


def settings(*sets: str) -> Settings:
    return load_config(Settings, sets=sets)


def test_nothing_said_is_the_defaults() -> None:
    assert settings() == Settings()


def test_a_file_lies_over_the_defaults_and_set_over_both(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("name: mine\naudio:\n  sample_rate_hz: 8000\n  gain: 2.5\n")
    found = load_config(Settings, Location(str(file)), ["audio.gain=0.5", "columns=[speaker, emotion]"])
    assert found == Settings("mine", Audio(8000, gain=0.5), columns=("speaker", "emotion"))


def test_a_later_set_wins() -> None:
    assert settings("name=a", "name=b").name == "b"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("audio.trim=off", "off"),
        ("audio.gain=1e-3", 0.001),
        ("audio.gain=2", 2.0),
        ("audio.gain=.5", 0.5),
        ("audio.sample_rate_hz=16_000", 16_000),
    ],
)
def test_values_are_read_as_people_mean_them(text: str, value: object) -> None:
    assert getattr(settings(text).audio, text.split("=")[0].split(".")[1]) == value


@pytest.mark.parametrize("word", ["yes", "no", "on", "1:30", "010", "2020-01-01", "=", "0x1F"])
def test_words_stay_words(word: str) -> None:
    assert settings(f"name={word}").name == word


def test_values_with_equals_signs_and_brackets() -> None:
    assert settings("name=a=b").name == "a=b"
    assert settings("name=[odd").name == "[odd"
    assert settings("shuffle=false").shuffle is False
    assert settings("limit=null").limit is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("audio.sample_rate=8000", "Did you mean audio.sample_rate_hz?"),
        ("audoi.gain=1", "Did you mean audio?"),
        ("qqq=1", "Known here: audio, columns"),
        ("model={kernel: 3, num_block: 4}", "Did you mean model.num_blocks?"),
        ("stages=[{num_layer: 4}]", "Did you mean stages.0.num_layers?"),
        ("named={a: {num_layer: 4}}", "Did you mean named.a.num_layers?"),
        ("audio.sample_rate_hz=fast", "audio.sample_rate_hz: Input should be a valid integer"),
        ("audio.sample_rate_hz=8000.5", "audio.sample_rate_hz"),
        ("audio.sample_rate_hz='8000'", "(got '8000')"),
        ("audio.sample_rate_hz=0", "expected more than 0, got 0"),
        ("audio.trim=quiet", "'off' or 'silence'"),
        ("shuffle=yes", "valid boolean"),
        ("audio=3", "audio"),
        ("columns=speaker", "columns"),
        ("limit=2020-01-01", "limit"),
    ],
)
def test_mistakes_are_told(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["audio.gain", "=3", "a..b=3", ".a=3", ""])
def test_what_is_no_setting_is_told_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match="as in --set"):
        settings(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1, 2]", "got a list"),
        ("audio: [", "expected YAML"),
        ("just words", "got a str"),
        ("name: a\nname: b", "name is given twice"),
        ("name: !!python/object/apply:os.getcwd []", "expected YAML"),
    ],
)
def test_a_file_that_holds_no_settings_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        load_config(Settings, Location(str(file)))
    assert str(file) in str(caught.value)


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "empty.yaml"
    file.write_text("# nothing\n")
    assert load_config(Settings, Location(str(file))) == Settings()


def test_a_file_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="does not exist"):
        load_config(Settings, Location(str(tmp_path / "none.yaml")))


def test_a_key_that_is_no_word_is_unknown() -> None:
    with pytest.raises(ConfigError, match="unknown setting 3"):
        parse_config(Settings, parse_yaml("3: a", "file"), "file")


@hypothesis_settings(max_examples=40, deadline=None)
@given(
    st.builds(
        Settings,
        name=st.text(st.characters(exclude_categories=["Cs", "Cc"])),
        audio=st.builds(Audio, st.integers(1, 10**9), st.sampled_from(["off", "silence"]), st.floats(allow_nan=False)),
        model=st.builds(Picture, st.integers(), st.integers(-3, 3)),
        columns=st.lists(st.sampled_from(["off", "1e3", "null", "~", "true", "010", "a: b", ""])).map(tuple),
        limit=st.none() | st.integers(-5, 5),
    )
)
def test_what_is_shown_is_read_again(config: Settings) -> None:
    assert parse_config(Settings, parse_yaml(to_yaml(config), "shown"), "shown") == config


def test_overlay_merges_mappings_and_replaces_all_else() -> None:
    below: dict[str, Any] = {"a": {"b": 1, "c": 2}, "d": [1, 2]}
    assert overlay(below, {"a": {"b": 3}, "d": [4]}) == {"a": {"b": 3, "c": 2}, "d": [4]}
    assert below["a"]["b"] == 1
    assert parse_set("a.b=[1]") == {"a": {"b": [1]}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("image.height=0", "--set: image.height: expected corpus or 1 to 4096, got 0."),
        ("max_failure_share=2", "--set: max_failure_share: expected 0 to 1, got 2.0."),
        ("audio.cutting.max_piece_s=0", "--set: audio.cutting: expected max_piece_s >= "),
    ],
)
def test_a_value_out_of_range_is_named_once_with_what_came(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(PrepareConfig, None, [text])
    assert str(caught.value).startswith(said)
    assert "a mapping" not in str(caught.value)
