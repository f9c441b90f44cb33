"""What is not installed is told at once, and only where it would be needed."""

import sys
from typing import Any

import pytest

from pipeline.errors import ConfigError, MissingExtra
from pipeline.preparation.config import SpeechConfig
from pipeline.preparation.extras import require_extras
from pipeline.speech import lexicon


@pytest.mark.parametrize(
    ("package", "setting", "extra"),
    [
        ("espeakng_loader", {}, "speech"),
        ("gruut_lang_en", {"pronunciation": "lexicon"}, "lexicon"),
        ("pycrfsuite", {"pronunciation": "lexicon"}, "lexicon"),
        ("pyworld", {"f0": "dio", "phones": "off"}, "f0"),
        ("pyworld", {"f0": "harvest", "phones": "off"}, "f0"),
        ("librosa", {"f0": "pyin", "phones": "off"}, "pyin"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, package: str, setting: dict[str, Any], extra: str
) -> None:
    require_extras(SpeechConfig(**setting), has_texts=True)
    lexicon.tagger.cache_clear()
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=rf"pip install '\.\[{extra}\]'"):
        require_extras(SpeechConfig(**setting), has_texts=True)
    require_extras(SpeechConfig(), has_texts=False)


def test_a_language_that_nobody_speaks_is_told_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="knows no language 'english'; the nearest"):
        require_extras(SpeechConfig(language="english"), has_texts=True)
    require_extras(SpeechConfig(language="english"), has_texts=False)
