"""The requests in examples/ are what the models that they are for can make."""

from pathlib import Path

import pytest

from pipeline.conditions import Conditioning
from pipeline.frames import LINGUISTIC_COLUMNS
from pipeline.generation.reading import check_requests
from pipeline.generation.target import Target
from pipeline.shards.schema import AudioConventions, Conventions, ImageConventions
from pipeline.speech.pronounce import pronounce
from pipeline.storage import Location

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"

DIGITS = tuple("0123456789")
SPOKEN = Conditioning(
    {"label": DIGITS, "speaker": ("jackson", "nicolas", "theo")},
    ("aɪ", "f", "iə", "n", "oʊ", "s", "v", "z", "ə", "ɛ", "ɹ"),
    hop=40,
)


PANGRAM = "Is it ready, and so are we? The quick brown fox jumps over the lazy dog."
TOLD = Conditioning(
    {}, tuple(sorted({phone.symbol for phone in pronounce(PANGRAM).phones})), 80, LINGUISTIC_COLUMNS, True
)


@pytest.mark.parametrize(
    ("name", "conventions", "conditioning", "num_items"),
    [
        ("spoken-digits.jsonl", AudioConventions(8000), SPOKEN, 6),
        ("sentences.jsonl", AudioConventions(16000), TOLD, 4),
        ("digit-images.jsonl", ImageConventions(28, 28, 1), Conditioning({"label": DIGITS}), 16),
        ("digit-images.yaml", ImageConventions(28, 28, 1), Conditioning({"label": DIGITS}), 5000),
        ("noise.jsonl", AudioConventions(16000), Conditioning(), 4),
    ],
)
def test_example(name: str, conventions: Conventions, conditioning: Conditioning, num_items: int) -> None:
    totals = check_requests(Location(str(EXAMPLES / name)), Target(conventions, conditioning, 2**20))
    assert totals.num_items == num_items


def test_every_example_is_named_in_the_page_and_tested_here() -> None:
    names = {path.name for path in EXAMPLES.iterdir()} - {"README.md"}
    assert names == {
        "spoken-digits.jsonl",
        "sentences.jsonl",
        "digit-images.jsonl",
        "digit-images.yaml",
        "noise.jsonl",
    }
    page = (EXAMPLES / "README.md").read_text()
    assert all(f"`{name}`" in page for name in names)
