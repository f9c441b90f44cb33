"""The columns that only rows of waveforms have, or only rows of pictures: length and speech, or size; and the bits."""

from typing import Any

from pipeline.generation.plan import PlannedItem
from pipeline.generation.speech import speech_columns
from pipeline.shards.schema import AudioConventions, Conventions

BITS = {"audio": "bits_per_timestep", "image": "bits_per_dim"}
"""The column that tells how likely the item is, by the kind of its model."""


def columns_of(item: PlannedItem, conventions: Conventions) -> dict[str, Any]:
    """What only waveforms have, or only pictures."""
    if isinstance(conventions, AudioConventions):
        text = {"text": item.text or None}
        return text | speech_columns(item.num_timesteps, item.phones, item.f0, conventions)
    return {"height": conventions.height, "width": conventions.width, "channels": conventions.channels}
