"""What a generated row holds of its request: the length and the speech of a waveform, the size of a picture."""

from typing import Any

from pipeline.generation.plan import PlannedItem
from pipeline.generation.speech import speech_columns
from pipeline.shards.schema import AudioConventions, Conventions


def columns_of(item: PlannedItem, conventions: Conventions) -> dict[str, Any]:
    """What only waveforms have, or only pictures."""
    if isinstance(conventions, AudioConventions):
        text = {"text": item.text or None}
        return text | speech_columns(item.num_timesteps, item.phones, item.f0, conventions)
    return {"height": conventions.height, "width": conventions.width, "channels": conventions.channels}
