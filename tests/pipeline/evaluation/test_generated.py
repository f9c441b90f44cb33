"""What generation stamps into a row, evaluation finds again: two stages that share no code, over one dataset."""

import pytest

from pipeline.evaluation.config import EvaluateConfig
from pipeline.evaluation.evaluation import conclude
from pipeline.evaluation.likelihood import Scores, check_fit, parts_of, score_part
from pipeline.generation.config import GenerateConfig
from pipeline.generation.plan import shard_plans
from pipeline.generation.requests import Target, parse_request
from pipeline.generation.shard import generate_shard
from pipeline.model_folder import ExportedModel
from pipeline.shards.dataset import claim, finish, open_dataset
from pipeline.storage import Location

SPOKEN = (
    '{"count": 3, "speaker": "bob", "emotion": "calm", "phones": [["a", 0.033], ["sil", 0.011]], "temperature": 0.7}'
)
TOLD = '{"text": "ab b, a", "num_timesteps": 47, "f0_hz": [[0, 100], [0.04, 200]], "count": 3}'
DRAWN = '{"label": "2", "count": 3, "top_k": 5, "top_p": 0.9, "guidance": 2}'


@pytest.mark.usefixtures("says_abba")
@pytest.mark.parametrize(("model", "line"), [("speech_model", SPOKEN), ("told_model", TOLD), ("digit_model", DRAWN)])
def test_the_likelihood_of_drawn_items_is_the_one_that_was_stamped(
    folder: Location, request: pytest.FixtureRequest, model: str, line: str
) -> None:
    exported: ExportedModel = request.getfixturevalue(model)
    target = Target(exported.info.conventions, exported.info.conditioning, 1000, condition_dropout=0.1)
    [plan] = shard_plans([parse_request(line, 1, target, "line 1")], exported.info.digest, GenerateConfig())
    claim(folder, "generate", {})
    generate_shard(folder, plan, exported, GenerateConfig())
    finish(folder, ["000000"], exported.info.conventions, {})
    dataset, config, scores = open_dataset(folder), EvaluateConfig(split="train", window_timesteps=20), Scores()
    check_fit(dataset, exported.info, "train")
    for part in parts_of(dataset, config):
        scores.add(score_part(dataset, part, exported, config))
    stamped = [row["nll_nats"] for row in dataset.read_shard(0).to_pylist()]
    assert scores.whole.nll_nats == pytest.approx(sum(stamped), rel=1e-6)
    assert conclude(scores, folder, exported.info, dataset, "train").num_items == 3
