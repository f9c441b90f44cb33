"""Tiny corpora of the published layouts, as their makers lay them out, and files of formats of their time."""

from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from tests.corpus_builders import tone


def sphere_bytes(wave: NDArray[np.int16], **fields: str | int | None) -> bytes:
    """A NIST SPHERE file of a wave [T] or [T, C] at 16 kHz; `fields` replace the header's, None leaves one out."""
    channels = 1 if wave.ndim == 1 else wave.shape[1]
    header: dict[str, Any] = {
        "database_id": "TIMIT",
        "sample_count": len(wave),
        "sample_n_bytes": 2,
        "channel_count": channels,
        "sample_byte_format": "01",
        "sample_rate": 16000,
        "sample_coding": "pcm",
        "sample_sig_bits": 16,
    }
    lines = [f"{name} {sphere_type(value)} {value}" for name, value in (header | fields).items() if value is not None]
    head = "\n".join(["NIST_1A", "   1024", *lines, "end_head", ""]).encode()
    return head.ljust(1024) + wave.astype("<i2").tobytes()


def sphere_type(value: str | int) -> str:
    """How SPHERE writes the type of a value."""
    return "-i" if isinstance(value, int) else f"-s{len(value)}"


def write_sphere(path: Path, wave: NDArray[np.int16]) -> Path:
    """A whole SPHERE file of 16 kHz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(sphere_bytes(wave))
    return path


def write_audio(path: Path, rate_hz: int = 16000) -> Path:
    """A short tone in the format that the ending names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, tone(), rate_hz)
    return path


def write_text(path: Path, text: str) -> Path:
    """A text file, its folders made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")
    return path


def vctk_corpus(folder: Path, version: str = "0.92") -> Path:
    """Speakers p225, p280 (no mic2), p315 (no texts), p362 (a text without audio) and s5, two utterances each."""
    below, endings = (
        ("wav48", [".wav"]) if version == "0.80" else ("wav48_silence_trimmed", ["_mic1.flac", "_mic2.flac"])
    )
    for speaker in ("p225", "p280", "p315", "p362", "s5"):
        for number in (1, 2):
            name = f"{speaker}/{speaker}_{number:03d}"
            if speaker != "p315":
                write_text(folder / "txt" / f"{name}.txt", "Please call Stella.\n")
            for ending in endings[: 1 if speaker in ("p280", "p315") else 2]:
                if (speaker, number) != ("p362", 2):
                    write_audio(folder / below / f"{name}{ending}")
    p = "" if version == "0.80" else "p"
    write_text(
        folder / "speaker-info.txt",
        "ID  AGE  GENDER  ACCENTS  REGION COMMENTS \n"
        f"{p}225  23  F    English    Southern  England\n{p}280  23  F    French    France   (mic2 files unavailable)\n"
        f"{p}315  18  M    American    New  England\n{p}362  29  F    American\ns5   18  M  British\n",
    )
    return folder
