"""A generation whose pictures are scripted: a few that are near to each other in chains, so that items come and go.

Shards, commits, fingerprints and the judge are the real ones; no network draws.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from models.sampling import DrawnItem
from pipeline.generation.accept.attempts import attempt_of
from pipeline.generation.accept.config import AcceptConfig
from pipeline.generation.accept.content import fingerprint_of
from pipeline.generation.accept.duplicates import Verdict, verdicts
from pipeline.generation.config import GenerateConfig
from pipeline.generation.drawn_rows import row_of
from pipeline.generation.plan import PlannedItem, items_of, shard_plans
from pipeline.generation.requests import Request, parse_request
from pipeline.generation.shard import Drawing, Plan, draw_from_the_first, read_rows, redraw_shard, thin_shard
from pipeline.generation.target import Target
from pipeline.model_folder import ModelInfo
from pipeline.shards.commit import Failure, commit_file, read_commit
from pipeline.storage import Location
from tests.pipeline.generation.tiny_models import DIGITS, IMAGE

MOST_BITS = 3.0
ACCEPT = AcceptConfig(against="items", same_bits=5, bits=(0, MOST_BITS), max_attempts=6)
INFO = ModelInfo("scripted", {}, IMAGE, DIGITS, "")

LINES = ('{"id": "w", "label": "1", "count": COUNT}', '{"id": "a", "label": "2", "count": COUNT}')
"""Their ids fall, so that the order of the requests is not that of names."""

Row = dict[str, Any]
Outcome = tuple[list[Row], list[Failure]]


class Scripted(Drawing):
    """Draws what the script says of an item's id."""

    def make_rows(self, items: Sequence[PlannedItem]) -> list[Row]:
        seed, kinds = self.exported.script  # type: ignore[attr-defined]
        return [scripted_row(item, seed, kinds) for item in items]


def scripted_row(item: PlannedItem, seed: int, kinds: int) -> Row:
    """One of a few pictures, a little changed; one in five has too many bits for the judge."""
    chance = random.Random(f"{seed} {item.item_id}")
    picture = np.random.default_rng(chance.randrange(kinds)).integers(0, 8, (5, 4, 3)).astype(np.uint8)
    picture[chance.randrange(5), chance.randrange(4)] = chance.randrange(8)
    bits = 4.0 if chance.random() < 0.2 else 2.0
    drawn = DrawnItem(torch.from_numpy(picture.transpose(2, 0, 1).copy()), bits * math.log(2) * picture.size)
    return row_of(item, drawn, "scripted", INFO) | dict.fromkeys(("model_digest", "code_digest", "config_digest"), "")


def scripted_requests(num_places: int) -> list[Request]:
    """Two requests of half of the places each."""
    target = Target(IMAGE, DIGITS, 1000)
    lines = (line.replace("COUNT", str(num_places // 2)) for line in LINES)
    return [parse_request(line, number, target, "") for number, line in enumerate(lines, 1)]


def by_definition(seed: int, kinds: int, num_places: int) -> Outcome:
    """Place by place, the first attempt that the judge accepts and that is near to no item before."""
    rows: list[Row] = []
    failures: list[Failure] = []
    for item in (item for request in scripted_requests(num_places) for item in items_of(request)):
        for number in range(ACCEPT.max_attempts):
            row = scripted_row(attempt_of(item, number), seed, kinds)
            if reason := rejection(row, rows):
                failures.append(Failure(row["item_id"], row["request"], "accept", reason))
            else:
                rows.append(row)
                break
    return rows, failures


def rejection(row: Row, before: Sequence[Row]) -> str:
    """Why a row is no item."""
    if row["bits_per_dim"] > MOST_BITS:
        return f"bits is {row['bits_per_dim']:g}, outside 0 to {MOST_BITS:g}"
    mine = fingerprint_of(row, IMAGE)
    near = (other for other in before if (fingerprint_of(other, IMAGE) ^ mine).bit_count() <= ACCEPT.same_bits)
    return next((f"nearly the same as {other['item_id']}" for other in near), "")


class Killed(Exception):
    """Stands for a run that ends in the middle."""


@dataclass
class Scripts:
    """A dataset of scripted pictures in a folder. `before_each` is called before a shard is made again."""

    folder: Location
    seed: int
    kinds: int
    num_places: int
    items_per_shard: int
    before_each: Callable[[], None] = lambda: None
    plans: list[Plan] = field(init=False)

    def __post_init__(self) -> None:
        config = GenerateConfig(items_per_shard=self.items_per_shard, accept=ACCEPT)
        self.plans = list(shard_plans(scripted_requests(self.num_places), "model", config, 60))

    def drawing(self, plan: Plan) -> Drawing:
        """What a shard is made with."""
        exported: Any = SimpleNamespace(info=INFO, script=(self.seed, self.kinds))
        return Scripted(self.folder, plan, exported, GenerateConfig(accept=ACCEPT))

    @property
    def standing(self) -> list[Plan]:
        """The plans whose shards have a commit."""
        return [plan for plan in self.plans if (self.folder / commit_file(plan.name)).is_file()]

    def draw(self, plans: Sequence[Plan]) -> None:
        """Shards, from their first attempts."""
        for plan in plans:
            draw_from_the_first(self.drawing(plan))

    def look(self) -> dict[str, Verdict]:
        """The verdicts on what stands."""
        return verdicts(self.folder, [plan.name for plan in self.standing], ACCEPT)

    def run(self) -> None:
        """What a run does that has time: draw what does not stand, and make shards again until all are right."""
        self.draw([plan for plan in self.plans if plan not in self.standing])
        while found := self.look():
            for plan in self.plans:
                if plan.name in found:
                    self.before_each()
                    redraw_shard(self.drawing(plan), found[plan.name].near)

    def thin(self) -> None:
        """What a run does that is out of time."""
        found = self.look()
        for plan in self.plans:
            if plan.name in found:
                thin_shard(self.drawing(plan), found[plan.name].near)

    def lose(self, plan: Plan) -> None:
        """A shard's commit goes."""
        (self.folder / commit_file(plan.name)).remove()

    def outcome(self) -> Outcome:
        """All rows of what stands, and all that was rejected."""
        commits = [read_commit(self.folder, plan.name) for plan in self.standing]
        rows = [row for plan in self.standing for row in read_rows(self.folder, plan.name)]
        return rows, [failure for commit in commits if commit for failure in commit.failures]
