"""A checkpoint's tensors as files of safetensors, one for each worker that writes some of them.

`torch.distributed.checkpoint` plans who writes and who reads which part of which tensor: a tensor that is the same on
every worker is written once, one that is spread over them in chunks, and both are read by any number of workers, spread
or not. Its own files hold pickles, which run code when they are read; these hold numbers and JSON.
"""

import hashlib
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.metadata import (
    ChunkStorageMetadata,
    Metadata,
    MetadataIndex,
    TensorProperties,
    TensorStorageMetadata,
)
from torch.distributed.checkpoint.planner import LoadPlan, LoadPlanner, ReadItem, SavePlan, SavePlanner, WriteItem
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save
from torch.distributed.checkpoint.storage import StorageReader, StorageWriter, WriteResult
from torch.futures import Future

from pipeline.errors import ModelError
from pipeline.storage import Location
from pipeline.training.world import World

DTYPES = {str(dtype).removeprefix("torch."): dtype for dtype in (torch.float32, torch.float64, torch.int64)}
"""What the state of a training is made of."""

Places = dict[MetadataIndex, tuple[str, str]]
"""A chunk → its file, and its name within."""


@dataclass(frozen=True)
class Tensors:
    """What a checkpoint's files hold: their checksums, every tensor, and where each chunk of one lies."""

    files: Mapping[str, str]
    tensors: Mapping[str, TensorStorageMetadata]
    places: Places

    def to_plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "files": dict(self.files),
            "tensors": {name: self.tensor_to_plain(name, stored) for name, stored in self.tensors.items()},
        }

    def tensor_to_plain(self, name: str, stored: TensorStorageMetadata) -> dict[str, Any]:
        """One tensor."""
        dtype = str(stored.properties.dtype).removeprefix("torch.")
        chunks = [
            {"offsets": list(chunk.offsets), "shape": list(chunk.sizes), "file": place[0], "name": place[1]}
            for chunk in stored.chunks
            if (place := self.places.get(MetadataIndex(name, chunk.offsets)))
        ]
        return {"dtype": dtype, "shape": list(stored.size), "chunks": chunks}


def tensors_from(data: Mapping[str, Any]) -> Tensors:
    """The inverse of `to_plain`."""
    tensors: dict[str, TensorStorageMetadata] = {}
    places: Places = {}
    for name, stored in data["tensors"].items():
        chunks = [ChunkStorageMetadata(torch.Size(c["offsets"]), torch.Size(c["shape"])) for c in stored["chunks"]]
        properties = TensorProperties(DTYPES[stored["dtype"]])
        tensors[name] = TensorStorageMetadata(properties, torch.Size(stored["shape"]), chunks)
        places |= {MetadataIndex(name, torch.Size(c["offsets"])): (c["file"], c["name"]) for c in stored["chunks"]}
    return Tensors(data["files"], tensors, places)


def save_tensors(
    folder: Location, prefix: str, tensors: Mapping[str, Tensor], world: World, finish: Callable[[Tensors], None]
) -> None:
    """Write tensors to files that begin with `prefix`; every worker calls it, and on rank 0 `finish` once all have."""
    writer = Writer(folder, f"{prefix}-{world.rank:05d}.safetensors", finish)
    with planned(world):
        save(dict(tensors), storage_writer=writer, no_dist=world.size == 1)


def load_tensors(folder: Location, stored: Tensors, into: Mapping[str, Tensor], world: World) -> None:
    """Fill tensors with what files hold; every worker calls it with those that it has, whole or its parts of them."""
    with planned(world):
        load(dict(into), storage_reader=Reader(folder, stored), no_dist=world.size == 1)


@contextmanager
def planned(world: World) -> Iterator[None]:
    """Errors come out as they were raised, whichever worker raised them; one alone is not warned that it is alone."""
    try:
        with warnings.catch_warnings():
            if world.size == 1:
                warnings.simplefilter("ignore", UserWarning)
            yield
    except CheckpointException as failure:
        raise next(error for error, _ in failure.failures.values()) from failure


