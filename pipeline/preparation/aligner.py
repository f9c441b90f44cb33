"""The aligner of a dataset: trained once on the corpus's own texts, kept beside the shards, loaded by every worker.

OUT/aligner-SETTINGS.safetensors    SETTINGS is a digest of what it was trained by

A model that is there is kept whatever the corpus has become: what was aligned by it stays as it is, and a corpus that
has grown adds only what is new. To train it anew, remove it. The conventions of the dataset name model and settings.
"""

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cache, partial

from pipeline.errors import DatasetError
from pipeline.items import AudioItem, Item
from pipeline.preparation.config import AudioConfig, PrepareConfig, SpeechConfig
from pipeline.preparation.reading import recording_of
from pipeline.preparation.said import Said, said_in
from pipeline.shards.plan import digest_of
from pipeline.shards.schema import AudioConventions, Conventions
from pipeline.speech.alignment.acoustic_model import AcousticModel, model_from
from pipeline.speech.alignment.cache import Spoken
from pipeline.speech.alignment.config import AlignmentConfig
from pipeline.speech.pronounce import pronounce
from pipeline.storage import Location

HMM = "hmm"

PREFIX = "aligner-"
ENDING = ".safetensors"

DIGITS = 16
"""Of digests, in hexadecimal."""


def wants_alignment(item: Item, config: SpeechConfig, labels_have_phones: bool = True) -> bool:
    """Whether an item, as far as it is known before it is read, has a text whose phones have to find their times.

    `labels_have_phones`: whether the corpus's files of times hold phones, and not words or a text alone.
    """
    if not isinstance(item, AudioItem) or config.phones in ("off", "corpus"):
        return False
    has_times = bool(item.phones or (item.times_source and labels_have_phones)) and config.phones == "auto"
    return not has_times and bool(
        item.text or item.text_normalised or item.text_source or item.words or item.times_source
    )


def training_config(config: PrepareConfig) -> AlignmentConfig:
    """How the aligner is trained: without espeak-ng's voice where phones come without espeak-ng."""
    aligner = config.speech.aligner
    return replace(aligner, start="even") if config.speech.pronunciation == "lexicon" else aligner


def aligner_file(config: PrepareConfig) -> str:
    """The model's file, below the dataset's folder: another one for other settings of its training."""
    speech = config.speech
    settings = {**asdict(training_config(config)), "gate": None}  # the gate judges what the model has done
    digest = digest_of([speech.pronunciation, speech.language, speech.phones, settings])
    return f"{PREFIX}{digest[:DIGITS]}{ENDING}"


def with_aligner(conventions: Conventions, file: str, model: AcousticModel) -> Conventions:
    """Conventions that say by which model phones were aligned."""
    assert isinstance(conventions, AudioConventions)
    settings = file.removeprefix(PREFIX).removesuffix(ENDING)
    alignment = f"{HMM}-{settings}-{model.digest[:DIGITS]}"
    return replace(conventions, features=replace(conventions.features, alignment=alignment))


def without_aligner(conventions: Conventions) -> Conventions:
    """Conventions of a dataset whose phones, where they come from texts, are spread evenly."""
    assert isinstance(conventions, AudioConventions)
    features = conventions.features
    alignment = "uniform" if features.alignment else ""
    return replace(conventions, features=replace(features, alignment=alignment))


def file_of(conventions: Conventions) -> str:
    """The model's file by the conventions that name it; empty where they name none."""
    alignment = conventions.features.alignment if isinstance(conventions, AudioConventions) else ""
    settings = alignment.split("-")[1:2] if alignment.startswith(f"{HMM}-") else []
    return f"{PREFIX}{settings[0]}{ENDING}" if settings else ""


def aligner_of(folder: Location, conventions: Conventions) -> AcousticModel | None:
    """The model that a dataset is aligned by, None where it has none. DatasetError where another lies in its place."""
    file = file_of(conventions)
    if not file:
        return None
    assert isinstance(conventions, AudioConventions)
    return loaded(folder / file, conventions.features.alignment.split("-")[2])


@cache
def loaded(place: Location, digest: str) -> AcousticModel:
    """The model in a file, read once by each process."""
    model = model_from(place.read_bytes(), str(place))
    if not model.digest.startswith(digest):
        raise DatasetError(f"{place}: another aligner than the dataset's; run the command again to align all anew.")
    return model


def drop_others(folder: Location, conventions: Conventions) -> None:
    """Remove models of other settings, and features that a training left behind when it was killed."""
    for name in folder.names():
        if name.startswith(PREFIX) and name != file_of(conventions):
            (folder / name).remove_folder() if (folder / name).is_folder() else (folder / name).remove()


def reader(config: PrepareConfig) -> Callable[[AudioItem], Spoken]:
    """What training reads items by."""
    return partial(read_spoken, audio=config.audio, speech=config.speech)


def read_spoken(item: AudioItem, audio: AudioConfig, speech: SpeechConfig) -> Spoken:
    """A recording, and how its text is said."""
    return read_labelled(item, audio, speech)[0]


def read_labelled(item: AudioItem, audio: AudioConfig, speech: SpeechConfig) -> tuple[Spoken, Said]:
    """The same, and all that the corpus says of it."""
    recording = recording_of(item, audio)
    said = said_in(item, recording, speech)
    language = item.language or speech.language
    utterance = pronounce(said.text_normalised, language, speech.pronunciation)
    return Spoken(recording.waveform, recording.sample_rate_hz, utterance, language), said
