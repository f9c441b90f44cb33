"""espeak-ng by its C interface: text to phones, and text to speech with the start of every phone.

Library and data come from the wheel `espeakng-loader` (GPL-3, the optional extra `speech`); no system package needed.

The library keeps one global state per process, which brings three traps:
- it is not thread-safe: every call here holds one lock;
- what it says depends on what it said before, by a few timesteps here and there, even with its noise seeded: equal
  bytes come only from the same texts in the same order in a fresh process (`fresh_process` makes one);
- an unknown voice variant is taken without a word and read in the default voice: `Voice` names are checked here.
"""

import ctypes
import difflib
import re
import threading
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError, MissingExtra
from pipeline.speech.espeak_types import EVENTS_END, PHONE_EVENT, Callback, EventPointer, Library, load_library

REINSTALL = "reinstall it, in the checkout: pip install '.[speech]'"

RETRIEVAL = 1
PHONEME_EVENTS, PHONEME_IPA, DONT_EXIT = 0x1, 0x2, 0x8000
UTF8 = 1
IPA = 0x02
SEPARATOR = "\x1f"
"""Put between phones by the library; a control character, so it is never part of one."""

BETWEEN_GROUPS = re.compile("[ \n]+")

RATE, PITCH, RANGE = 1, 3, 4

SEED = 1
"""Of the noise in the voice; left alone, the library takes it from the clock when it starts."""

lock = threading.RLock()
"""One caller at a time: the library's state is the process's."""


@dataclass(frozen=True)
class Voice:
    """Who speaks and how. Language is a key of `voice_files()`, variant one of `variants()` (empty: the plain voice).

    rate in words a minute (80 to 450); pitch and pitch_range from 0 to 100, 50 being the voice's own.
    """

    language: str = "en-us"
    variant: str = ""
    rate_words_per_minute: int = 175
    pitch: int = 50
    pitch_range: int = 50

    def __post_init__(self) -> None:
        if not 80 <= self.rate_words_per_minute <= 450:
            raise ConfigError(f"rate_words_per_minute: expected 80 to 450, got {self.rate_words_per_minute}.")
        if not (0 <= self.pitch <= 100 and 0 <= self.pitch_range <= 100):
            raise ConfigError(f"pitch and pitch_range: expected 0 to 100, got {self.pitch} and {self.pitch_range}.")


@dataclass(frozen=True)
class PhoneEvent:
    """A phone as the library names it (stress marks and all; empty for a pause) and the timestep where it starts."""

    name: str
    start: int


@dataclass(frozen=True)
class Speech:
    """What was said: mono [T] int16, and its phones in order of time."""

    timesteps: NDArray[np.int16]
    sample_rate_hz: int
    events: tuple[PhoneEvent, ...]


def speak(text: str, voice: Voice) -> Speech:
    """Text to speech, with the exact start of every phone."""
    with lock:
        library = started()
        use_voice(library, voice)
        synthesise(library, "")  # some 25 texts turned into phones before this one would take its first events away
        spoken.clear()
        library.espeak_ng_SetRandSeed(SEED)
        synthesise(library, text)
        chunks = spoken.chunks or [np.zeros(0, np.int16)]
        return Speech(np.concatenate(chunks), spoken.sample_rate_hz, tuple(spoken.events))


def synthesise(library: Library, text: str) -> None:
    """Say the text to its end; what is heard goes to `spoken`."""
    data = plain_utf8(text)
    library.espeak_Synth(data, len(data) + 1, 0, 1, 0, UTF8, None, None)
    library.espeak_Synchronize()


def phone_groups(text: str, language: str) -> list[list[str]]:
    """Text to phones as the library names them, in groups that it says as one word ("in the" is one group)."""
    groups: list[list[str]] = []
    with lock:
        library = started()
        if spoken.voice != (voice := Voice(language)):  # loading it takes as long as the phones of 20 words
            use_voice(library, voice)
        rest = ctypes.c_char_p(plain_utf8(text))
        while rest.value is not None:
            clause = library.espeak_TextToPhonemes(ctypes.byref(rest), UTF8, IPA | ord(SEPARATOR) << 8)
            # Not by any white space: Python counts the separator among it.
            groups.extend(group.split(SEPARATOR) for group in BETWEEN_GROUPS.split((clause or b"").decode()) if group)
    return groups


def plain_utf8(text: str) -> bytes:
    """Text as the library takes it; a NUL would end it early, and an unpaired surrogate is no UTF-8."""
    return text.replace("\0", " ").encode("utf-8", "replace")


