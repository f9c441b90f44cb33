"""Tiny packed corpora made on the spot: tars of samples, CIFAR records, EMNIST and QMNIST files."""

import io
import struct
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray
from PIL import Image

from tests.corpus_builders import idx_bytes, tone


def picture_bytes(value: int = 100, file_format: str = "PNG", size: tuple[int, int] = (4, 3)) -> bytes:
    """A file of one grey picture."""
    sink = io.BytesIO()
    Image.new("L", size, value).save(sink, file_format)
    return sink.getvalue()


def recording_bytes(seed: int = 0, file_format: str = "WAV") -> bytes:
    """A file of a short tone."""
    sink = io.BytesIO()
    sf.write(sink, tone(400, seed=seed), 8000, format=file_format)
    return sink.getvalue()


def tar_bytes(files: Iterable[tuple[str, bytes]] | Mapping[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar of these files, in order; a name may come twice where they are given as pairs."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=form) as tar:
        for name, data in files.items() if isinstance(files, Mapping) else files:
            header = tarfile.TarInfo(name)
            header.size = len(data)
            tar.addfile(header, io.BytesIO(data))
    return sink.getvalue()


def write_tar(path: Path, files: Iterable[tuple[str, bytes]] | Mapping[str, bytes]) -> Path:
    """The same as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tar_bytes(files))
    return path


def webdataset_corpus(folder: Path, shards: int = 2, pictures: int = 3) -> Path:
    """shard-{n}.tar, each with so many pictures and their labels."""
    for shard in range(shards):
        files = {}
        for number in range(pictures):
            files[f"{number:03d}.png"] = picture_bytes(10 * shard + number)
            files[f"{number:03d}.cls"] = str(number).encode()
        write_tar(folder / f"shard-{shard}.tar", files)
    return folder


CIFAR_LABELS = ("airplane", "automobile", "bird")


def cifar_pixels(record: int) -> NDArray[np.uint8]:
    """[32, 32, 3] of which each channel, row and column tells itself apart."""
    channel, row, column = np.indices((3, 32, 32))
    return np.asarray((97 * record + 50 * channel + 3 * row + column) % 251, np.uint8).transpose(1, 2, 0)


def cifar_record(labels: tuple[int, ...], record: int) -> bytes:
    """Labels, then the red plane, the green, the blue."""
    return bytes(labels) + cifar_pixels(record).transpose(2, 0, 1).tobytes()


def cifar10_corpus(folder: Path, counts: Mapping[str, int]) -> Path:
    """Files of so many records each, record n of class n % 3, and the names of the classes."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, count in counts.items():
        (folder / name).write_bytes(b"".join(cifar_record((n % 3,), n) for n in range(count)))
    (folder / "batches.meta.txt").write_text("\n".join(CIFAR_LABELS) + "\n\n")
    return folder


def cifar100_corpus(folder: Path, counts: Mapping[str, int]) -> Path:
    """The same with a coarse label before the fine one."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, count in counts.items():
        (folder / name).write_bytes(b"".join(cifar_record((9, n % 3), n) for n in range(count)))
    (folder / "fine_label_names.txt").write_text("apple\naquarium_fish\nbaby\n")
    return folder


def qmnist_labels(numbers: NDArray[np.integer]) -> bytes:
    """QMNIST's labels: eight integers of 32 bits a record, of which the first is the class."""
    rows = np.zeros((len(numbers), 8), ">i4")
    rows[:, 0], rows[:, 1:] = numbers, 77
    return struct.pack(">3I", 0x0C02, len(numbers), 8) + rows.tobytes()


def emnist_corpus(folder: Path, division: str = "balanced") -> Path:
    """Two pictures that stand for 0 and A: upright, the first row is 1 2 3, the second 4 5 6; stored transposed."""
    folder.mkdir(parents=True, exist_ok=True)
    upright = np.array([[[1, 2, 3], [4, 5, 6], [7, 8, 9]]] * 2, np.uint8)
    stem = folder / f"emnist-{division}-train"
    Path(f"{stem}-images-idx3-ubyte").write_bytes(idx_bytes(upright.transpose(0, 2, 1).copy()))
    Path(f"{stem}-labels-idx1-ubyte").write_bytes(idx_bytes(np.array([0, 10], np.uint8)))
    codes = "".join(f"{n} {48 + n}\n" for n in range(10)) + "10 65 97\n"
    (folder / f"emnist-{division}-mapping.txt").write_text(codes)
    return folder
