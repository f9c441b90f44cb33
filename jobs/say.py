"""`say`: one text said by a model, in this process: a WAV or FLAC file, and beside it a picture of what was said.

say(model, out, {"text": "Hello.", "speaker": "ann"}, GenerateConfig(), console)

It is the first line of a requests file to `generate`, drawn by the same code: the same levels.
"""

import time
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from rich.console import Console

from jobs.progress import progress
from jobs.progress import say as tell
from pipeline.audio.companding import decode_levels
from pipeline.errors import ConfigError, OccupiedError, RequestError
from pipeline.generation.config import GenerateConfig
from pipeline.generation.drawn_rows import make_rows
from pipeline.generation.plan import PlannedItem, items_of
from pipeline.generation.requests import request_of
from pipeline.generation.target import Target
from pipeline.media import audio_bytes
from pipeline.model_folder import ExportedModel, ModelInfo, load_model, read_model_info
from pipeline.prosody.files import read_prosody
from pipeline.reports.utterance import Uttered, utterance_png
from pipeline.shards.levels import unpack_levels
from pipeline.shards.schema import AudioConventions
from pipeline.storage import Location

Row = dict[str, Any]


def say(model: Location, out: Location, wish: Mapping[str, Any], config: GenerateConfig, console: Console) -> Row:
    """Draw what is wished, a request's keys and values, into `out` and a PNG beside it; both are written over.

    The row as `generate` would write it. ModelError, RequestError (a model that is told no phones; an unknown speaker,
    a text in which nothing can be said), ConfigError (a file name of another kind), OccupiedError (it is a folder).
    """
    torch.set_num_threads(1)  # as the actors of `generate` draw
    ending, info = ending_of(out), read_model_info(model)
    item, conventions = item_of(model, info, wish, config), conventions_of(model, info)
    exported = loaded(model, config)
    started = time.monotonic()
    row = drawn(item, exported, config, console)
    took_s, seconds = time.monotonic() - started, item.num_timesteps / conventions.sample_rate_hz
    picture = Location(out.uri[: -len(ending)] + "png")
    out.write_bytes(audio_bytes(row["levels"], conventions, ending))
    picture.write_bytes(utterance_png(uttered(row, conventions)))
    tell(console, f"{out}: {seconds:.2f} s in {took_s:.2f} s, {seconds / took_s:.2f} × real time; {picture}")
    return row


def ending_of(out: Location) -> Literal["wav", "flac"]:
    """The kind of file that a name asks for."""
    if out.is_folder():
        raise OccupiedError(f"{out} is a folder; expected the name of a file to write, such as hello.wav.")
    stem, _, ending = out.name.lower().rpartition(".")
    if not stem or ending not in ("wav", "flac"):
        raise ConfigError(f"{out}: expected a file name that ends in .wav or .flac, such as hello.wav.")
    return "flac" if ending == "flac" else "wav"


def conventions_of(model: Location, info: ModelInfo) -> AudioConventions:
    """A model's, which must be of waveforms and told of phones."""
    if not isinstance(info.conventions, AudioConventions):
        raise RequestError(f"{model} makes pictures and cannot speak; ask for them with `ancestral generate`.")
    if not info.conditioning.has_local:
        raise RequestError(
            f"{model} is told no phones, so nothing can be said by it: train a model with --set "
            "'training.condition_on=[speaker, phones]', or draw from this one with `ancestral generate`."
        )
    return info.conventions


def item_of(model: Location, info: ModelInfo, wish: Mapping[str, Any], config: GenerateConfig) -> PlannedItem:
    """The one item that is wished for."""
    conventions, prosody = conventions_of(model, info), read_prosody(model, info.prosody_sha256)
    target = Target(conventions, info.conditioning, config.max_timesteps, info.condition_dropout, prosody=prosody)
    return next(items_of(request_of(wish, 1, target, "say")))


def loaded(model: Location, config: GenerateConfig) -> ExportedModel:
    """The model on the device that it is to draw on."""
    if config.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device is cuda and this machine has no GPU that torch can use; leave it out.")
    exported = load_model(model)
    exported.model.to(config.device)
    return exported


def drawn(item: PlannedItem, exported: ExportedModel, config: GenerateConfig, console: Console) -> Row:
    """The item as a row."""
    with progress(console, "say", item.num_timesteps) as view:
        rows, _ = make_rows([item], exported, config, view.update)
    return rows[0]


def uttered(row: Row, conventions: AudioConventions) -> Uttered:
    """A row as it is drawn."""
    rate_hz, levels = conventions.sample_rate_hz, unpack_levels(row["levels"], conventions.num_levels)
    return Uttered(
        decode_levels(levels, conventions.num_levels, conventions.companding),
        rate_hz,
        row["phone"],
        (np.array(row["phone_start"]) / rate_hz).tolist(),
        (np.array(row["phone_end"]) / rate_hz).tolist(),
        row.get("log_f0", ()),
        row.get("voiced", ()),
        conventions.features.frame_period_s,
    )
