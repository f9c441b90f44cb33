"""Where lhotse says that audio lies: the file of a recording that holds the channels of a cut."""

from typing import Any

from pipeline.corpora.naming import locate_audio
from pipeline.storage import Location


def file_of(recording: dict[str, Any], channel: Any, folder: Location) -> tuple[str, int | None]:
    """The URI of the file, and which of its channels, from 0 (None: the mean of all).

    `channel` is a number, a list of numbers, or None for all. ValueError where they are not one channel of a file, or
    all of it, or where the recording is not a file as it stands.
    """
    if recording.get("transforms"):
        raise ValueError("the recording is transformed (in speed, rate or volume): only files as they stand are read")
    wanted = as_channels(channel)
    sources = [one for one in sources_of(recording) if wanted is None or wanted & set(one["channels"])]
    if len(sources) != 1:
        raise ValueError(f"channels {told(wanted)} lie in {len(sources)} files; expected one file for an item")
    (source,) = sources
    if source["type"] != "file":
        raise ValueError(
            f"the audio is a {source['type']!r:.40} and not a file: write it to one, and the manifest anew"
        )
    return str(locate_audio(source["source"], folder, "source")), one_of(wanted, source["channels"])


def sources_of(recording: dict[str, Any]) -> list[dict[str, Any]]:
    """A recording's sources, all of them files, and what they say checked."""
    sources = recording.get("sources")
    if not isinstance(sources, list):
        raise ValueError(f"expected the recording's sources to be a list, got {sources!r:.60}")
    for one in sources:
        if not isinstance(one, dict) or not isinstance(one.get("type"), str):
            raise ValueError(f"expected a source with type, channels and source, got {one!r:.60}")
        if one["type"] != "file":
            raise ValueError(
                f"the audio is a {one['type']!r:.40} and not a file: write it to one, and the manifest anew"
            )
        if not one.get("source") or not isinstance(one["source"], str) or not as_channels(one.get("channels")):
            raise ValueError(f"expected a source with type, channels and source, got {one!r:.60}")
    return sources


def as_channels(channel: Any) -> set[int] | None:
    """The channels of a cut; None for all."""
    match channel:
        case None:
            return None
        case int():
            return {channel}
        case [int(), *_] if all(isinstance(one, int) for one in channel):
            return set(channel)
    raise ValueError(f"expected channel to be a number or a list of numbers, got {channel!r:.60}")


def one_of(wanted: set[int] | None, channels: list[int]) -> int | None:
    """The one channel that is wanted, as the file counts; None for all of them."""
    if wanted is None or wanted >= set(channels):
        return None
    if len(wanted) > 1:
        raise ValueError(f"channels {told(wanted)} of a file that has {len(channels)}; expected one of them, or all")
    return channels.index(next(iter(wanted)))


def told(wanted: set[int] | None) -> str:
    """Channels in a message."""
    return "of the recording" if wanted is None else str(sorted(wanted))
