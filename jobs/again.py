"""`generate --only ITEM`: one item of a dataset made again, alone and in this process, and held against its row.

make_again(work, "000001-0003", console)
"""

from typing import Any

import torch
from rich.console import Console

from jobs.generation_work import Work
from jobs.progress import say
from jobs.sampler import Plan
from jobs.say import loaded
from pipeline.errors import DatasetError, RequestError
from pipeline.generation.accept.attempts import attempt_of, first_attempt, number_of_attempt
from pipeline.generation.drawn_rows import make_rows
from pipeline.generation.plan import PlannedItem
from pipeline.generation.shard import read_rows
from pipeline.shards.commit import read_commit

Row = dict[str, Any]


def make_again(work: Work, item_id: str, console: Console) -> bool:
    """Draw one item alone and compare it with its row in the dataset, column by column; whether all are equal.

    RequestError where no request asks for it, DatasetError where the dataset has no such row, or one made by other
    settings, ConfigError where a GPU is asked for that is not here.
    """
    plan, item = planned(work, item_id)
    before = standing_row(work, plan, item_id)
    torch.set_num_threads(1)
    exported = loaded(work.model, work.config)
    rows, _ = make_rows([attempt_of(item, number_of_attempt(item_id))], exported, work.config, lambda num_levels: None)
    differing = [column for column, value in rows[0].items() if before[column] != value]
    if not differing:
        say(console, f"{item_id}: drawn again alone by {rows[0]['sampling_path']}, equal in every byte")
        return True
    shown = "; ".join(f"{column} was {short(before[column])}, is {short(rows[0][column])}" for column in differing)
    say(console, f"{item_id}: differs from its row in {work.out}: {shown}. {why(differing)}")
    return False


def planned(work: Work, item_id: str) -> tuple[Plan, PlannedItem]:
    """The shard that an item belongs to, and the item; attempts are those of the first one."""
    first = first_attempt(item_id)
    for plan in work.plans():
        for item in plan.entries:
            if item.item_id == first:
                return plan, item
    raise RequestError(
        f"{work.requests}: no request makes an item {item_id!r}. Items are named by their request and a number, as in "
        f"{work.example_id}."
    )


def standing_row(work: Work, plan: Plan, item_id: str) -> Row:
    """The item's row as the dataset has it."""
    commit = read_commit(work.out, plan.name)
    if commit is None:
        raise DatasetError(
            f"{work.out}: the shard {plan.name} of item {item_id!r} is not drawn yet; run without --only."
        )
    if commit.plan_digest != plan.digest:
        raise DatasetError(
            f"{work.out}: shard {plan.name} was drawn for other requests or settings than these; give those of then."
        )
    for row in read_rows(work.out, plan.name):
        if row["item_id"] == item_id:
            return row
    raise DatasetError(
        f"{work.out}: shard {plan.name} has no item {item_id!r}: it was not accepted, or another attempt was, such as "
        f"{first_attempt(item_id)}.1."
    )


def short(value: Any) -> str:
    """A value for a message."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def why(differing: list[str]) -> str:
    """What is the likely reason."""
    if "sampling_path" in differing:
        return "It was drawn by another path, or on another kind of processor: the promise is for one and the same."
    if "code_digest" in differing:
        return "Other code made it: the promise is for one and the same."
    return "This machine computes something else than the one that made it: see `ancestral doctor`."
