"""Tiny corpora of every layout, made on the spot, and files that are wrong in one way each."""

import gzip
import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
from numpy.typing import NDArray
from PIL import Image


def tone(
    num_timesteps: int = 1600, rate_hz: int = 8000, frequency_hz: float = 220.0, seed: int = 0
) -> NDArray[np.float32]:
    """A tone with a little noise, within [-.5, .5]."""
    noise = np.random.default_rng(seed).standard_normal(num_timesteps) * 0.01
    wave = 0.4 * np.sin(2 * np.pi * frequency_hz * np.arange(num_timesteps) / rate_hz) + noise
    return wave.astype(np.float32)


def write_wav(path: Path, wave: NDArray[Any] | None = None, rate_hz: int = 8000, subtype: str = "PCM_16") -> Path:
    """A WAV file of a wave ([T] or [T, C]), a short tone by default."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, tone() if wave is None else wave, rate_hz, subtype=subtype)
    return path


def bad_wavs(folder: Path) -> dict[str, str]:
    """Write one WAV of each kind of damage; name → a word of the reason that is to be given for it."""
    whole = write_wav(folder / "whole.wav").read_bytes()
    (folder / "whole.wav").unlink()
    lying_rate = bytearray(whole)
    lying_rate[24:28] = struct.pack("<I", 1_092_676)
    files = {
        "truncated.wav": (whole[: len(whole) // 2], "truncated"),
        "header_only.wav": (whole[:20], "not audio"),
        "zero_bytes.wav": (b"", "no bytes"),
        "text.wav": (b"this is no audio at all, only text\n" * 20, "not audio"),
        "lying_rate.wav": (bytes(lying_rate), "1092676 Hz"),
    }
    for name, (data, _) in files.items():
        (folder / name).write_bytes(data)
    write_wav(folder / "no_timesteps.wav", np.zeros(0, np.float32))
    write_wav(folder / "not_finite.wav", np.array([0.1, np.nan, 0.2], np.float32), subtype="FLOAT")
    reasons = {name: reason for name, (_, reason) in files.items()}
    return reasons | {"no_timesteps.wav": "empty", "not_finite.wav": "not finite"}


def fsdd_corpus(folder: Path, speakers: Sequence[str] = ("ann", "bob"), takes: int = 2, digits: int = 3) -> Path:
    """recordings/{digit}_{speaker}_{take}.wav, 0.2 s each."""
    for seed, (digit, speaker, take) in enumerate(
        (d, s, t) for d in range(digits) for s in speakers for t in range(takes)
    ):
        write_wav(
            folder / "recordings" / f"{digit}_{speaker}_{take}.wav", tone(seed=seed, frequency_hz=150 + 40 * digit)
        )
    return folder


def manifest_corpus(folder: Path, lines: Sequence[Mapping[str, Any] | str]) -> Path:
    """manifest.jsonl of these lines (text is written as it is), and a tone for every file that they name."""
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    (folder / "manifest.jsonl").write_text(text, encoding="utf-8")
    for line in lines:
        if not isinstance(line, str) and isinstance(line.get("audio_filepath"), str):
            write_wav(folder / line["audio_filepath"])
    return folder


def write_png(path: Path, value: int = 100, size: tuple[int, int] = (4, 3), mode: str = "RGB") -> Path:
    """A picture, brighter from left to right."""
    path.parent.mkdir(parents=True, exist_ok=True)
    width, height = size
    grey = np.clip(value + np.arange(width)[None, :] * 10 + np.zeros((height, 1)), 0, 255).astype(np.uint8)
    Image.fromarray(grey).convert(mode).save(path)
    return path


def idx_bytes(array: NDArray[np.uint8]) -> bytes:
    """An array in the idx format of unsigned bytes."""
    return struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape) + array.tobytes()


def idx_corpus(folder: Path, stems: Mapping[str, int], packed: bool = True) -> Path:
    """For each stem so many 5 x 4 pictures with labels: picture n is filled with n, its label n % 10."""
    folder.mkdir(parents=True, exist_ok=True)
    for stem, count in stems.items():
        numbers = np.arange(count, dtype=np.uint8)
        images = np.broadcast_to(numbers[:, None, None], (count, 5, 4))
        for name, data in (
            (f"{stem}-images-idx3-ubyte", idx_bytes(images)),
            (f"{stem}-labels-idx1-ubyte", idx_bytes(numbers % 10)),
        ):
            (folder / (name + ".gz" * packed)).write_bytes(gzip.compress(data, mtime=0) if packed else data)
    return folder
