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
from pipeline.preparation.said import gives_phones
from pipeline.preparation.work import share_of
from pipeline.shards.plan import ShardPlan, cut_by_content
from pipeline.shards.schema import AudioConventions, AudioFeatures, Conventions, ImageConventions, ImageFeatures
from pipeline.storage import Location

PICTURES_TRIED = 1000
"""How many unreadable pictures a corpus may begin with before its size has to be said."""

LABELS_TRIED = 8
"""Files of times that are looked into, to learn what a corpus's hold: a request each, however many there are."""


@dataclass(frozen=True)
class Survey:
    """What is known of a corpus before work begins.

    Items are counted once ahead, so that a share of them means something while the run is under way.
    has_texts: whether some have a text whose phones are to be aligned. labels_have_phones: what `wants_alignment` is to
    take the corpus's files of times for.
    """

    corpus: Location
    layout: Layout
    conventions: Conventions
    num_items: int
    has_texts: bool = False
    labels_have_phones: bool = True


def survey(corpus: Location, config: PrepareConfig) -> Survey:
    """Find the layout, count the items, settle the conventions. CorpusError where there is nothing to prepare."""
    layout = find_layout(corpus, config.layout)
    num_items, has_texts = 0, False
    labelled: list[Item] = []
    for item in layout.items(corpus):
        num_items += 1
        if wants_alignment(item, config.speech):
            has_texts = True
        elif len(labelled) < LABELS_TRIED and wants_alignment(item, config.speech, labels_have_phones=False):
            labelled.append(item)
    if not num_items:
        raise CorpusError(f"{corpus}: laid out as {layout.name}, but not one item is in it; expected at least one.")
    with_phones = all(has_phones(item, config) for item in labelled)
    conventions = conventions_for(corpus, layout, config)
    return Survey(corpus, layout, conventions, num_items, has_texts or not with_phones, with_phones)


def has_phones(item: Item, config: PrepareConfig) -> bool:
    """Whether an item's file of times holds phones; one that takes too much to be read might."""
    try:
        return bounded(config.limits, gives_phones, item)
    except ItemError:
        return True


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
