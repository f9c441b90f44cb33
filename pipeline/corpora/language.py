"""Languages as manifests write them, and the tags that voices are called by.

lhotse's recipes write names (39 of them "English", 22 "Chinese"), others codes of three letters (eng), or en_US. A
voice is known by a tag such as en-us: a corpus whose language is spelt otherwise would lose all its items.
"""

NAMES = {
    "arabic": "ar",
    "bengali": "bn",
    "cantonese": "yue",
    "chinese": "cmn",
    "czech": "cs",
    "danish": "da",
    "dutch": "nl",
    "english": "en-us",
    "finnish": "fi",
    "french": "fr",
    "german": "de",
    "greek": "el",
    "hebrew": "he",
    "hindi": "hi",
    "hungarian": "hu",
    "italian": "it",
    "japanese": "ja",
    "korean": "ko",
    "mandarin": "cmn",
    "norwegian": "nb",
    "persian": "fa",
    "polish": "pl",
    "portuguese": "pt",
    "romanian": "ro",
    "russian": "ru",
    "spanish": "es",
    "swedish": "sv",
    "turkish": "tr",
    "ukrainian": "uk",
    "vietnamese": "vi",
}

CODES = {
    "ara": "ar",
    "ben": "bn",
    "ces": "cs",
    "dan": "da",
    "deu": "de",
    "ell": "el",
    "eng": "en-us",
    "fas": "fa",
    "fin": "fi",
    "fra": "fr",
    "heb": "he",
    "hin": "hi",
    "hun": "hu",
    "ita": "it",
    "jpn": "ja",
    "kor": "ko",
    "nld": "nl",
    "nob": "nb",
    "pol": "pl",
    "por": "pt",
    "ron": "ro",
    "rus": "ru",
    "spa": "es",
    "swe": "sv",
    "tur": "tr",
    "ukr": "uk",
    "vie": "vi",
    "zho": "cmn",
}
"""ISO 639-3; those that are tags of their own (cmn, yue) are left."""


def language_tag(written: str) -> str:
    """The tag of a language that is written as a name, a code or a tag; what is none of these comes back as it is."""
    spelt = written.strip().lower().replace("_", "-")
    return NAMES.get(spelt) or CODES.get(spelt) or (spelt if is_tag(spelt) else written)


def is_tag(spelt: str) -> bool:
    """Whether this has the form of a tag: two or three letters, then parts behind hyphens."""
    language, *parts = spelt.split("-")
    return language.isalpha() and language.isascii() and len(language) in (2, 3) and all(map(str.isalnum, parts))
