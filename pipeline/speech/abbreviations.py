"""English abbreviations in full. What could end a sentence is one only before what it belongs to (No. 5, Gen. Lee)."""

import re

ALWAYS = {
    "mr": "mister",
    "mrs": "missus",
    "ms": "miz",
    "dr": "doctor",
    "prof": "professor",
    "messrs": "messieurs",
    "esq": "esquire",
    "jr": "junior",
    "sr": "senior",
    "ltd": "limited",
    "inc": "incorporated",
    "bros": "brothers",
    "dept": "department",
    "vs": "versus",
    "etc": "et cetera",
    "e.g": "for example",
    "i.e": "that is",
}
BEFORE_A_NAME = {
    "gen": "general",
    "col": "colonel",
    "capt": "captain",
    "lt": "lieutenant",
    "sgt": "sergeant",
    "maj": "major",
    "rev": "reverend",
    "hon": "honorable",
    "gov": "governor",
    "sen": "senator",
    "pres": "president",
    "mt": "mount",
    "ft": "fort",
    "st": "saint",
}
BEFORE_A_NUMBER = {
    "no": "number",
    "nos": "numbers",
    "vol": "volume",
    "fig": "figure",
    "ch": "chapter",
    "p": "page",
    "pp": "pages",
}
NUMERALS = "II III IV V VI VII VIII IX X XI XII XIII XIV XV XVI XVII XVIII XIX XX XXI XXII XXIII XXIV"
ROMAN = {numeral: str(number) for number, numeral in enumerate(NUMERALS.split(), start=2) if len(numeral) > 1}
"""espeak-ng reads III as "roman three"."""


def listed(words: dict[str, str]) -> str:
    """A pattern for any of the abbreviations."""
    return rf"(?<![\w.])({'|'.join(map(re.escape, words))})\."


RULES = (
    (re.compile(listed(BEFORE_A_NUMBER) + r"(?=\s*\d)", re.IGNORECASE), BEFORE_A_NUMBER),
    (re.compile(listed(BEFORE_A_NAME) + r"(?=\s+(?-i:[A-Z]))", re.IGNORECASE), BEFORE_A_NAME),
    (re.compile(listed(ALWAYS) + r"(?!\w)", re.IGNORECASE), ALWAYS),
    (re.compile(r"(?<![\w.'])(st)\.(?!\w)", re.IGNORECASE), {"st": "street"}),
)
FRACTIONS = {
    "1/2": "one half",
    "1/3": "one third",
    "2/3": "two thirds",
    "1/4": "one quarter",
    "3/4": "three quarters",
}
FRACTION = re.compile(rf"(?<![\d/.,])({'|'.join(FRACTIONS)})(?![\d/])")
NUMERAL = re.compile(rf"(?<![\w.'])({'|'.join(ROMAN)})(?![\w'])")
INITIAL = re.compile(r"(?<![\w.'])([A-HJ-Z])\.(?=\s+[A-Z])")
"""J. Smith; a sentence that ends in I. is not one."""


def english_in_full(text: str) -> str:
    """Abbreviations in full, capitals kept; common fractions in words; Roman numbers from II to XXIV as digits."""
    for pattern, words in RULES:
        text = pattern.sub(lambda found, words=words: in_full(found[1], words), text)  # type: ignore[misc]
    text = FRACTION.sub(lambda found: FRACTIONS[found[1]], text)
    return INITIAL.sub(r"\1", NUMERAL.sub(lambda found: ROMAN[found[1]], text))


def in_full(short: str, words: dict[str, str]) -> str:
    """What an abbreviation stands for, with its capital."""
    full = words[short.lower()]
    return full.capitalize() if short[0].isupper() else full
