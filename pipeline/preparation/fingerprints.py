"""What a plan could not know of its files: asked by the workers, side by side instead of one after the other.

A listing gives fingerprints by the way; a manifest names files that nobody has looked at. To ask for each while
planning would take a request an item, and ten million of them in a row on an object store.
"""

from dataclasses import replace

from pipeline.items import AudioItem, BadItem, Item
from pipeline.shards.plan import ShardPlan, digest_of
from pipeline.storage import Location


def completed(plan: ShardPlan[Item]) -> ShardPlan[Item]:
    """The plan with every file's fingerprint; its digest then covers those that were asked for here, too."""
    entries = tuple(with_fingerprint(item) for item in plan.entries)
    asked = [new for old, new in zip(plan.entries, entries, strict=True) if new is not old]
    if not asked:
        return plan
    return replace(plan, entries=entries, digest=digest_of([plan.digest, asked]))


def with_fingerprint(item: Item) -> Item:
    """The item with what storage says of its files; empty where the audio or picture is not there."""
    if isinstance(item, BadItem) or item.fingerprint or item.container == "command":
        return item
    found = Location(item.source).fingerprint()
    if not found:
        return item
    besides = [item.text_source, item.times_source] if isinstance(item, AudioItem) else []
    return replace(item, fingerprint="|".join([found, *(Location(uri).fingerprint() for uri in besides if uri)]))
