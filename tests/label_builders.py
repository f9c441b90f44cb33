"""Labels of times in each format, small and faithful, and files with something wrong in them."""

import random
from typing import Any

from pipeline.items import TimedPhone, TimedWord

TEXTGRID = '''File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 1.5 ! 2 takes, "by hand"
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "Words"
        xmin = 0
        xmax = 1.5
        intervals: size = 2
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = "say ""hi"""
        intervals [2]:
            xmin = .5
            xmax = 15e-1
            text = ""
    item [2]:
        class = "IntervalTier"
        name = "phones"
        xmin = 0
        xmax = 1.5
        intervals: size = 2
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = " aɪ
"
        intervals [2]:
            xmin = 0.5
            xmax = 1.5
            text = "sp"
'''

TEXTGRID_WORDS = (TimedWord('say "hi"', 0.0, 0.5),)

TEXTGRID_PHONES = (TimedPhone("aɪ", 0.0, 0.5), TimedPhone("sil", 0.5, 1.5))

CONTEXT = "x^sil-{}+iy=t@1_2/A:0_0_0/B:1-1-2@1-1&1-4#1-3$1-4!0-1;0-1|iy/C:1+1+4"

ARCTIC = b"#\n0.1000 125 pau\n0.165 125 hh\n  2.5 125 pau\n"

PHN = b"0 2190 h#\n2190 3430 k\n3430 16000 ae\n"

WRD = b"2190 16000 ka\n"


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Bytes flipped, cut out, doubled or torn off, up to three times."""
    for _ in range(rng.randint(1, 3)):
        start = rng.randrange(len(data) + 1)
        end = min(len(data), start + rng.randint(1, 12))
        noise = bytes(rng.randrange(256) for _ in range(rng.randint(0, 4)))
        data = rng.choice(
            [data[:start] + noise + data[end:], data[:start] + data[end:], data[:end] + data[start:], data[:start]]
        )
    return data


def mutated_json(value: Any, rng: random.Random) -> Any:
    """JSON of the same shape with something else in one place of it."""
    odd: list[Any] = [
        None,
        True,
        -1,
        1e300,
        10**400,
        "",
        "x\0",
        "../x",
        [],
        [[]],
        {},
        {"id": []},
        [{}, 1],
        float("nan"),
    ]
    if not isinstance(value, dict | list) or not value or rng.random() < 0.2:
        return rng.choice(odd)
    if isinstance(value, dict):
        key = rng.choice(sorted(value))
        return {name: mutated_json(one, rng) if name == key else one for name, one in value.items()}
    place = rng.randrange(len(value))
    return [mutated_json(one, rng) if number == place else one for number, one in enumerate(value)]