def check_language(language: str) -> None:
    """A ConfigError, with the nearest names, unless espeak-ng speaks the language."""
    check_name("language", language, voice_files())


def check_name(what: str, name: str, known: Iterable[str]) -> None:
    """A ConfigError unless the name is known."""
    names = sorted(known)
    if name not in names:
        near = difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.4) or names
        raise ConfigError(f"espeak-ng knows no {what} {name!r}; the nearest of its {len(names)}: {', '.join(near)}.")


@cache
def voice_files() -> dict[str, str]:
    """Every language that espeak-ng speaks, as a tag such as en-us → the file of the voice that speaks it first."""
    with lock:
        listed = started().espeak_ListVoices(None)
        found: list[tuple[int, str, str]] = []
        for index in range(10_000):
            if not listed[index]:
                break
            entry = listed[index].contents
            found.extend((rank, tag, entry.identifier.decode()) for rank, tag in language_tags(entry.languages))
    return {tag: file for _, tag, file in sorted(found, reverse=True)}


def language_tags(address: int) -> list[tuple[int, str]]:
    """A voice's languages: a byte (low is first choice) and a C string for each, closed by a zero byte."""
    tags = []
    while rank := ctypes.string_at(address, 1)[0]:
        tag = ctypes.string_at(address + 1)
        tags.append((rank, tag.decode()))
        address += 1 + len(tag) + 1
    return tags


@cache
def variants() -> frozenset[str]:
    """Every voice variant: m1 to m8 (male), f1 to f5 (female), croak, whisper and others."""
    return frozenset(path.name for path in (data_folder() / "voices" / "!v").iterdir())


def use_voice(library: Library, voice: Voice) -> None:
    """Switch the process's voice."""
    check_language(voice.language)
    if voice.variant:
        check_name("voice variant", voice.variant, variants())
    spoken.voice = None
    # By file: the library lists tags, fr-fr among them, by which it does not find the voice.
    file = voice_files()[voice.language]
    name = f"{file}+{voice.variant}" if voice.variant else file
    if library.espeak_SetVoiceByName(name.encode()) != 0:
        raise ConfigError(f"espeak-ng cannot use its own voice {name}; {REINSTALL}")
    for parameter, value in (
        (RATE, voice.rate_words_per_minute),
        (PITCH, voice.pitch),
        (RANGE, voice.pitch_range),
    ):
        library.espeak_SetParameter(parameter, value, 0)
    spoken.voice = voice


class Spoken:
    """What the library has handed over of the text that it is saying, and the voice that it is in."""

    def __init__(self) -> None:
        self.sample_rate_hz = 0
        self.voice: Voice | None = None
        self.clear()

    def clear(self) -> None:
        """Forget the text before."""
        self.chunks: list[NDArray[np.int16]] = []
        self.events: list[PhoneEvent] = []

    def receive(self, wave: "ctypes._Pointer[ctypes.c_short]", num_timesteps: int, events: EventPointer) -> int:
        """Called by the library with each stretch of sound and what happens in it; 0 asks for more."""
        if wave and num_timesteps:
            self.chunks.append(np.ctypeslib.as_array(wave, (num_timesteps,)).copy())
        for index in range(10_000):
            event = events[index]
            if event.type == EVENTS_END:
                break
            if event.type == PHONE_EVENT:
                self.events.append(PhoneEvent(phone_name(bytes(event.id)), event.sample))
        return 0


def phone_name(field: bytes) -> str:
    """The phone in an event's 8 bytes: no NUL follows where it fills them, and a longer one is cut within a letter."""
    return field.split(b"\0", 1)[0].decode("utf-8", "ignore")


spoken = Spoken()
callback = Callback(spoken.receive)
"""Kept here because the library holds its address as long as the process lives."""


@cache
def started() -> Library:
    """The library, initialised once per process."""
    library = load_library()
    folder = data_folder()
    rate = library.espeak_Initialize(RETRIEVAL, 0, str(folder).encode(), PHONEME_EVENTS | PHONEME_IPA | DONT_EXIT)
    if rate <= 0:
        raise MissingExtra(f"espeak-ng cannot read its data at {folder}; {REINSTALL}")
    spoken.sample_rate_hz = rate
    library.espeak_SetSynthCallback(callback)
    return library


def data_folder() -> Path:
    """Where the wheel keeps the library's data."""
    import espeakng_loader

    return Path(espeakng_loader.get_data_path())  # type: ignore[no-untyped-call]


def fresh_process() -> ProcessPoolExecutor:
    """One new process that has said nothing yet: what runs in it first is the same every time."""
    return ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn"))
