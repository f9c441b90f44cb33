"""From a corpus to shard plans: decided before any work, streamed, independent of the number of workers."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any, Literal

from pipeline.corpora.detect import find_layout
from pipeline.corpora.layout import Layout
from pipeline.errors import CorpusError, ItemError
from pipeline.image.decode import Pixels
from pipeline.items import ImageItem, Item
from pipeline.preparation.aligner import wants_alignment
from pipeline.preparation.bounded import bounded
from pipeline.preparation.config import PrepareConfig, SpeechConfig
from pipeline.preparation.image_row import read_pixels
from pipeline.preparation.work import share_of
from pipeline.shards.plan import ShardPlan, cut_by_content
from pipeline.shards.schema import AudioConventions, AudioFeatures, Conventions, ImageConventions, ImageFeatures
from pipeline.storage import Location

PICTURES_TRIED = 1000
"""How many unreadable pictures a corpus may begin with before its size has to be said."""


@dataclass(frozen=True)
class Survey:
    """What is known of a corpus before work begins.

    Items are counted once ahead, so that a share of them means something while the run is under way; and how many have
    a text whose phones are to be aligned.
    """

    corpus: Location
    layout: Layout
    conventions: Conventions
    num_items: int
    num_to_align: int = 0


def survey(corpus: Location, config: PrepareConfig) -> Survey:
    """Find the layout, count the items, settle the conventions. CorpusError where there is nothing to prepare."""
    layout = find_layout(corpus, config.layout)
    num_items = num_to_align = 0
    for item in layout.items(corpus):
        num_items += 1
        num_to_align += wants_alignment(item, config.speech)
    if not num_items:
        raise CorpusError(f"{corpus}: laid out as {layout.name}, but not one item is in it; expected at least one.")
    return Survey(corpus, layout, conventions_for(corpus, layout, config), num_items, num_to_align)


def shard_plans(found: Survey, config: PrepareConfig) -> Iterator[ShardPlan[Item]]:
    """The plans, one shard's items in memory at a time beside what the corpus's reader holds (names, ids)."""
    return cut_by_content(
        found.layout.items(found.corpus),
        lambda item: share_of(item, config),
        lambda item: item.item_id,
        settings_of(found, config),
    )


def settings_of(found: Survey, config: PrepareConfig) -> dict[str, Any]:
    """What a shard's rows depend on beside its items; anything else may change without redoing work."""
    settings = {"conventions": asdict(found.conventions), "split": asdict(config.split)}
    if found.layout.kind == "audio":
        return {**settings, "audio": asdict(config.audio), "speech": asdict(config.speech)}
    return {**settings, "filter": config.image.filter}


def conventions_for(corpus: Location, layout: Layout, config: PrepareConfig) -> Conventions:
    """What levels will mean, and what will stand beside them."""
    if layout.kind == "image":
        return replace(image_conventions(corpus, layout, config), features=ImageFeatures(config.image.media))
    audio = config.audio
    features = audio_features(config.speech, audio.media)
    return AudioConventions(audio.sample_rate_hz, audio.companding, audio.num_levels, features=features)


def audio_features(speech: SpeechConfig, media: Literal["off", "wav", "flac"]) -> AudioFeatures:
    """How the columns beside the levels are made; of an aligner the digest is added once it is trained."""
    takes_text = speech.phones in ("auto", "text")
    return AudioFeatures(
        phones=speech.pronunciation if takes_text else "",
        alignment=speech.alignment if takes_text else "",
        f0="" if speech.f0 == "off" else speech.f0,
        media=media,
    )


def image_conventions(corpus: Location, layout: Layout, config: PrepareConfig) -> ImageConventions:
    """Sizes as configured; each that is "corpus" as in the first readable picture."""
    image = config.image
    height, width, channels = image.height, image.width, image.channels
    if height == "corpus" or width == "corpus" or channels == "corpus":
        shape = first_readable(corpus, layout, config).shape
        height = shape[0] if height == "corpus" else height
        width = shape[1] if width == "corpus" else width
        channels = (1 if shape[2] == 1 else 3) if channels == "corpus" else channels
    return ImageConventions(height, width, channels, image.num_levels)


def first_readable(corpus: Location, layout: Layout, config: PrepareConfig) -> Pixels:
    """The first picture of a corpus that can be read."""
    for item in islice(layout.items(corpus), PICTURES_TRIED):
        if isinstance(item, ImageItem):
            try:
                return bounded(config.limits, read_pixels, item, None).pixels
            except ItemError:
                continue  # it becomes a failure when its shard is prepared
    raise CorpusError(
        f"{corpus}: none of the first {PICTURES_TRIED} pictures can be read, so their size is not known. Give it with "
        "--set image.height=H --set image.width=W --set image.channels=C, or check the files."
    )
