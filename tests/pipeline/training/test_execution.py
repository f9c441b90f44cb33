"""How the work is done changes nothing of what comes out: parts, recomputation, prefetch; bfloat16 changes little."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import Tensor

from models import build
from models.autoregressive import Autoregressive
from models.pixelcnn_pp import PixelCNNPPConfig
from pipeline.errors import ConfigError
from pipeline.shards.dataset import Dataset
from pipeline.storage import Location
from pipeline.training.execution import ExecutionConfig
from pipeline.training.loop import Run, run
from pipeline.training.network import network_of, recompute_units
from pipeline.training.plan import RunPlan, make_plan
from pipeline.training.step import backward
from pipeline.training.world import Alone
from tests.models.tiny import EACH_ONCE, tiny_condition, tiny_levels, tiny_model
from tests.pipeline.training.datasets import audio_dataset, image_dataset
from tests.pipeline.training.runs import TRAINING, Played, Watcher, figures, small_plan


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return audio_dataset(tmp_path_factory.mktemp("data") / "audio")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return image_dataset(tmp_path_factory.mktemp("data") / "pictures")


def dropout_plan(pictures: Dataset, out: Path) -> RunPlan:
    """PixelCNN++ with dropout and dropped conditions: all that training leaves to chance."""
    config = replace(TRAINING, condition_on=("label",), condition_dropout=0.5, batch_size=5)
    model = {"name": "pixelcnn_pp", "filters": 3, "num_resnets": 1, "num_resolutions": 1, "num_components": 2}
    return make_plan(pictures, Location(str(out)), model, config)


def gradients(plan: RunPlan, dataset: Dataset, execution: ExecutionConfig, size: int = 1) -> dict[str, Tensor]:
    """Those of one step of a few workers, played one after the other."""
    runner = Run(replace(plan, execution=execution), dataset, Alone(), Watcher())
    runner.initialise()
    model = runner.learner.model
    network = network_of(model, execution, Alone())
    for rank in range(size):
        backward(model, network, runner.supply.part(1, rank, size), plan.training.precision, Played(rank, size))
    return {name: weight.grad / size for name, weight in model.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("num_parts", [2, 3, 9])
def test_parts_add_up_to_the_gradient_of_the_whole(
    pictures: Dataset, tmp_path: Path, num_parts: int, size: int
) -> None:
    plan = dropout_plan(pictures, tmp_path)
    whole = gradients(plan, pictures, ExecutionConfig())
    parts = gradients(plan, pictures, ExecutionConfig(num_parts=num_parts), size)
    assert parts.keys() == whole.keys()
    for name, gradient in whole.items():
        torch.testing.assert_close(parts[name], gradient, rtol=1e-9, atol=1e-12)


def test_every_rank_works_through_equally_many_parts(pictures: Dataset, tmp_path: Path) -> None:
    """Where weights are spread, a part is something that all of them do together."""
    plan = replace(dropout_plan(pictures, tmp_path), execution=ExecutionConfig(num_parts=2))
    supply = Run(plan, pictures, Alone(), Watcher()).supply
    for size in (1, 2, 3, 4, 7):
        parts = [supply.part(0, rank, size) for rank in range(size)]
        assert len({len(part.batches) for part in parts}) == 1
        assert sum(batch.num_scored for part in parts for batch in part.batches) == parts[0].num_levels


@pytest.mark.parametrize("precision", ["float64", "bfloat16"])
@pytest.mark.parametrize("audio", [True, False])
def test_recomputed_activations_give_the_same_gradients_to_the_bit(
    dataset: Dataset, pictures: Dataset, tmp_path: Path, audio: bool, precision: Literal["float64", "bfloat16"]
) -> None:
    plan, data = (small_plan(dataset, tmp_path), dataset) if audio else (dropout_plan(pictures, tmp_path), pictures)
    plan = replace(plan, training=replace(plan.training, precision=precision))
    kept, again = (gradients(plan, data, ExecutionConfig(recompute_activations=on)) for on in (False, True))
    assert kept.keys() == again.keys()
    assert all(torch.equal(kept[name], again[name]) for name in kept)


def test_recomputation_keeps_less_and_leaves_names_alone() -> None:
    """What autograd keeps for the gradient, in numbers."""
    model = build("pixelcnn_pp", PixelCNNPPConfig(16, 1, filters=8, num_resnets=2, num_resolutions=1)).eval()
    x, names = torch.randint(0, 16, (2, 1, 8, 8)), list(model.state_dict())

    def kept() -> int:
        sizes: dict[int, int] = {}

        def keep(tensor: Tensor) -> Tensor:
            sizes[tensor.data_ptr()] = tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            model.nll_nats(x)
        return sum(sizes.values())

    before = kept()
    recompute_units(model)
    assert kept() < 0.5 * before
    assert list(model.state_dict()) == names


@pytest.mark.parametrize(
    "execution",
    [ExecutionConfig(prefetch=0), ExecutionConfig(num_parts=2), ExecutionConfig(recompute_activations=True)],
    ids=["made when asked for", "parts", "recomputed"],
)
def test_a_run_goes_on_with_another_execution_to_the_same_losses(
    dataset: Dataset, tmp_path: Path, execution: ExecutionConfig
) -> None:
    straight = small_plan(dataset, tmp_path / "straight")
    assert run(straight)
    broken = small_plan(dataset, tmp_path / "broken")
    assert not run(broken, observer=Watcher(4))
    assert run(replace(broken, execution=execution))
    lines = [figures(Path(str(plan.out))) for plan in (straight, broken)]
    assert [line[0] for line in lines[1]] == [line[0] for line in lines[0]]
    for one, other in zip(*lines, strict=True):
        assert other[1] == pytest.approx(one[1], rel=1e-10)


@pytest.mark.parametrize(("name", "kind"), EACH_ONCE)
def test_parameters_under_autocast_are_near_those_of_full_precision(name: str, kind: str) -> None:
    model = tiny_model(name, kind).float()
    x = tiny_levels(name)
    condition = tiny_condition(kind, size=(x.shape[-2], x.shape[-1]))
    if condition:
        condition = condition.each(lambda value: value.float() if value.is_floating_point() else value)
    with torch.no_grad():
        full = model.nll_nats(x, condition)
        with torch.autocast("cpu", torch.bfloat16):
            parameters = model(x, condition)
    rough = model.distribution.nll_nats(parameters.float(), x)
    assert torch.isfinite(rough).all()
    assert float((rough - full).abs().mean()) < 0.1 * float(full.abs().mean())


def test_bfloat16_is_for_products_alone_and_its_curve_stays_near(dataset: Dataset, tmp_path: Path) -> None:
    curves = {}
    for precision in ("float32", "bfloat16"):
        plan = small_plan(dataset, tmp_path / precision, precision=precision, num_steps=20)
        assert run(plan)
        curves[precision] = [line[1] for line in figures(tmp_path / precision)]
    assert curves["bfloat16"] != curves["float32"]
    assert curves["bfloat16"] == pytest.approx(curves["float32"], rel=0.02)
    runner = Run(small_plan(dataset, tmp_path / "looked at", precision="bfloat16"), dataset, Alone(), Watcher())
    seen = products_of(runner.learner.model)
    backward(runner.learner.model, runner.learner.model, runner.supply.part(0, 0, 1), "bfloat16")
    assert seen == {torch.bfloat16}
    assert {weight.dtype for weight in runner.learner.model.parameters()} == {torch.float32}
    assert {weight.grad.dtype for weight in runner.learner.model.parameters() if weight.grad is not None} == {
        torch.float32
    }


def products_of(model: Autoregressive) -> set[torch.dtype]:
    """The dtypes of what the gated layers' products give, filled as they are called."""
    seen: set[torch.dtype] = set()

    def note(_: Any, __: Any, output: Any) -> None:
        seen.add(output.dtype)

    for module in model.modules():
        if isinstance(module, torch.nn.Linear):
            module.register_forward_hook(note)
    return seen


