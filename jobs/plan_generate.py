"""`plan generate`: the actors of the run draw its own first shards for a few seconds, and throw them away.

They do so all at once, as in the run: what they cost each other is measured too. Where the run has a pool of actors for
each scale of a picture, which share the same processors, actors that draw all scales are measured in their place.
"""

import time
from dataclasses import dataclass
from itertools import islice

import ray
from rich.console import Console

from jobs.cluster import Cluster
from jobs.fan_out import fetch
from jobs.generation_work import Work
from jobs.plan_page import Lines, refuse_full_disk, show, size, time_and_cost
from jobs.progress import say
from jobs.sampler import SamplerActor, resources_of, room_for
from jobs.scales import sizes_for
from pipeline.generation.advance import levels_of_a_picture
from pipeline.generation.probe import Probe
from pipeline.generation.standing import requests_before
from pipeline.shards.commit import read_commit
from pipeline.shards.plan import numbered
from pipeline.shards.schema import AudioConventions

SHARDS_PROBED = 4
"""The first of the run: more are seldom drawn within the time."""

RAW_BYTES = 1.0
"""A level's bytes where no shard was finished within the time: as if nothing were compressed."""


def plan_generate(work: Work, seconds: float, begun: float, cluster: Cluster, console: Console) -> float:
    """Print what the run would take; the time in seconds. `begun`: when the command did, by the monotonic clock.

    ConfigError (no room for its lanes), StorageError (no room for its shards), ModelError, ClusterError.
    """
    num_actors = min(room_for(work.config, cluster), work.num_shards)
    probes = probe_on_actors(work, num_actors, seconds)
    started_s = time.monotonic() - begun - seconds
    stands = standing(work)
    num_levels = total_levels(work) - stands.num_levels
    levels_s = sum(probe.levels_per_s for probe in probes)
    bytes_out = num_levels * max(probe.bytes_per_level or RAW_BYTES for probe in probes)
    refuse_full_disk(work.out, bytes_out)
    took_s = started_s + num_levels / levels_s
    lines = [
        *what(work, total_levels(work)),
        *([("of these stand already", f"{stands.num_items:,} items")] if stands.num_items else []),
        *how(work, probes),
        ("bytes out", size(bytes_out)),
        ("start", f"{started_s:.0f} s"),
    ]
    show(console, f"generate {work.out}", [*lines, *time_and_cost(took_s, work.config.price_per_hour)])
    tell_limits(work, took_s, console)
    return took_s


def probe_on_actors(work: Work, num_actors: int, seconds: float) -> list[Probe]:
    """What each actor measures while all of them do."""
    plans = list(islice(work.plans(), SHARDS_PROBED))
    sampler = work.model, work.out, work.config
    actors = [SamplerActor.options(**resources_of(work.config)).remote(*sampler) for _ in range(num_actors)]
    try:
        return [fetch(asked) for asked in [actor.probe.remote(plans, seconds, work.longest) for actor in actors]]
    finally:
        for actor in actors:
            ray.kill(actor)


@dataclass(frozen=True)
class Standing:
    """What an earlier run of the same requests has left in the folder."""

    num_items: int = 0
    num_levels: int = 0


def standing(work: Work) -> Standing:
    """As the commits say, by a look at each; nothing in a folder of other requests."""
    if requests_before(work.out) != work.totals.sha256:
        return Standing()
    commits = (read_commit(work.out, numbered(index)) for index in range(work.num_shards))
    counts = [(one.num_rows, sum(one.tally.num_levels.values())) for one in commits if one is not None]
    return Standing(*(sum(each) for each in zip(*counts, strict=True)))


def total_levels(work: Work) -> int:
    """Timesteps or pixel channels that are to be drawn."""
    return work.totals.num_timesteps or work.totals.num_items * levels_of_a_picture(work.info.conventions)


def what(work: Work, num_levels: int) -> Lines:
    """What is to be drawn."""
    conventions = work.info.conventions
    lines = [("requests", f"{work.totals.num_requests:,}"), ("items", f"{work.totals.num_items:,}")]
    if isinstance(conventions, AudioConventions):
        hours = num_levels / conventions.sample_rate_hz / 3600
        return [
            *lines,
            ("timesteps", f"{num_levels:,}"),
            ("audio", f"{hours:,.2f} h"),
            ("shards", f"{work.num_shards:,}"),
        ]
    return [*lines, ("levels", f"{num_levels:,}"), ("shards", f"{work.num_shards:,}")]


def how(work: Work, probes: list[Probe]) -> Lines:
    """How fast, and in how much memory."""
    first, num_actors = probes[0], len(probes)
    levels_s = sum(probe.levels_per_s for probe in probes)
    unit = "timesteps" if isinstance(work.info.conventions, AudioConventions) else "levels"
    of_peak = levels_s / sum(probe.levels_at_peak for probe in probes)
    lanes = work.config.num_lanes
    return [
        ("actors", actors(sizes_for(work.info, num_actors))),
        ("speed", f"{levels_s:,.0f} {unit}/s, {of_peak:.0%} of peak"),
        ("a step of all lanes", f"{lanes * num_actors / levels_s * 1e6:,.1f} µs"),
        ("memory of a lane", size(first.lane_bytes)),
        ("memory of an actor's lanes", size(first.lane_bytes * lanes)),
        ("memory of an actor, so far", size(max(probe.process_bytes for probe in probes))),
    ]


def actors(sizes: list[int]) -> str:
    """How many actors; of several scales, how many each."""
    return f"{sizes[0]}" if len(sizes) == 1 else f"{' + '.join(map(str, sizes))}, a pool for each scale"


def tell_limits(work: Work, took_s: float, console: Console) -> None:
    """Say where the run's own limits would end it before it is done."""
    limit_s = work.config.time_limit_s
    if took_s > limit_s:
        say(console, f"The run would stop after {limit_s:,.0f} s, with about {limit_s / took_s:.0%} of the items.")
    if not work.config.accept.is_open:
        say(console, "Items that are not accepted are not counted: what is drawn again takes time on top.")
