import json
import math

import pytest

from pipeline.errors import DatasetError, ModelError
from pipeline.evaluation.evaluation import Evaluation, conclude, figure
from pipeline.evaluation.likelihood import Score, Scores
from pipeline.model_folder import ExportedModel
from pipeline.shards.dataset import Dataset
from pipeline.storage import Location

HERE = Location("/models/one")


def scores(num_levels: int, nats: float) -> Scores:
    return Scores(Score(5, num_levels, nats), {"speaker": {"bob": Score(2, 28, 28 * math.log(2))}})


def test_nats_become_bits_per_level(speech_data: Dataset, speech_model: ExportedModel) -> None:
    found = conclude(scores(130, 260 * math.log(2)), HERE, speech_model.info, speech_data, "validation")
    assert found.bits == pytest.approx(2.0)
    assert (found.uniform_bits, found.unit) == (5.0, "bits_per_timestep")
    assert (found.num_items, found.num_levels_scored) == (5, 130)
    assert found.marginal_bits is not None
    assert 3 < found.marginal_bits < 5
    assert found.per_attribute["speaker"]["bob"].bits == pytest.approx(1.0)


def test_bits_are_those_of_a_level_and_not_of_a_pixel_or_an_item() -> None:
    two_pictures = Score(num_items=2, num_levels=2 * 3 * 4 * 4, nll_nats=96 * math.log(2))  # of 4 × 4 pixels, RGB
    assert figure(two_pictures).bits == pytest.approx(1.0)


def test_a_level_that_was_not_scored_is_found(speech_data: Dataset, speech_model: ExportedModel) -> None:
    with pytest.raises(DatasetError, match=r"130 levels of split validation are counted .* 129 stand"):
        conclude(scores(129, 1.0), HERE, speech_model.info, speech_data, "validation")


def test_a_likelihood_that_is_no_number_is_an_error(speech_data: Dataset, speech_model: ExportedModel) -> None:
    with pytest.raises(ModelError, match="no numbers"):
        conclude(scores(130, math.nan), HERE, speech_model.info, speech_data, "validation")


def test_the_page_is_json_and_reads_back(speech_data: Dataset, speech_model: ExportedModel, folder: Location) -> None:
    found = conclude(scores(130, 200.0), HERE, speech_model.info, speech_data, "validation")
    page = json.loads(found.to_json())
    assert (page["format"], page["format_version"], page["unit"]) == ("ancestral-evaluation", 2, "bits_per_timestep")
    assert page["per_attribute"]["speaker"]["bob"] == {"bits": pytest.approx(1.0), "num_items": 2, "num_levels": 28}
    assert Evaluation.from_json(found.to_json(), "here") == found
    assert found.place(folder).uri.endswith(f"/evaluations/{speech_data.info.digest[:12]}-validation.json")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": "ancestral-evaluation", "format_version": 1}'])
def test_another_page_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match=r"^here: "):
        Evaluation.from_json(text, "here")


def test_pictures_are_told_in_bits_per_dimension(digit_data: Dataset, digit_model: ExportedModel) -> None:
    found = conclude(Scores(Score(5, 300, 300 * math.log(2))), HERE, digit_model.info, digit_data, "validation")
    assert (found.unit, found.bits, found.uniform_bits, found.marginal_bits) == ("bits_per_dim", 1.0, 3.0, None)
