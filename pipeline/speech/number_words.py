"""Numbers, years, ordinals, money, shares and times of day as words, by num2words where it knows the language.

What is not known stays as it is, and espeak-ng reads it in its own way: everything in a language that num2words lacks;
signs and decimals in one without a page here. num2words fails on some numbers in some languages, and never ends on some
in Amharic: that is left alone, and a number of more than 12 digits is read digit by digit.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

MOST_DIGITS = 12
MOST_GROUPS = 4
"""Of three digits; without a bound, a list of thousands would be gone over from each of them."""

UNSAFE = frozenset({"am"})
OTHER_NAMES = {"nb": "no", "kk": "kz"}
"""espeak-ng's name of a language → that of num2words."""

SAYS_YEARS = frozenset({"en", "de", "nl", "da", "no"})
"""Languages that say 1995 as nineteen (hundred) ninety-five, and num2words knows how."""


@dataclass(frozen=True)
class Page:
    """How a language writes numbers, and says what stands around them.

    one: the number before a noun. money: its sign → names of one, of many, of one hundredth, of many.
    """

    thousands: str
    decimal: str
    one: str
    point: str
    percent: str
    minus: str
    to: str
    and_: str
    money: dict[str, tuple[str, str, str, str]]


DOLLAR, POUND, YEN = ("dollar", "dollars", "cent", "cents"), ("pound", "pounds", "penny", "pence"), ("yen",) * 4
PAGES = {
    "en": Page(
        *(",", ".", "one", "point", "percent", "minus", "to", "and"),
        {"$": DOLLAR, "€": ("euro", "euros", "cent", "cents"), "£": POUND, "¥": ("yen", "yen", "sen", "sen")},
    ),
    "de": Page(
        *(".", ",", "ein", "Komma", "Prozent", "minus", "bis", "und"),
        {"€": ("Euro", "Euro", "Cent", "Cent"), "$": ("Dollar", "Dollar", "Cent", "Cent")},
    ),
    "fr": Page(
        *(" ", ",", "un", "virgule", "pour cent", "moins", "à", "et"),
        {"€": ("euro", "euros", "centime", "centimes"), "$": DOLLAR},
    ),
    "es": Page(
        *(".", ",", "un", "coma", "por ciento", "menos", "a", "y"),
        {"€": ("euro", "euros", "céntimo", "céntimos"), "$": ("dólar", "dólares", "centavo", "centavos")},
    ),
    "it": Page(
        *(".", ",", "un", "virgola", "per cento", "meno", "a", "e"),
        {"€": ("euro", "euro", "centesimo", "centesimi"), "$": ("dollaro", "dollari", "centesimo", "centesimi")},
    ),
    "pt": Page(
        *(".", ",", "um", "vírgula", "por cento", "menos", "a", "e"),
        {"€": ("euro", "euros", "cêntimo", "cêntimos"), "$": ("dólar", "dólares", "centavo", "centavos")},
    ),
    "nl": Page(
        *(".", ",", "één", "komma", "procent", "min", "tot", "en"),
        {"€": ("euro", "euro", "cent", "cent"), "$": ("dollar", "dollar", "cent", "cent")},
    ),
}

SCALES = "thousand|million|billion|trillion"
LONE = re.compile(r"(?<![\d.,:/-])\d+(?![.,:/-]?\d)")
TIME = re.compile(r"(?<![\d:.,])([01]?\d|2[0-4]):([0-5]\d)(?![\d:])(?=(\s*[ap]\.?m\b)?)", re.IGNORECASE)
YEAR = re.compile(r"(?<![\d.,])(?:1[1-9]\d\d|20\d\d)(?![\d]|[.,]\d)")
DECADE = re.compile(r"(?<![\d.,])((?:1[1-9]|20)?\d0)'?s\b")
ORDINAL = re.compile(r"(?<![\d.,])(\d{1,3}(?:,\d{3})+|\d+)(?:st|nd|rd|th)\b")


def numbers_as_words(text: str, language: str) -> str:
    """A text with its numbers in words, as far as they are known in the language."""
    name = converter_name(language)
    if not name:
        return text
    base = language.split("-")[0]
    if base in PAGES:
        text = by_page(text, name, PAGES[base])
    return LONE.sub(lambda found: spaced(cardinal(found[0], name)), text)


def by_page(text: str, name: str, page: Page) -> str:
    """Everything with a sign, a separator or an ending of its own."""
    text = money(text, name, page).replace("%", spaced(page.percent))
    text = re.sub(r"(?<=\d)\s?–\s?(?=\d)", spaced(page.to), text)
    if name.startswith("en"):
        text = english_numbers(text)
    text = TIME.sub(lambda found: spaced(f"{cardinal(found[1], name)} {minutes(found[2], name)}"), text)
    if name[:2] in SAYS_YEARS:
        text = YEAR.sub(lambda found: spaced(converted(int(found[0]), name, "year")), text)
    text = re.sub(r"(?<!\w)[-−](?=\d)", spaced(page.minus), text)
    return re.sub(number_pattern(page), lambda found: spaced(decimal(found["whole"], found["part"], name, page)), text)