class Writer(StorageWriter):
    """One worker's file."""

    def __init__(self, folder: Location, name: str, finish: Callable[[Tensors], None]) -> None:
        self.folder, self.name, self.commit = folder, name, finish

    def reset(self, checkpoint_id: Any = None) -> None:  # noqa: D102
        pass

    def set_up_storage_writer(self, is_coordinator: bool, *args: Any, **kwargs: Any) -> None:  # noqa: D102
        pass

    def prepare_local_plan(self, plan: SavePlan) -> SavePlan:  # noqa: D102
        return plan

    def prepare_global_plan(self, plans: list[SavePlan]) -> list[SavePlan]:  # noqa: D102
        return plans

    def write_data(self, plan: SavePlan, planner: SavePlanner) -> Future[list[WriteResult]]:
        """Write the planned chunks that are not empty, all of them in one file."""
        items = {name_of(item.index): item for item in plan.items if not is_empty(item)}
        chunks = {name: planner.resolve_data(item) for name, item in items.items()}
        sha256 = ""
        if chunks:
            data = safetensors.torch.save({name: whole(chunk) for name, chunk in chunks.items()})
            (self.folder / self.name).write_bytes(data)
            sha256 = hashlib.sha256(data).hexdigest()
        results = [WriteResult(item.index, 0, (self.name, sha256, name)) for name, item in items.items()]
        return done(results)

    def finish(self, metadata: Metadata, results: list[list[WriteResult]]) -> None:
        """On rank 0, when every worker has written."""
        written = [result for of_worker in results for result in of_worker]
        files = {result.storage_data[0]: result.storage_data[1] for result in written}
        places = {bare(result.index): (result.storage_data[0], result.storage_data[2]) for result in written}
        tensors: Any = metadata.state_dict_metadata
        self.commit(Tensors(files, tensors, places))

    @classmethod
    def validate_checkpoint_id(cls, checkpoint_id: Any) -> bool:  # noqa: D102
        return True


class Reader(StorageReader):
    """The files of a checkpoint, each read once by each worker that needs something of it."""

    def __init__(self, folder: Location, stored: Tensors) -> None:
        self.folder, self.stored = folder, stored

    def reset(self, checkpoint_id: Any = None) -> None:  # noqa: D102
        pass

    def read_metadata(self, *args: Any, **kwargs: Any) -> Metadata:  # noqa: D102
        return Metadata(dict(self.stored.tensors))

    def set_up_storage_reader(self, metadata: Metadata, is_coordinator: bool, *args: Any, **kwargs: Any) -> None:  # noqa: D102
        pass

    def prepare_local_plan(self, plan: LoadPlan) -> LoadPlan:  # noqa: D102
        return plan

    def prepare_global_plan(self, plans: list[LoadPlan]) -> list[LoadPlan]:  # noqa: D102
        return plans

    def read_data(self, plan: LoadPlan, planner: LoadPlanner) -> Future[None]:
        """Fill what is planned, file by file, so that no more than one of them is in memory."""
        by_file: dict[str, list[tuple[str, ReadItem]]] = defaultdict(list)
        for item in plan.items:
            file, name = self.stored.places[bare(item.storage_index)]
            by_file[file].append((name, item))
        for file, items in by_file.items():
            chunks = read_file(self.folder / file)
            for name, item in items:
                fill(planner, item, chunks[name])
        return done(None)

    @classmethod
    def validate_checkpoint_id(cls, checkpoint_id: Any) -> bool:  # noqa: D102
        return True


def fill(planner: LoadPlanner, item: ReadItem, chunk: Tensor) -> None:
    """Copy the planned part of a chunk to where it belongs."""
    for axis, (start, length) in enumerate(zip(item.storage_offsets, item.lengths, strict=True)):
        chunk = chunk.narrow(axis, start, length)
    target = planner.resolve_tensor(item)
    target.detach().copy_(chunk)
    planner.commit_tensor(item, target)


def read_file(place: Location) -> dict[str, Tensor]:
    """The chunks of a file whose checksum was right."""
    try:
        return dict(safetensors.torch.load(place.read_bytes()))
    except safetensors.SafetensorError as error:
        raise ModelError(f"{place}: this checkpoint is damaged ({error}).") from error


def is_empty(item: WriteItem) -> bool:
    """Whether a worker's part of a tensor has no number: there are more workers than rows."""
    return item.tensor_data is not None and item.tensor_data.chunk.sizes.numel() == 0


def name_of(index: MetadataIndex) -> str:
    """A chunk's name within its file."""
    return f"{index.fqn}@{','.join(str(start) for start in index.offset or ())}"


def bare(index: MetadataIndex) -> MetadataIndex:
    """An index by tensor and offset; a whole tensor begins at 0 on every axis."""
    return MetadataIndex(index.fqn, index.offset)


def whole(chunk: Any) -> Tensor:
    """A chunk as a file holds it."""
    detached: Tensor = chunk.detach().contiguous().cpu()
    return detached


def done(result: Any) -> Future[Any]:
    """A future that has come."""
    future: Future[Any] = Future()
    future.set_result(result)
    return future
