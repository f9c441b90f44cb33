"""The races are fair: one way to score, as many weights, as many CPU seconds; the peers are causal and they learn."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks.quality import choices, race
from benchmarks.quality.audio import PEER_SHAPE
from benchmarks.quality.choices import SUBJECTS, Subject, Variant, bits_of, variants
from benchmarks.quality.data import Material
from benchmarks.quality.images import CORPORA, ENTRANTS
from benchmarks.quality.peer_pictures import PlainGatedPixelCNN, PlainPixelCNN
from benchmarks.quality.race import Case, Course, check_sizes, table
from benchmarks.quality.racers import LentLearner, Ours, Peer, PeerNetwork, PublishedTraining, bits_by, ours
from models import build
from models.gated_pixelcnn import GatedPixelCNNConfig
from pipeline.preparation.config import PrepareConfig
from pipeline.training.config import TrainingConfig
from tests.pipeline.training.datasets import audio_dataset, image_dataset

TRAINING = TrainingConfig(learning_rate=0.01, warm_up_steps=2)
PUBLISHED = PublishedTraining(lambda parameters: torch.optim.Adam(parameters, lr=0.01))


@pytest.fixture
def pictures(tmp_path: Path) -> Material:
    return Material(image_dataset(tmp_path / "images"), batch_size=5, num_held_out=4)


def both(seed: int) -> list[Any]:
    """A gated PixelCNN of ours and a plain one of as many weights."""
    torch.manual_seed(seed)
    config = GatedPixelCNNConfig(4, 1, 6, 2, 8)
    plain = [PlainGatedPixelCNN(4, 1, 6, 8, 2) for _ in range(2)]
    return [
        ours("ours", "gated_pixelcnn", config, replace(TRAINING, seed=seed)),
        Peer("plain", plain[0], PUBLISHED),
        Ours("lent", LentLearner(plain[1], TRAINING), role="peer"),
    ]


def changed_by(peer: PeerNetwork, x: Tensor, ordered: Callable[[Tensor], Tensor]) -> Iterator[tuple[int, Tensor]]:
    """For every position in drawing order, [N] bool: whose logits change with the level there."""
    before = ordered(peer(x))
    for position, place in enumerate(ordered(torch.arange(x.numel()).view_as(x))[0].tolist()):
        other = x.flatten().clone()
        other[place] = (other[place] + 1) % 4
        yield position, (ordered(peer(other.view_as(x))) - before).abs().amax((0, 2)) > 1e-12


@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("network", [PlainPixelCNN, PlainGatedPixelCNN])
def test_the_picture_peers_see_all_that_is_before_and_nothing_else(network: Any, colours: int) -> None:
    torch.manual_seed(0)
    x = torch.randint(4, (1, colours, 3, 4))
    for position, changed in changed_by(
        network(4, colours, 24, 30, 2).double(), x, lambda it: it.movedim(1, 3).flatten(1, 3)
    ):
        assert not changed[: position + 1].any()
        assert changed[position + 1 : position + 2].all()


def test_the_audio_peer_sees_as_far_as_it_says() -> None:
    pytest.importorskip("wavenet_vocoder", reason="needs the bench extra")
    from benchmarks.quality.peer_wavenet import VocoderNetwork

    torch.manual_seed(0)
    peer = VocoderNetwork(4, 4, 4, 2).double().eval()
    x = torch.randint(4, (1, peer.receptive_field + 4))
    for position, changed in changed_by(peer, x, lambda it: it):
        after = changed[position + 1 :]
        assert not changed[: position + 1].any()
        assert after[: peer.receptive_field].any() == bool(len(after))
        assert not after[peer.receptive_field :].any()
    assert VocoderNetwork(256, *PEER_SHAPE).receptive_field == 509


def test_everybody_spends_the_same_and_is_scored_alike(pictures: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10**6))
    monkeypatch.setattr(race, "time", SimpleNamespace(process_time=lambda: float(next(clock))))
    told: list[str] = []
    figures = Case("tiny", "bits/dim", pictures, both).run([0, 1], 12, told.append)
    assert [line.split(":")[0] for line in told] == ["  seed 0", "  seed 1"]
    assert [one.role for one in figures] == ["ours", "peer", "peer"]
    assert {one.cpu_s for one in figures} == {12}
    assert {one.num_steps for one in figures} == {12}
    assert all(len(one.bits) == 2 and 0.5 < one.median_bits < 2.2 for one in figures)
    assert figures[0].median_less_ours == 0
    assert figures[1].median_less_ours == pytest.approx(figures[1].median_bits - figures[0].median_bits, abs=2e-4)
    assert len(table(figures).splitlines()) == 5


def test_turns_are_short_and_end_with_the_budget(pictures: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10**6))
    monkeypatch.setattr(race, "time", SimpleNamespace(process_time=lambda: float(next(clock))))
    shares: list[float] = []
    racer: Any = SimpleNamespace(learn=lambda batch, share_done: shares.append(share_done))
    course = Course(racer, pictures.batches(0))
    for spent in (3, 6, 7, 7):
        course.run(budget_s=7, slice_s=3)
        assert course.spent_s == spent
    assert shares == [step / 7 for step in range(7)]


def test_a_peer_of_another_size_is_found() -> None:
    racers = both(0)
    check_sizes(racers)
    racers[1] = Peer("large", PlainGatedPixelCNN(4, 1, 7, 8, 2), PUBLISHED)
    with pytest.raises(
        AssertionError, match=r"large has 1,906 parameters, \+30.5 per cent of our 1,460; expected 2 at"
    ):
        check_sizes(racers)


@pytest.mark.parametrize("entrants", ENTRANTS.values())
@pytest.mark.parametrize("pictures", CORPORA, ids=["mnist", "cifar"])
def test_the_picture_races_are_between_equals(pictures: Any, entrants: Any) -> None:
    colours = 3 if pictures.corpus == "cifar10-png" else 1
    racers = entrants((pictures.image.num_levels, colours), pictures, 0)
    check_sizes(racers)
    assert len({racer.name for racer in racers}) == 4


def test_a_peer_is_scored_by_the_better_of_its_weights(pictures: Material) -> None:
    averaged = replace(PUBLISHED, average="exponential", average_decay=1.0)
    torch.manual_seed(0)
    peer = Peer("plain", PlainPixelCNN(4, 1, 6, 8, 2), averaged)
    start = bits_by(peer.network, pictures.held_out)
    assert peer.bits(pictures.held_out) == start
    for _, batch in zip(range(20), pictures.batches(0), strict=False):
        peer.learn(batch, 0.5)
    assert bits_by(peer.average, pictures.held_out) == start
    assert peer.bits(pictures.held_out) == bits_by(peer.network, pictures.held_out) < start - 0.2


def test_what_is_not_scored_does_not_count(tmp_path: Path) -> None:
    material = Material(audio_dataset(tmp_path / "audio"), 3, 2, window=40, receptive_field=8)
    batch = material.held_out[0]
    assert not batch.scored.all()
    # A bit for what is scored, a hundred nats for what is not.
    nats = torch.where(batch.scored, math.log(2), 100.0)
    stub: Any = lambda x: x  # noqa: E731
    stub.distribution = SimpleNamespace(nll_nats=lambda parameters, x: nats)
    assert bits_by(stub, [batch]) == pytest.approx(1)


def test_the_cosine_ends_with_the_time(pictures: Material) -> None:
    racer = both(0)[0]
    rates = []
    for step, batch in zip(range(40), pictures.batches(0), strict=False):
        racer.learn(batch, step / 40)
        rates.append(racer.learner.optimiser.param_groups[0]["lr"])
    assert max(rates) == pytest.approx(TRAINING.learning_rate, rel=0.05)
    assert rates[-1] == pytest.approx(TRAINING.learning_rate * TRAINING.final_share, rel=0.1)


@pytest.mark.parametrize("name", SUBJECTS)
def test_every_variant_is_one(name: str) -> None:
    subject = SUBJECTS[name]
    torch.manual_seed(0)
    before = build(subject.model, subject.config)
    for variant in variants(subject):
        if variant.start:
            torch.manual_seed(0)
            model = build(subject.model, subject.config)
            variant.start(model)
            changed = [
                not torch.equal(one, other) for one, other in zip(model.parameters(), before.parameters(), strict=True)
            ]
            assert any(changed), variant.name


def test_variants_begin_alike_and_the_same_command_gives_the_same(pictures: Material) -> None:
    subject = Subject("gated_pixelcnn", "", PrepareConfig(), GatedPixelCNNConfig(4, 1, 6, 2, 8), {}, 5, 4)
    settings = {f"{it.group}: {it.name}": it for it in choices.settings()}
    plain, halved = Variant("start", "as it is"), settings["schedule: halved three times"]
    bits = [bits_of(subject, pictures, variant, TRAINING, 12) for variant in (plain, plain, halved)]
    assert bits[0] == bits[1]
    assert bits[2] != bits[0]
