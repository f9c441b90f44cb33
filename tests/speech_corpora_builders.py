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


def vctk_like_corpus(folder: Path) -> Path:
    """Speakers ann and ann_b, whom VCTK does not have, two utterances each."""
    for speaker in ("ann", "ann_b"):
        for number in (1, 2):
            write_audio(folder / f"wav48/{speaker}/{speaker}_{number:03d}.wav")
            write_text(folder / f"txt/{speaker}/{speaker}_{number:03d}.txt", "Please call Stella.\n")
    return folder


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


SPEAKERS_TXT = """; Some pieces of information about the readers,
;ID  |SEX| SUBSET           |MINUTES| NAME
14   | F | train-clean-360  | 25.03 | Kristin LeMoine
60   | M | train-clean-100  | 20.18 | |CBW|Simon
84   | F | dev-clean        |  8.02 | Christie Nowak
"""


def librispeech_corpus(folder: Path, subsets: tuple[str, ...] = ("train-clean-100", "dev-clean", "test-other")) -> Path:
    """A speaker a subset (60, 84, 121), one chapter of two utterances each."""
    write_text(folder / "SPEAKERS.TXT", SPEAKERS_TXT)
    for subset, speaker in zip(subsets, (60, 84, 121), strict=False):
        chapter = folder / subset / str(speaker) / "7"
        for number in range(2):
            write_audio(chapter / f"{speaker}-7-{number:04d}.flac")
        lines = [f"{speaker}-7-{number:04d} GO DO YOU HEAR\n" for number in range(2)]
        write_text(chapter / f"{speaker}-7.trans.txt", "".join(lines))
    return folder


def libritts_corpus(folder: Path, subsets: tuple[str, ...] = ("train-clean-100", "dev-clean", "test-other")) -> Path:
    """A speaker a subset (60, 84, 121), one chapter of two sentences each."""
    write_text(folder / "SPEAKERS.txt", SPEAKERS_TXT)
    for subset, speaker in zip(subsets, (60, 84, 121), strict=False):
        chapter = folder / subset / str(speaker) / "7"
        names = [f"{speaker}_7_000001_{number:06d}" for number in range(2)]
        for name in names:
            write_audio(chapter / f"{name}.wav", 24000)
            write_text(chapter / f"{name}.original.txt", "Dr. Who said 2.")
            write_text(chapter / f"{name}.normalized.txt", "Doctor Who said two.")
        lines = [f"{name}\tDr. Who said 2.\tDoctor Who said two.\n" for name in names]
        write_text(chapter / f"{speaker}_7.trans.tsv", "".join(lines))
        write_text(chapter / f"{speaker}_7.book.tsv", "".join(f"{name}\tDr. Who said 2.\t30.0\n" for name in names))
    return folder


XLABEL = "separator ;\nnfields 1\n#\n0.05000 125 pau\n0.12000 125 ao\n0.20000 125 pau\n"


def arctic_voice(folder: Path, names: tuple[str, ...] = ("arctic_a0001", "arctic_a0002")) -> Path:
    """One voice: prompts, recordings, and labels with a header and end times alone."""
    prompts = [f'( {name} "Author of the danger trail, Philip Steels, etc." )\n' for name in names]
    write_text(folder / "etc" / "txt.done.data", "".join(prompts))
    for name in names:
        write_audio(folder / "wav" / f"{name}.wav")
        write_text(folder / "lab" / f"{name}.lab", XLABEL)
    return folder


def arctic_corpus(folder: Path) -> Path:
    """Two voices of the same sentences, and a README."""
    write_text(folder / "README", "")
    for speaker in ("bdl", "slt"):
        arctic_voice(folder / f"cmu_us_{speaker}_arctic")
    return folder


TIMIT_FILES = {
    ".TXT": "0 1600 She had your dark suit in greasy wash water all year.\n",
    ".PHN": "0 400 h#\n400 800 sh\n800 1200 iy\n1200 1600 h#\n",
    ".WRD": "400 1200 she\n",
}


def timit_speaker(folder: Path, names: tuple[str, ...] = ("SA1", "SX37"), upper: bool = True) -> Path:
    """One speaker's folder as published: SPHERE files called .WAV with text, phones and words, in either case."""
    for name in names:
        files: dict[str, bytes] = {ending: text.encode() for ending, text in TIMIT_FILES.items()}
        files[".WAV"] = sphere_bytes((tone() * 32768).astype(np.int16))
        for ending, data in files.items():
            path = folder / (f"{name}{ending}" if upper else f"{name}{ending}".lower())
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return folder


def timit_corpus(folder: Path, upper: bool = True) -> Path:
    """Two speakers to train on and one to test on, the documents beside them."""
    for name in ("TRAIN/DR1/FCJF0", "TRAIN/DR8/MBCG0", "TEST/DR1/MDAB0"):
        timit_speaker(folder / (name if upper else name.lower()), upper=upper)
    write_text(folder / "DOC" / "PROMPTS.TXT", "She had your dark suit in greasy wash water all year. (sa1)\n")
    return folder


def ravdess_corpus(folder: Path) -> Path:
    """Two actors: one speaks, one speaks and sings; one file has another rate than the rest."""
    names = {
        "Actor_01/03-01-06-01-02-01-01.wav": 48000,
        "Actor_01/03-01-01-01-01-02-01.wav": 22050,
        "Actor_02/03-01-08-02-01-01-02.wav": 48000,
        "Actor_02/03-02-05-02-01-01-02.wav": 48000,
    }
    for name, rate_hz in names.items():
        write_audio(folder / name, rate_hz)
    return folder


def emodb_corpus(folder: Path) -> Path:
    """One utterance of each emotion by speaker 03, and a second version by speaker 16; labels beside them."""
    for letter in "WLEAFTN":
        write_audio(folder / "wav" / f"03a01{letter}a.wav")
    write_audio(folder / "wav" / "16b10Td.wav")
    write_text(folder / "lablaut" / "03a01Fa.lablaut", "signal 03a01Fa\n#\n")
    return folder


def yesno_corpus(folder: Path) -> Path:
    """Three recordings."""
    for name in ("0_0_0_0_1_1_1_1", "0_1_0_1_0_1_0_1", "1_1_1_1_1_1_1_1"):
        write_audio(folder / f"{name}.wav", 8000)
    return folder


COMMON_VOICE_COLUMNS = (
    "client_id\tpath\tsentence_id\tsentence\tsentence_domain\tup_votes\tdown_votes\t"
    "age\tgender\taccents\tvariant\tlocale\tsegment"
)


def common_voice_corpus(folder: Path, tables: dict[str, tuple[tuple[str, str], ...]], locale: str = "en") -> Path:
    """Tables of (speaker, clip) with a header, and their clips as MP3; validated.tsv is left to the caller, too."""
    for table, rows in tables.items():
        lines = [
            f'{speaker}\t{clip}.mp3\tf00\t"Yes, said {clip}.\t\t2\t0\t\t\t\t\t{locale}\t' for speaker, clip in rows
        ]
        write_text(folder / f"{table}.tsv", "\n".join([COMMON_VOICE_COLUMNS, *lines, ""]))
        for _, clip in rows:
            write_audio(folder / "clips" / f"{clip}.mp3", 32000)
    return folder
