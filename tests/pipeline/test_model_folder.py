"""An exported model comes back as it was; one that is damaged, foreign or of another version is never loaded."""

import json
import pickle
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from models import build
from models.wavenet import WaveNetConfig
from pipeline.conditions import Conditioning
from pipeline.errors import ModelError
from pipeline.frames import LINGUISTIC_COLUMNS
from pipeline.model_folder import ModelInfo, load_model, read_model_info, save_model
from pipeline.shards.schema import AudioConventions
from pipeline.storage import Location

SPOKEN = Conditioning({"speaker": ("ann", "bob")}, ("a", "sil"), 40)
CONFIG = WaveNetConfig(16, 4, 8, 6, 6, 2, (1, 2), 1, 1, SPOKEN.model_config(3))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    model = build("wavenet", CONFIG)
    info = ModelInfo("wavenet", asdict(CONFIG), AudioConventions(8000, num_levels=16), SPOKEN, "", {"from": "x"})
    save_model(Location(str(tmp_path / "model")), model, info, "# card\n")
    return tmp_path / "model"


def load(folder: Path) -> ModelInfo:
    return load_model(Location(str(folder))).info


def test_what_is_saved_comes_back(folder: Path) -> None:
    torch.manual_seed(0)
    before, loaded = build("wavenet", CONFIG), load_model(Location(str(folder)))
    assert loaded.model.config == CONFIG
    assert loaded.info.conditioning == SPOKEN
    assert loaded.info.conventions == AudioConventions(8000, num_levels=16)
    assert not loaded.model.training
    for name, tensor in before.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], tensor)
    assert (folder / "README.md").read_text() == "# card\n"


def test_all_that_conditions_a_model_comes_back(tmp_path: Path) -> None:
    told = Conditioning({"speaker": ("ann",)}, ("a", "sil"), 40, LINGUISTIC_COLUMNS, True, 4.75, 0.4)
    config = WaveNetConfig(16, 4, 8, 6, 6, 2, (1, 2), 1, 1, told.model_config(3))
    info = ModelInfo("wavenet", asdict(config), AudioConventions(8000, num_levels=16), told, "")
    save_model(Location(str(tmp_path)), build("wavenet", config), info, "")
    loaded = load_model(Location(str(tmp_path)))
    assert loaded.info.conditioning == told
    assert loaded.model.condition_config.num_features == 20


def test_a_model_of_phones_alone_that_was_saved_before_there_was_more_loads(folder: Path) -> None:
    page = json.loads((folder / "model.json").read_text())
    page["conditioning"] = {"attributes": {"speaker": ["ann", "bob"]}, "phones": ["a", "sil"], "hop": 40}
    (folder / "model.json").write_text(json.dumps(page))
    assert load(folder).conditioning == SPOKEN


def test_features_of_another_release_are_named(folder: Path) -> None:
    page = json.loads((folder / "model.json").read_text())
    page["conditioning"]["linguistic"] = ["stress", "creak"]
    (folder / "model.json").write_text(json.dumps(page))
    with pytest.raises(ModelError, match=r"damaged \(unknown linguistic features creak\)"):
        load(folder)


def test_the_digest_follows_the_content(folder: Path, tmp_path: Path) -> None:
    model, info = load_model(Location(str(folder))).model, load(folder)
    again = save_model(Location(str(tmp_path / "again")), model, info, "another card")
    assert again.digest == info.digest
    with torch.no_grad():
        next(iter(model.parameters())).add_(1)
    assert save_model(Location(str(tmp_path / "other")), model, info, "").digest != info.digest


def test_a_flipped_weight_is_found(folder: Path) -> None:
    data = bytearray((folder / "weights.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "weights.safetensors").write_bytes(data)
    with pytest.raises(ModelError, match="checksum differs"):
        load(folder)


def test_an_exchanged_config_does_not_fit(folder: Path) -> None:
    page = json.loads((folder / "model.json").read_text())
    page["config"]["skip_channels"] = 7
    (folder / "model.json").write_text(json.dumps(page))
    with pytest.raises(ModelError, match=r"^[^\n]* do not fit together: [^\n]*; train the model again[^\n]*$"):
        load(folder)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", "other", "holds no model of ours"),
        ("format_version", 1, "format version 1, this release reads version 2; .* into a new folder"),
        ("name", "gpt", "a model named 'gpt'; this release knows"),
        ("config", {"wings": 2}, "no setting wings; another release wrote this"),
        ("conventions", {"kind": "video"}, "expected the conventions of an audio or image dataset"),
        ("surprise", 1, "damaged"),
    ],
)
def test_what_is_not_ours_is_refused(folder: Path, key: str, value: object, message: str) -> None:
    page = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**page, key: value}))
    with pytest.raises(ModelError, match=message):
        load(folder)


def test_a_folder_without_a_model_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model.json is missing. Train one"):
        read_model_info(Location(str(tmp_path)))


def test_a_torn_page_is_damaged(folder: Path) -> None:
    (folder / "model.json").write_text((folder / "model.json").read_text()[:100])
    with pytest.raises(ModelError, match="damaged"):
        load(folder)


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('code was run')",)


def test_a_pickle_in_the_place_of_weights_is_not_run(folder: Path) -> None:
    import hashlib

    data = pickle.dumps(Bomb())
    (folder / "weights.safetensors").write_bytes(data)
    page = json.loads((folder / "model.json").read_text())
    page["weights_sha256"] = hashlib.sha256(data).hexdigest()
    (folder / "model.json").write_text(json.dumps(page))
    with pytest.raises(ModelError, match="do not fit together"):
        load(folder)
