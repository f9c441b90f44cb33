"""What a worker makes anew, and what it lets stand."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.guarding.guard import Guard, LimitsConfig
from pipeline.preparation.config import PrepareConfig, SpeechConfig
from pipeline.preparation.make import Made, make_shard
from pipeline.preparation.plan import shard_plans, survey
from pipeline.storage import locate
from tests.corpus_builders import write_wav


@pytest.fixture
def guard() -> Iterator[Guard]:
    guard = Guard()
    yield guard
    guard.close()


def make(corpus: Path, guard: Guard, item_s: float) -> Made:
    config = PrepareConfig(layout="fsdd", speech=SpeechConfig(phones="off"), limits=LimitsConfig(item_s=item_s))
    found = survey(locate(str(corpus)), config)
    (plan,) = shard_plans(found, config)
    return make_shard(locate(str(corpus.with_name("out"))), plan, config, found.conventions, guard)


def test_what_was_given_up_is_tried_again_under_other_limits_alone(tmp_path: Path, guard: Guard) -> None:
    write_wav(tmp_path / "corpus/0_ann_0.wav")
    os.mkfifo(tmp_path / "corpus/1_ann_0.wav")  # opening it waits for one who writes, for ever
    made = [make(tmp_path / "corpus", guard, item_s) for item_s in (3.0, 3.0, 3.2, 3.2)]
    assert [one.stood for one in made] == [False, True, False, True]
    assert {one.num_failures for one in made} == {1}


def test_limits_that_nothing_met_may_change(tmp_path: Path, guard: Guard) -> None:
    write_wav(tmp_path / "corpus/0_ann_0.wav")
    write_wav(tmp_path / "corpus/1_ann_0.wav").write_bytes(b"damaged")
    assert [make(tmp_path / "corpus", guard, item_s).stood for item_s in (20.0, 30.0)] == [False, True]
