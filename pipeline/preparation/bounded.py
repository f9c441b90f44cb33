"""One call held to an item's limits: for what reads items outside of a shard, such as an aligner's training."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar

from pipeline.errors import ItemError
from pipeline.guarding.guard import Guard, LimitsConfig
from pipeline.guarding.guarded import NO_ITEM, Report
from pipeline.preparation.prepare import LIMITS

Result = TypeVar("Result")


@cache
def guard_of_process() -> Guard:
    """The one guard of this process: its child is started at the first call, and serves all."""
    return Guard()


def bounded(limits: LimitsConfig, function: Callable[..., Result], *args: Any) -> Result:
    """`function(*args)`, done in the guard's child; ItemError at stage "limits" where it hangs, grows or crashes.

    `function` is a module's, or a partial of one: `partial(bounded, limits, read)` is a bounded `read`. Arguments and
    result travel between processes, which costs 0.1 ms and some copies. Its errors come back as they are.
    """
    result, reason = guard_of_process().run(call, function, args, limits=limits)
    if reason:
        raise ItemError(LIMITS, reason)
    done: Result = result
    return done


def call(
    report: Report, condemned: Mapping[int, str], function: Callable[..., Result], args: tuple[Any, ...]
) -> tuple[Result | None, str]:
    """What the child does: the result and no reason, or the reason why there is none."""
    if reason := condemned.get(0):
        return None, reason
    report(0)
    result = function(*args)
    report(NO_ITEM)
    return result, ""
