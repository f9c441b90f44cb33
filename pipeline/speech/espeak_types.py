"""espeak-ng's C declarations (speak_lib.h, 1.52): the structures, and the functions that `espeak.py` calls."""

import ctypes
from typing import Any

from pipeline.errors import MissingExtra

Library = Any
"""The loaded library; its functions are typed in `declare`."""

EVENTS_END = 0
PHONE_EVENT = 7


class Event(ctypes.Structure):
    """espeak_EVENT. `id` is a union; for a phone it holds its name in 8 bytes."""

    _fields_ = [  # ctypes asks for a list
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position_ms", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_uint8 * 8),
    ]


class VoiceEntry(ctypes.Structure):
    """espeak_VOICE; `languages` is an address, since a priority byte stands before each of its strings."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("reserved", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    ]


EventPointer = Any
Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event))


def load_library() -> Library:
    """The shared library of the wheel, its functions declared."""
    try:
        import espeakng_loader
    except ImportError:
        raise MissingExtra(
            "phones and synthetic speech need espeak-ng, which is not installed; "
            "install it, in the checkout, with: pip install '.[speech]'"
        ) from None
    return declare(ctypes.CDLL(espeakng_loader.get_library_path()))  # type: ignore[no-untyped-call]


def declare(library: Library) -> Library:
    """Say what each function takes and gives."""
    integer, text, address = ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p
    library.espeak_Initialize.argtypes = [integer, integer, text, integer]
    library.espeak_SetSynthCallback.argtypes = [Callback]
    library.espeak_SetVoiceByName.argtypes = [text]
    library.espeak_SetParameter.argtypes = [integer, integer, integer]
    library.espeak_ng_SetRandSeed.argtypes = [ctypes.c_long]
    size, unsigned = ctypes.c_size_t, ctypes.c_uint
    library.espeak_Synth.argtypes = [text, size, unsigned, integer, unsigned, unsigned, address, address]
    library.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(text), integer, integer]
    library.espeak_TextToPhonemes.restype = text
    library.espeak_ListVoices.argtypes = [address]
    library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(VoiceEntry))
    return library
