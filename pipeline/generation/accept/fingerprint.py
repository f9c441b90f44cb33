"""Fingerprints: 64 bits that stay nearly the same where an item is nearly the same.

A picture's is its difference hash: brought to 8 rows of 9 grey values, each compared with the one to its right. A
waveform's is after Haitsma and Kalker (2002, A Highly Robust Audio Fingerprinting System, ISMIR, eq. 1): the energy of
9 bands in 9 stretches of equal length; a bit tells whether the difference between two neighbouring bands grows from one
stretch to the next. Departures: whole items are compared, so stretches are parts of the item and not fixed frames.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

NUM_BITS = 64
SIDE = 8
LOWEST_HZ = 100.0
"""Below it there is rumble and hardly any speech."""


def of_picture(pixels: NDArray[np.uint8]) -> int:
    """The fingerprint of intensities [H, W, C]."""
    grey = Image.fromarray(np.rint(pixels.mean(axis=2)).astype(np.uint8))
    small = np.asarray(grey.resize((SIDE + 1, SIDE), Image.Resampling.BOX), np.int16)
    return packed(small[:, 1:] > small[:, :-1])


def of_waveform(x: NDArray[np.floating[Any]], sample_rate_hz: int) -> int:
    """The fingerprint of a waveform [T]."""
    energy = np.log(band_energy(x, sample_rate_hz) + 1e-10)
    differences = energy[:, :-1] - energy[:, 1:]
    return packed(differences[1:] > differences[:-1])


def band_energy(x: NDArray[np.floating[Any]], sample_rate_hz: int) -> NDArray[np.float64]:
    """The mean power of 9 bands, evenly wide in ln Hz, in 9 stretches [9, 9]."""
    parts = SIDE + 1
    length = max(-(-len(x) // parts), 2)
    stretches = np.pad(np.asarray(x, np.float64), (0, parts * length - len(x))).reshape(parts, length)
    power = np.square(np.abs(np.fft.rfft(stretches * np.hanning(length), axis=1)))
    edges_hz = np.geomspace(min(LOWEST_HZ, sample_rate_hz / 8), sample_rate_hz / 2, parts + 1)
    band = np.clip(np.searchsorted(edges_hz, np.fft.rfftfreq(length, 1 / sample_rate_hz), side="right") - 1, 0, SIDE)
    return np.stack([power[:, band == number].sum(axis=1) for number in range(parts)], axis=1) / length


def packed(bits: NDArray[np.bool_]) -> int:
    """64 truths as one number."""
    return int.from_bytes(np.packbits(bits.ravel()).tobytes(), "big")


class Seen:
    """Fingerprints, and whether one of them is near to another.

    Two that differ in d bits or fewer agree in at least one of d + 1 pieces (the pigeonhole principle), so only those
    that share a piece are compared. A fingerprint takes about a hundred bytes for each piece.
    """

    def __init__(self, same_bits: int) -> None:
        self.same_bits = same_bits
        self._edges = [round(piece * NUM_BITS / (same_bits + 1)) for piece in range(same_bits + 2)]
        self._by_piece: dict[tuple[int, int], list[int]] = {}
        self._ids: list[str] = []
        self._prints: list[int] = []

    def near(self, fingerprint: int) -> str:
        """The id of the first one that is near; empty where none is."""
        places = sorted({place for key in self._pieces(fingerprint) for place in self._by_piece.get(key, ())})
        is_near = (place for place in places if (self._prints[place] ^ fingerprint).bit_count() <= self.same_bits)
        return next((self._ids[place] for place in is_near), "")

    def add(self, item_id: str, fingerprint: int) -> None:
        """One more."""
        for key in self._pieces(fingerprint):
            self._by_piece.setdefault(key, []).append(len(self._ids))
        self._ids.append(item_id)
        self._prints.append(fingerprint)

    def _pieces(self, fingerprint: int) -> list[tuple[int, int]]:
        pairs = zip(self._edges[:-1], self._edges[1:], strict=True)
        return [(start, fingerprint >> start & (1 << end - start) - 1) for start, end in pairs]
