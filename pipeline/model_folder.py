"""An exported model: a folder that anyone can load without running code.

model.json            what it is: name, config, conventions of its levels, vocabularies, lineage, figures
weights.safetensors   the numbers
README.md             the card, for people
prosody.*             beside a model that is told of phones: how long they last (`pipeline/prosody/files.py`)
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from models import MODELS, build
from models.autoregressive import Autoregressive
from pipeline.conditions import Conditioning
from pipeline.errors import DatasetError, ModelError
from pipeline.plain_configs import from_plain
from pipeline.shards.plan import digest_of
from pipeline.shards.schema import Conventions, conventions_from
from pipeline.storage import Location

FORMAT = "ancestral-model"
FORMAT_VERSION = 2

MODEL_FILE = "model.json"
WEIGHTS_FILE = "weights.safetensors"
CARD_FILE = "README.md"

MOST_CHARACTERS = 400
"""Of what torch says of weights that do not fit: it names every one of them."""


@dataclass(frozen=True)
class ModelInfo:
    """`model.json`. `digest` names the content: name, config, conventions, vocabularies and weights.

    `prosody_sha256` is of `prosody.json`, "" where there is none. It is no part of the digest: what prosody makes of a
    text stands in the item that is drawn, as if the request had said it.
    """

    name: str
    config: dict[str, Any]
    conventions: Conventions
    conditioning: Conditioning
    weights_sha256: str
    lineage: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    format: str = FORMAT
    format_version: int = FORMAT_VERSION
    prosody_sha256: str = ""

    @property
    def digest(self) -> str:
        """What a generated row is stamped with."""
        return digest_of(
            [self.name, self.config, asdict(self.conventions), asdict(self.conditioning), self.weights_sha256]
        )

    @property
    def condition_dropout(self) -> float:
        """The share of items that it was trained on without their condition; 0 where guidance would mean nothing."""
        return float(self.lineage.get("training", {}).get("condition_dropout", 0))


@dataclass(frozen=True)
class ExportedModel:
    """A model loaded from its folder, in evaluation mode."""

    folder: Location
    info: ModelInfo
    model: Autoregressive


def save_model(
    folder: Location,
    model: Autoregressive,
    info: ModelInfo,
    card: str,
) -> ModelInfo:
    """Write weights, then the card, then `model.json`; returns the info with the weights' checksum filled in."""
    data = safetensors.torch.save(contiguous(model.state_dict()))
    info = ModelInfo(**{**info.__dict__, "weights_sha256": hashlib.sha256(data).hexdigest()})
    (folder / WEIGHTS_FILE).write_bytes(data)
    (folder / CARD_FILE).write_text(card)
    # Keys are not sorted: the order of attributes is the order of the model's embeddings.
    (folder / MODEL_FILE).write_text(json.dumps(asdict(info), indent=1, ensure_ascii=False) + "\n")
    return info


def contiguous(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors on the CPU, in the layout that safetensors takes."""
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def read_model_info(folder: Location) -> ModelInfo:
    """`model.json`, its format and version checked."""
    place = folder / MODEL_FILE
    if not place.is_file():
        raise ModelError(f"{folder} holds no model: {MODEL_FILE} is missing. Train one with `ancestral train`.")
    try:
        data = json.loads(place.read_text())
        check_format(data, str(place))
        conditioning = from_plain(Conditioning, data["conditioning"])
        conventions = conventions_from(data["conventions"], str(place))
        return ModelInfo(**{**data, "conventions": conventions, "conditioning": conditioning})
    except DatasetError as error:
        raise ModelError(str(error)) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{place}: damaged ({error}); export the model again.") from error


def are_whole(folder: Location, info: ModelInfo) -> bool:
    """Whether the weights that `model.json` tells of lie beside it."""
    place = folder / WEIGHTS_FILE
    return place.is_file() and hashlib.sha256(place.read_bytes()).hexdigest() == info.weights_sha256


def check_format(data: Any, where: str) -> None:
    """Refuse what is not ours, and versions that this release does not read."""
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ModelError(f"{where}: expected a page of format {FORMAT!r}; this folder holds no model of ours.")
    if data.get("format_version") != FORMAT_VERSION:
        raise ModelError(
            f"{where}: format version {data.get('format_version')}, this release reads version {FORMAT_VERSION}; "
            "train the model again with this release, into a new folder."
        )
    if data.get("name") not in MODELS:
        raise ModelError(
            f"{where}: a model named {data.get('name')!r}; this release knows {', '.join(sorted(MODELS))}."
        )


def load_model(folder: Location) -> ExportedModel:
    """Build the model that the folder describes and fill in its weights; nothing that is read can run code."""
    info = read_model_info(folder)
    place = folder / WEIGHTS_FILE
    data = place.read_bytes()
    if hashlib.sha256(data).hexdigest() != info.weights_sha256:
        raise ModelError(
            f"{place}: its checksum differs from the one in {MODEL_FILE}; the file is damaged or exchanged."
        )
    try:
        model = build(info.name, from_plain(MODELS[info.name].config, info.config))
        model.load_state_dict(safetensors.torch.load(data))
    except (safetensors.SafetensorError, RuntimeError, ValueError, TypeError, KeyError) as error:
        said = " ".join(str(error).split())  # torch tells each weight on a line of its own
        raise ModelError(
            f"{folder}: weights and config do not fit together: {said[:MOST_CHARACTERS]} One of them was exchanged, or "
            "another release wrote them; train the model again, into a new folder."
        ) from error
    return ExportedModel(folder, info, model.eval())
