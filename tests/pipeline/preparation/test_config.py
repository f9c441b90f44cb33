import pytest

from jobs.config import load_config
from pipeline.errors import ConfigError
from pipeline.preparation.config import PrepareConfig


def test_defaults_are_what_no_setting_gives() -> None:
    assert load_config(PrepareConfig) == PrepareConfig()


def test_settings_are_parsed() -> None:
    sets = [
        "audio.sample_rate_hz=8000",
        "audio.trim=silence",
        "image.height=16",
        "image.channels=3",
        "speech.phones=off",
    ]
    config = load_config(PrepareConfig, sets=sets)
    assert (config.audio.sample_rate_hz, config.audio.trim) == (8000, "silence")
    assert (config.image.height, config.image.width, config.image.channels) == (16, "corpus", 3)
    assert config.speech.phones == "off"


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("audio.sample_rate=8000", "Did you mean audio.sample_rate_hz"),
        ("audio.sample_rate_hz=100", "audio.sample_rate_hz: expected 4000 to 192000, got 100"),
        ("audio.companding=a-law", "mu-law"),
        ("audio.num_levels=65537", "audio.num_levels: expected 2 to 65536, got 65537"),
        (
            "audio.num_levels=257",
            "audio.companding: expected linear, where there are more than 256 levels, got 'mu-law'",
        ),
        ("audio.trim_threshold_db=3", "expected a negative number"),
        ("image.height=-1", "expected corpus or 1 to 4096, got -1"),
        ("image.width=null", "image.width"),
        ("shards.items_per_shard=0", "expected 1 or more"),
        ("split.held_out_share=1.5", "expected 0 to 1"),
        ("max_failure_share=-0.1", "expected 0 to 1"),
    ],
)
def test_a_wrong_setting_says_what_was_expected(setting: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        load_config(PrepareConfig, sets=[setting])
