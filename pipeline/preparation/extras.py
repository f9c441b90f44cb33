"""What a preparation will need of others: asked for before any work, not by the first worker after minutes."""

from pipeline.preparation.config import SpeechConfig
from pipeline.speech.espeak import check_language
from pipeline.speech.espeak_types import load_library
from pipeline.speech.f0 import load_librosa, load_pyworld
from pipeline.speech.lexicon import tagger


def require_extras(config: SpeechConfig, has_texts: bool) -> None:
    """MissingExtra, with the extra's name, where a package for phones (of texts that there are) or F0 is missing.

    ConfigError, with the nearest ones, where espeak-ng does not speak the language of items that name none.
    """
    if has_texts and config.pronunciation == "espeak":
        load_library()
        check_language(config.language)
    if has_texts and config.pronunciation == "lexicon":
        tagger()
    if config.f0 in ("dio", "harvest"):
        load_pyworld()
    if config.f0 == "pyin":
        load_librosa()
