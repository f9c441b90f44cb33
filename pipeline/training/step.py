"""One step of the optimiser, on a loss that does not depend on how a global batch is dealt out."""

import math
from contextlib import nullcontext
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from models import build
from models.autoregressive import Autoregressive
from models.layers.dropout import set_dropout_keys
from pipeline.batches import Batch
from pipeline.training.config import TrainingConfig
from pipeline.training.parts import Part
from pipeline.training.precision import WEIGHTS, products_in
from pipeline.training.schedule import learning_rate
from pipeline.training.world import Alone, World


class Learner:
    """What training changes: the model, the running average of its weights, the optimiser.

    No model here takes random numbers from a stream while it is trained: the masks of dropout, and whose condition is
    dropped, come with the batch (`chance.py`). So the weights depend on the seed, the batches and nothing else: on a
    CPU to the bit, on a GPU to rounding, since torch is left to choose kernels whose order of sums is not fixed.
    """

    def __init__(self, name: str, model_config: object, config: TrainingConfig, device: torch.device) -> None:
        self.config = config
        with torch.random.fork_rng():
            torch.manual_seed(config.seed)
            self.model = build(name, model_config)
        self.model.to(device, WEIGHTS[config.precision]).train()
        self.average = deepcopy(self.model).eval().requires_grad_(False)
        self.optimiser = make_optimiser(self.model, config)

    def shard(self, world: World) -> None:
        """Spread what is whole until now over the workers: weights, their average and the optimiser's state."""
        if world.shard(self.model, trained=True):
            world.shard(self.average, trained=False)
            self.optimiser = make_optimiser(self.model, self.config)

    def restart_average(self) -> None:
        """Let the average begin at the weights of now."""
        self.average.load_state_dict(self.model.state_dict())

    def update(self, step: int) -> float:
        """Change the weights by their gradients; returns the norm of these, and changes nothing if it is not finite."""
        norm = whole_norm(nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_gradient_norm))
        if math.isfinite(norm):
            for group in self.optimiser.param_groups:
                group["lr"] = learning_rate(self.config, step)
            self.optimiser.step()
            move_average(self.average, self.model, average_decay(self.config.ema_decay, step))
        self.optimiser.zero_grad(set_to_none=True)
        return norm


def whole_norm(norm: Tensor) -> float:
    """A norm of gradients as a number, the same on every worker."""
    return float(norm.full_tensor() if isinstance(norm, DTensor) else norm)


def make_optimiser(model: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """The optimiser that the config names, otherwise as torch has it; weights decay apart from the gradient (AdamW).

    Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019. What a mask hides decays too, unseen. Adam's
    update is one call (`fused`), which takes it for granted that a weight, its gradient and its state lie alike.
    """
    if config.optimiser == "rmsprop":
        return torch.optim.RMSprop(model.parameters(), lr=config.learning_rate)
    if not config.weight_decay:
        return torch.optim.Adam(model.parameters(), lr=config.learning_rate, betas=config.adam_betas, fused=True)
    decaying = {id(weight) for weight in weights_of_products(model)}
    groups = [
        {"params": [p for p in model.parameters() if id(p) in decaying], "weight_decay": config.weight_decay},
        {"params": [p for p in model.parameters() if id(p) not in decaying], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=config.adam_betas, fused=True)


def weights_of_products(model: nn.Module) -> list[nn.Parameter]:
    """What inputs are multiplied by: no biases, no gains, no embeddings, which are looked up."""
    looked_up = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    return [weight for weight in model.parameters() if weight.ndim >= 2 and id(weight) not in looked_up]


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


def sum_nats(model: Autoregressive, network: nn.Module, batch: Batch, precision: str = "float32") -> Tensor:
    """The nats of all levels that count, as one float64 number. `network` is the model as `World.wrap` gave it.

    The likelihood is taken in the weights' precision, whatever the products were made in.
    """
    set_dropout_keys(model, batch.dropout_keys)
    with products_in(precision, batch.x.device):
        parameters = network(batch.x, batch.condition)
    nll = model.distribution.nll_nats(parameters, batch.x)
    return torch.where(batch.scored, nll, 0.0).sum(dtype=torch.float64)


def backward(
    model: Autoregressive, network: nn.Module, part: Part, precision: str = "float32", world: World | None = None
) -> float:
    """Gradients of this worker's part of the loss, added up batch by batch; returns the nats of the part.

    The loss is nats over the levels of the whole global batch. Gradients are averaged over the workers, so each
    worker's part is scaled by their number: the mean of the parts is the loss, however they were dealt out. They are
    shared once, with the last batch.
    """
    world = world or Alone()
    total = 0.0
    for number, batch in enumerate(part.batches, start=1):
        is_last = number == len(part.batches)
        with nullcontext() if is_last else world.unshared(network):
            nats = sum_nats(model, network, on_device(batch, world.device), precision)
            torch.autograd.backward(nats * (world.size / part.num_levels))
        total += float(nats.detach())
    return total


def on_device(batch: Batch, device: torch.device) -> Batch:
    """The batch where the model is; what lies in pinned memory goes there while the device works."""

    def there(tensor: Any) -> Any:
        return tensor.to(device, non_blocking=True)

    condition = batch.condition.to(device) if batch.condition else None
    keys = None if batch.dropout_keys is None else there(batch.dropout_keys)
    return Batch(there(batch.x), there(batch.scored), condition, keys)