def test_without_a_compiler_it_is_said(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    plan = replace(small_plan(dataset, tmp_path / "out"), execution=ExecutionConfig(compile=True))
    with pytest.raises(
        ConfigError, match=r"execution.compile needs a C\+\+ .* no g\+\+ on the path; .* leave execution.compile off"
    ):
        run(plan)


# Torch's own: it makes an instance of a function whose gradient is written out, to look at it.
@pytest.mark.filterwarnings("ignore:<class 'torch.autograd.function.Function'> should not be:DeprecationWarning")
def test_a_compiled_network_takes_the_same_steps(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Traced and differentiated as for a compiler, and run without one, which would take a minute."""
    compile_: Callable[..., Any] = Autoregressive.compile
    called: list[Autoregressive] = []

    def traced(model: Autoregressive) -> None:
        called.append(model)
        compile_(model, backend="aot_eager")

    monkeypatch.setattr(Autoregressive, "compile", traced)
    plain = small_plan(dataset, tmp_path / "plain", num_steps=4)
    assert run(plain)
    compiled = replace(plain, out=Location(str(tmp_path / "compiled")), execution=ExecutionConfig(compile=True))
    assert run(compiled)
    assert len(called) == 1
    lines = [[line[1] for line in figures(tmp_path / name)] for name in ("plain", "compiled")]
    assert lines[1] == pytest.approx(lines[0], rel=1e-9)


def test_settings_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="num_parts must be at least 1 and prefetch at least 0, got 0 and 2"):
        ExecutionConfig(num_parts=0)
    with pytest.raises(ValueError, match="got 1 and -1"):
        ExecutionConfig(prefetch=-1)
