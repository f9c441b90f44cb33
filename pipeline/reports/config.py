"""What a report may be told."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ReportConfig:
    """How much of what is found stands on the page, and what stands above it.

    title: empty for one that says what the page is of.
    most_pairs: pairs of players, shared by the datasets of speech; fewer where the page would grow past `most_bytes`.
    pictures_per_class: of the corpus, and as many of those generated.
    most_groups: datasets of a kind that are shown; more are listed with their totals alone.
    most_bytes: 10 MB, a page that can still be mailed and opens at once.
    """

    title: str = ""
    most_pairs: int = 8
    pictures_per_class: int = 10
    most_groups: int = 6
    most_bytes: int = 10_000_000

    def __post_init__(self) -> None:
        for name in ("most_pairs", "pictures_per_class", "most_groups", "most_bytes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected 1 or more, got {getattr(self, name)}")
