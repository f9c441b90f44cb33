"""What generation stamps into a row, evaluation finds again: two stages that share no code, over one dataset."""

import io
import wave

import numpy as np
import pytest

from pipeline.audio.companding import encode_fast
from pipeline.evaluation.config import EvaluateConfig
from pipeline.evaluation.evaluation import conclude
from pipeline.evaluation.likelihood import Scores, check_fit, parts_of, score_part
from pipeline.generation.config import GenerateConfig
from pipeline.generation.plan import shard_plans
from pipeline.generation.requests import parse_request
from pipeline.generation.shard import generate_shard
from pipeline.generation.target import Target
from pipeline.model_folder import ExportedModel
from pipeline.shards.dataset import claim, finish, open_dataset
from pipeline.shards.verify import verify_folder
from pipeline.storage import Location
from tests.pipeline.generation.tiny_models import save_fine

SPOKEN = (
    '{"count": 3, "speaker": "bob", "emotion": "calm", "phones": [["a", 0.033], ["sil", 0.011]], "temperature": 0.7}'
)
TOLD = '{"text": "ab b, a", "num_timesteps": 47, "f0_hz": [[0, 100], [0.04, 200]], "count": 3}'
FINE = '{"num_timesteps": 43, "count": 3}'
DRAWN = '{"label": "2", "count": 3, "top_k": 5, "top_p": 0.9, "guidance": 2}'


@pytest.fixture(scope="session")
def fine_model(tmp_path_factory: pytest.TempPathFactory) -> ExportedModel:
    return save_fine(Location(str(tmp_path_factory.mktemp("fine"))))


@pytest.mark.usefixtures("says_abba")
@pytest.mark.parametrize(
    ("model", "line"),
    [("speech_model", SPOKEN), ("told_model", TOLD), ("fine_model", FINE), ("digit_model", DRAWN)],
)
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


def test_sixteen_bits_go_the_whole_way(folder: Location, fine_model: ExportedModel) -> None:
    """Two bytes a level in the row, whole in the file beside it, counted once each, and found sound."""
    target = Target(fine_model.info.conventions, fine_model.info.conditioning, 1000)
    config = GenerateConfig(export="files")
    [plan] = shard_plans([parse_request(FINE, 1, target, "line 1")], fine_model.info.digest, config)
    claim(folder, "generate", {})
    generate_shard(folder, plan, fine_model, config)
    finish(folder, ["000000"], fine_model.info.conventions, {})
    assert list(verify_folder(folder)) == []
    dataset = open_dataset(folder)
    rows = dataset.read_shard(0).to_pylist()
    assert dataset.info.tally.num_levels == {"train": 3 * 43}
    for row in rows:
        levels = np.frombuffer(row["levels"], "<u2")
        assert len(levels) == 43
        assert levels.max() > 255
        file = folder / "wav/000000" / f"{row['item_id']}.wav"
        with wave.open(io.BytesIO(file.read_bytes())) as recording:
            values = np.frombuffer(recording.readframes(43), "<i2")
        again = encode_fast((values / 32768).astype(np.float32), 65536, "linear")
        # The last level stands at 1, which 16 bits end just below.
        assert again.tolist() == np.minimum(levels, 65534).tolist()