def english_numbers(text: str) -> str:
    """21st, the 1990s, ten o'clock."""
    text = TIME.sub(lambda found: spaced(english_time(found[1], found[2], found[3])), text)
    text = ORDINAL.sub(lambda found: spaced(converted(int(found[1].replace(",", "")), "en", "ordinal")), text)
    return DECADE.sub(lambda found: spaced(plural(converted(int(found[1]), "en", "year"))), text)


def english_time(hour: str, minute: str, half: str | None) -> str:
    """As in ten thirty; ten oh five; ten o'clock, or ten where am or pm follows."""
    if minute == "00":
        return cardinal(str(int(hour)), "en") + ("" if half else " o'clock")
    return f"{cardinal(str(int(hour)), 'en')} {'oh ' if minute[0] == '0' else ''}{cardinal(str(int(minute)), 'en')}"


def minutes(minute: str, name: str) -> str:
    """Minutes after the hour; none at the hour."""
    return "" if minute == "00" else cardinal(str(int(minute)), name)


def money(text: str, name: str, page: Page) -> str:
    """Amounts with the sign before them or behind; the language's own way first ("$ 5" within "1 $ 5 %")."""
    signs, number = "".join(map(re.escape, page.money)), number_pattern(page)
    is_english = name.startswith("en")
    scale = rf"(?:\s(?P<scale>{SCALES})\b)?" if is_english else "(?P<scale>$^)?"
    before, behind = rf"(?P<sign>[{signs}])\s?{number}{scale}", rf"{number}\s?(?P<sign>[{signs}])(?P<scale>$^)?"
    for pattern in (before, behind) if is_english else (behind, before):
        text = re.sub(pattern, lambda found: amount(found, name, page), text)
    return text


def amount(found: re.Match[str], name: str, page: Page) -> str:
    """As in five dollars twenty cents; one point five million dollars."""
    one, many, one_part, many_parts = page.money[found["sign"]]
    whole, part = plain_digits(found["whole"], page), found["part"] or ""
    if found["scale"] or len(part) not in (0, 2):
        return spaced(f"{decimal(found['whole'], part, name, page)} {found['scale'] or ''} {many}")
    words = counted(whole, one, many, name, page)
    return spaced(f"{words} {counted(part, one_part, many_parts, name, page)}" if int(part or 0) else words)


def counted(digits: str, one: str, many: str, name: str, page: Page) -> str:
    """A number of things."""
    return f"{page.one} {one}" if int(digits) == 1 else f"{cardinal(digits.lstrip('0') or '0', name)} {many}"


def number_pattern(page: Page) -> str:
    """A number as the language writes it: `whole`, in groups of three or not, and the decimals, `part`."""
    group, point = re.escape(page.thousands), re.escape(page.decimal)
    return rf"(?<!\d)(?P<whole>\d{{1,3}}(?:{group}\d{{3}}){{1,{MOST_GROUPS}}}(?!\d)|\d+)(?:{point}(?P<part>\d+))?"


def decimal(whole: str, part: str | None, name: str, page: Page) -> str:
    """As in three point one four."""
    words = cardinal(plain_digits(whole, page), name)
    return f"{words} {page.point} {one_by_one(part, name)}" if part else words


def plain_digits(whole: str, page: Page) -> str:
    """A whole number without its separators."""
    return whole.replace(page.thousands, "")


def cardinal(digits: str, name: str) -> str:
    """A whole number in words; digit by digit where it is long or begins with a zero, as no quantity does."""
    if len(digits) > MOST_DIGITS or (len(digits) > 1 and int(digits[0]) == 0):
        return one_by_one(digits, name)
    return converted(int(digits), name, "cardinal")


def one_by_one(digits: str, name: str) -> str:
    """Each digit in words."""
    return " ".join(converted(int(digit), name, "cardinal") for digit in digits)


@lru_cache(10_000)
def converted(number: int, name: str, way: Literal["cardinal", "ordinal", "year"]) -> str:
    """num2words without its hyphens and commas; the digits where it cannot."""
    from num2words import num2words

    try:
        words: str = num2words(number, lang=name, to=way)  # type: ignore[no-untyped-call]
    except Exception:  # its converters fail in every way there is: OverflowError, TypeError, NotImplementedError ...
        return str(number)
    return words.replace("-", " ").replace(",", "")


@lru_cache(200)
def converter_name(language: str) -> str:
    """num2words' name of a language; empty where it has none that is safe to ask."""
    from num2words import CONVERTER_CLASSES

    return next((one for one in candidates(language) if one in CONVERTER_CLASSES and one not in UNSAFE), "")


def candidates(language: str) -> Iterator[str]:
    """From a tag such as pt-br its names, the closest first: pt_BR, pt."""
    base, _, region = language.partition("-")
    yield f"{base}_{region.upper()}"
    yield OTHER_NAMES.get(base, base)


def plural(words: str) -> str:
    """The nineteen nineties, the eighteen hundreds."""
    return words[:-1] + "ies" if words.endswith("y") else words + "s"


def spaced(words: str) -> str:
    """Words that touch nothing."""
    return f" {words} "
