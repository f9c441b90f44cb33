"""One step of the optimiser, on a loss that does not depend on how a global batch is dealt out."""

import math
from collections.abc import Iterable
from copy import deepcopy

import torch
from torch import Tensor, nn

from models import build
from models.autoregressive import Autoregressive
from models.layers.dropout import set_dropout_keys
from pipeline.batches import Batch
from pipeline.training.config import TrainingConfig
from pipeline.training.schedule import learning_rate

PRECISIONS = {"float32": torch.float32, "float64": torch.float64, "bfloat16": torch.float32}


class Learner:
    """What training changes: the model, the running average of its weights, the optimiser.

    No model here takes random numbers from a stream while it is trained: the masks of dropout, and whose condition is
    dropped, come with the batch (`chance.py`). So the weights depend on the seed, the batches and nothing else.
    """

    def __init__(self, name: str, model_config: object, config: TrainingConfig, device: torch.device) -> None:
        self.config = config
        with torch.random.fork_rng():
            torch.manual_seed(config.seed)
            self.model = build(name, model_config)
        self.model.to(device, PRECISIONS[config.precision]).train()
        self.average = deepcopy(self.model).eval().requires_grad_(False)
        self.optimiser = make_optimiser(self.model.parameters(), config)

    def restart_average(self) -> None:
        """Let the average begin at the weights of now."""
        self.average.load_state_dict(self.model.state_dict())

    def update(self, step: int) -> float:
        """Change the weights by their gradients; returns the norm of these, and changes nothing if it is not finite."""
        norm = float(nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_gradient_norm))
        if math.isfinite(norm):
            for group in self.optimiser.param_groups:
                group["lr"] = learning_rate(self.config, step)
            self.optimiser.step()
            move_average(self.average, self.model, average_decay(self.config.ema_decay, step))
        self.optimiser.zero_grad(set_to_none=True)
        return norm


def make_optimiser(parameters: Iterable[nn.Parameter], config: TrainingConfig) -> torch.optim.Optimizer:
    """The optimiser that the config names, otherwise as torch has it."""
    if config.optimiser == "rmsprop":
        return torch.optim.RMSprop(parameters, lr=config.learning_rate)
    return torch.optim.Adam(parameters, lr=config.learning_rate, betas=config.adam_betas)


def average_decay(decay: float, step: int) -> float:
    """The share of the average that is kept at a step: at first less, so that the random start is soon forgotten."""
    return min(decay, (1 + step) / (10 + step))


@torch.no_grad()
def move_average(average: nn.Module, model: nn.Module, decay: float) -> None:
    """Move the averaged weights towards those of the model; what is no weight is copied."""
    for slow, fast in zip(average.parameters(), model.parameters(), strict=True):
        slow.lerp_(fast, 1 - decay)
    for kept, now in zip(average.buffers(), model.buffers(), strict=True):
        kept.copy_(now)


def sum_nats(model: Autoregressive, network: nn.Module, batch: Batch) -> Tensor:
    """The nats of all levels that count, as one float64 number. `network` is the model as `World.wrap` gave it."""
    set_dropout_keys(model, batch.dropout_keys)
    nll = model.distribution.nll_nats(network(batch.x, batch.condition), batch.x)
    return torch.where(batch.scored, nll, 0.0).sum(dtype=torch.float64)


def backward(model: Autoregressive, network: nn.Module, batch: Batch, num_levels: int, world_size: int) -> float:
    """Gradients of this worker's part of the loss; returns the nats of the part.

    The loss is nats over the levels of the whole global batch, `num_levels`. Gradients are averaged over the workers,
    so each worker's part is scaled by their number: the mean of the parts is the loss, however they were dealt out.
    """
    nats = sum_nats(model, network, batch)
    torch.autograd.backward(nats * (world_size / num_levels))
    return float(nats.detach())


def on_device(batch: Batch, device: torch.device) -> Batch:
    """The batch where the model is."""
    condition = batch.condition.to(device) if batch.condition else None
    keys = None if batch.dropout_keys is None else batch.dropout_keys.to(device)
    return Batch(batch.x.to(device), batch.scored.to(device), condition, keys)
