"""What each sound is like: three states in a row, each a mixture of diagonal Gaussians over features.

Units are sounds (`phone_classes.units_of`). The first three are always there: silence, and two for sounds that training
has not heard often enough, one Gaussian a state that all vowels, or all consonants, share.

Axes: N state of the model (3 a unit), U unit, M mixture component, D feature, F frame.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from pipeline.errors import ModelError
from pipeline.speech.alignment.features import Features
from pipeline.speech.alignment.graph import STATES, Graph
from pipeline.speech.alignment.phone_classes import is_vowel
from pipeline.speech.spans import SILENCE

Array = NDArray[np.float64]

FORMAT = "ancestral-aligner"
FORMAT_VERSION = 1

ANY_VOWEL, ANY_CONSONANT = "<vowel>", "<consonant>"
ALWAYS_THERE = (SILENCE, ANY_VOWEL, ANY_CONSONANT)

TENSORS = ("log_weights", "means", "variances", "floor", "log_durations", "fit")

FRAMES_AT_ONCE = 4096


@dataclass(frozen=True)
class AcousticModel:
    """Mixtures by state: log weights [N, M] (-inf for a component that is not there), means and variances [N, M, D].

    `floor` [D] is the least variance; 0 in a blank model, which has heard nothing.
    `log_durations` [U, 2] are mean and deviation of the logarithm of a unit's duration in frames, `fit` [2] those of
    an utterance's fit (`align.Alignment`): what is usual in the speech that the model was trained on.
    """

    units: tuple[str, ...]
    log_weights: Array
    means: Array
    variances: Array
    floor: Array
    log_durations: Array
    fit: Array

    @property
    def is_blank(self) -> bool:
        """Whether the model has heard nothing yet."""
        return not self.floor.any()

    @cached_property
    def number(self) -> dict[str, int]:
        """Unit → its number."""
        return {unit: number for number, unit in enumerate(self.units)}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything in it."""
        return hashlib.sha256(model_bytes(self)).hexdigest()

    def unit_number(self, unit: str) -> int:
        """The number of the unit that scores a sound: its own, or that of all vowels or all consonants."""
        return self.number.get(unit, self.number[ANY_VOWEL if is_vowel(unit) else ANY_CONSONANT])

    def rows(self, graph: Graph) -> NDArray[np.intp]:
        """[S] the state of the model that scores each state of a chain."""
        first = STATES * np.array([self.unit_number(unit) for unit in graph.units], np.intp)
        return (first[:, None] + np.arange(STATES)).ravel()

    @cached_property
    def parabolas(self) -> tuple[Array, Array]:
        """Each component's log density as weights [N x M, 2 D] of a frame and its squares, and a constant [N x M]."""
        precisions = 1 / self.variances
        weights = np.concatenate([self.means * precisions, -0.5 * precisions], axis=-1)
        volumes = np.log(2 * np.pi * self.variances) + np.square(self.means) * precisions
        constants = self.log_weights - 0.5 * volumes.sum(axis=-1)
        return weights.reshape(-1, weights.shape[-1]), constants.ravel()

    def state_scores(self, features: Features) -> Array:
        """[F, N]: log likelihood of each frame in each state, in nats."""
        starts = range(0, len(features), FRAMES_AT_ONCE)
        blocks = [self.block_scores(features[start : start + FRAMES_AT_ONCE]) for start in starts]
        return np.concatenate([np.zeros((0, len(self.means))), *blocks])

    def block_scores(self, features: Features) -> Array:
        """The same of frames whose components stand in memory together."""
        weights, constants = self.parabolas
        x = features.astype(np.float64)
        components = np.concatenate([x, np.square(x)], axis=1) @ weights.T
        components += constants
        return log_sum(components.reshape(len(x), *self.log_weights.shape))


def log_sum(components: Array) -> Array:
    """Logarithm of the sum of exponentials over the last axis; at least one component is finite."""
    highest: Array = components.max(axis=-1)
    if components.shape[-1] == 1:
        return highest
    summed: Array = highest + np.log(np.exp(components - highest[..., None]).sum(axis=-1))
    return summed


def blank_model(units: Sequence[str], num_features: int) -> AcousticModel:
    """A model of these units that has heard nothing: it is trained from a first guess of where they sound."""
    names = (*ALWAYS_THERE, *sorted(set(units) - set(ALWAYS_THERE)))
    shape = (STATES * len(names), 1, num_features)
    return AcousticModel(
        units=names,
        log_weights=np.zeros(shape[:2]),
        means=np.zeros(shape),
        variances=np.ones(shape),
        floor=np.zeros(num_features),
        log_durations=np.zeros((len(names), 2)),
        fit=np.zeros(2),
    )


def model_bytes(model: AcousticModel) -> bytes:
    """The model as a safetensors file; equal models give equal bytes."""
    page = {"format": FORMAT, "format_version": FORMAT_VERSION, "units": model.units}
    # One key: more of them would stand in the file in whatever order the library's hash map has that day.
    metadata = {"model": json.dumps(page, ensure_ascii=False)}
    return safetensors.numpy.save({name: getattr(model, name) for name in TENSORS}, metadata)


def model_from(data: bytes, where: str = "the aligner's model") -> AcousticModel:
    """The model that `model_bytes` wrote; ModelError where it is damaged or of another kind."""
    try:
        page = metadata_of(data)
        tensors = safetensors.numpy.load(data)
        if page["format"] != FORMAT or page["format_version"] != FORMAT_VERSION:
            raise ValueError(f"expected {FORMAT} of version {FORMAT_VERSION}")
        model = AcousticModel(tuple(page["units"]), **{name: tensors[name] for name in TENSORS})
        check_shapes(model)
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{where}: no aligner of this release ({error}); remove it, and it is trained again."
        ) from error
    return model


def metadata_of(data: bytes) -> dict[str, Any]:
    """The page in the header, which the library reads from files alone: 8 bytes of length, then JSON."""
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    page = json.loads(header["__metadata__"]["model"])
    return dict(page)


def check_shapes(model: AcousticModel) -> None:
    """Every tensor must have the axes that the others and the units give it."""
    num_states, num_units = STATES * len(model.units), len(model.units)
    components, features = model.means.shape[1:]
    shapes = {
        "log_weights": (num_states, components),
        "means": (num_states, components, features),
        "variances": (num_states, components, features),
        "floor": (features,),
        "log_durations": (num_units, 2),
        "fit": (2,),
    }
    for name, shape in shapes.items():
        if getattr(model, name).shape != shape or getattr(model, name).dtype != np.float64:
            raise ValueError(f"{name}: expected float64 of {shape}, got {getattr(model, name).shape}")
    if model.units[: len(ALWAYS_THERE)] != ALWAYS_THERE:
        raise ValueError(f"units: expected {ALWAYS_THERE} first, got {model.units[: len(ALWAYS_THERE)]}")
