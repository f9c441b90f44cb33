import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from pipeline.reports import page as page_module
from pipeline.reports.config import ReportConfig
from pipeline.reports.page import render_page
from pipeline.reports.subjects import DatasetSubject, EvaluationSubject, Subjects
from pipeline.shards.commit import Failure
from pipeline.storage import Location
from tests.pipeline.reports.subject_builders import (
    HOSTILE,
    PICTURES,
    Made,
    audio_row,
    evaluation_page,
    metrics,
    model_subject,
    picture_row,
    write_dataset,
)

VOID = {"meta", "img", "br", "link", "input"}
IN_SVG = {"path", "use", "line", "rect"}


class Outline(HTMLParser):
    """Tags in order, attributes, and whether every tag is closed by its own."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open.pop() == tag, f"</{tag}> closes another"

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def everything(folder: Path) -> Subjects:
    """Two corpora, two generated datasets, two models, two evaluations, timings."""
    root = Location(str(folder))
    failure = Failure("bad.wav", "corpus/bad.wav", "decode", "zero length")
    speech = write_dataset(
        root / "dataset-speech", [audio_row("c", speaker="high-1", text="red one")], failures=(failure,)
    )
    spoken = write_dataset(root / "generated-speech", [audio_row("g", speaker="high-1")], made=Made("generate"))
    digits = write_dataset(root / "dataset-digits", [picture_row("p", "3")], PICTURES)
    drawn = write_dataset(root / "generated-digits", [picture_row("q", "3")], PICTURES, Made("generate"))
    evaluations = (
        EvaluationSubject("model-speech", evaluation_page()),
        EvaluationSubject("model-digits", evaluation_page(unit="bits_per_dim", marginal_bits=None)),
    )
    models = (model_subject("model-speech"), model_subject("model-digits", PICTURES))
    return Subjects((speech, spoken, digits, drawn), models, evaluations, {"prepare": 5.25, "train": 75.0})


@pytest.fixture
def subjects(tmp_path: Path) -> Subjects:
    return everything(tmp_path)


def test_the_page_holds_all_sections_and_is_well_formed(subjects: Subjects) -> None:
    text = render_page(subjects)
    outline = Outline(text)
    for anchor in ("listen", "look", "training", "likelihood", "timings", "data"):
        assert ("id", anchor) in outline.attributes
        assert ("href", f"#{anchor}") in outline.attributes
    assert outline.tags.count("audio") == 2
    assert outline.tags.count("svg") == 2
    assert "red one" in text
    assert "zero length" in text
    assert "2.500" in text
    assert "6.250" in text
    assert "1 min 15 s" in text


def test_nothing_is_fetched_and_nothing_runs(subjects: Subjects) -> None:
    text = render_page(subjects)
    outline = Outline(text)
    assert "script" not in outline.tags
    assert "link" not in outline.tags
    for name, value in outline.attributes:
        assert not name.startswith("on")
        if name in ("src", "href", "xlink:href"):
            assert value.startswith(("data:", "#")), value
    assert not re.findall(r"url\((?!#)", text)
    assert "@import" not in text


def test_equal_subjects_give_equal_bytes_without_a_path_of_the_machine(subjects: Subjects, tmp_path: Path) -> None:
    text = render_page(subjects)
    assert text == render_page(subjects)
    assert str(tmp_path) not in text


def test_every_picture_has_an_alternative_text(subjects: Subjects) -> None:
    text = render_page(subjects)
    pictures = re.findall(r"<img [^>]*>", text)
    assert pictures
    assert all(re.search(r'alt="[^"]+"', picture) for picture in pictures)
    assert len(re.findall(r'role="img" aria-label="[^"]+"', text)) == 2


def test_hostile_names_and_texts_stay_text(tmp_path: Path) -> None:
    root = Location(str(tmp_path))
    row = audio_row(HOSTILE, text=HOSTILE, speaker=HOSTILE, emotion=HOSTILE, phone=[HOSTILE, "b"])
    failure = Failure(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    speech = write_dataset(root / "s", [row], failures=(failure,))
    picture = write_dataset(root / "p", [picture_row(HOSTILE, HOSTILE)], PICTURES)
    evaluation = evaluation_page(split=HOSTILE, unit=HOSTILE, per_attribute={HOSTILE: {HOSTILE: {"bits": 1.0}}})
    subjects = Subjects(
        (DatasetSubject(HOSTILE, speech.dataset), picture),
        (model_subject(HOSTILE),),
        (EvaluationSubject(HOSTILE, evaluation),),
        {HOSTILE: 1.0},
    )
    text = render_page(subjects)
    outline = Outline(text)
    assert "script" not in outline.tags
    assert "alert(1)" in "".join(outline.words)
    assert "<script" not in text


@pytest.mark.parametrize("kept", ["datasets", "models", "evaluations", "timings"])
def test_any_part_alone_makes_a_page(subjects: Subjects, kept: str) -> None:
    text = render_page(Subjects(**{kept: getattr(subjects, kept)}))
    Outline(text)
    anchors = set(re.findall(r'href="#([a-z]+)"', text))
    assert anchors == set(re.findall(r'<section id="([a-z]+)"', text))


def test_a_corpus_that_nothing_was_generated_from_is_shown_alone(subjects: Subjects) -> None:
    text = render_page(Subjects(datasets=(subjects.datasets[0], subjects.datasets[2])))
    assert Outline(text).tags.count("audio") == 1
    assert 'class="name generated"' not in text
    assert "What the data holds" in text


def test_the_corpus_is_the_one_that_the_model_was_trained_on(tmp_path: Path) -> None:
    """Two corpora of the same conventions: the lineage of model and generated dataset tells which is meant."""
    root = Location(str(tmp_path))
    wrong = write_dataset(root / "wrong", [audio_row("c-wrong", speaker="high-1")])
    right = write_dataset(root / "right", [audio_row("c-right", 600, speaker="high-1")])
    model = model_subject("m", dataset_digest=right.dataset.info.digest)
    made = write_dataset(root / "g", [audio_row("g")], made=Made("generate", model.info.digest))
    groups = page_module.groups(Subjects((wrong, right, made), (model,)), "audio")
    assert [group.name for group in groups] == ["right and g", "wrong"]


def test_a_page_that_would_grow_too_large_shows_fewer_items(tmp_path: Path) -> None:
    rows = [audio_row(f"item-{n}", 400 + 100 * n) for n in range(8)]
    subjects = Subjects((write_dataset(Location(str(tmp_path / "d")), rows),))
    whole = render_page(subjects)
    assert whole.count("<audio") == 8
    most_bytes = len(whole.encode()) // 2 + 20_000
    assert render_page(subjects, ReportConfig(most_bytes=most_bytes)).count("<audio") == 4
    assert render_page(subjects, ReportConfig(most_pairs=1)).count("<audio") == 1


def test_a_page_can_be_given_a_title_and_fewer_things(subjects: Subjects, tmp_path: Path) -> None:
    text = render_page(subjects, ReportConfig(title="<Ann's> voice"))
    assert "<title>&lt;Ann&#39;s&gt; voice</title>" in text
    assert "<h1>&lt;Ann&#39;s&gt; voice</h1>" in text
    others = (write_dataset(Location(str(tmp_path / name)), [audio_row(name)]) for name in ("one", "two"))
    several = Subjects((*subjects.datasets, *others))
    assert render_page(several, ReportConfig(most_groups=1)).count('class="card pair"') == 1
    assert render_page(several).count('class="card pair"') == 3


def test_a_sheet_shows_as_many_pictures_as_asked_for(tmp_path: Path) -> None:
    rows = [picture_row(f"p{number}", "3") for number in range(4)]
    subjects = Subjects((write_dataset(Location(str(tmp_path / "d")), rows, PICTURES),))
    few, many = (render_page(subjects, ReportConfig(pictures_per_class=count)) for count in (2, 4))
    assert len(few) < len(many)


def test_a_model_without_metrics_says_so(subjects: Subjects) -> None:
    text = render_page(Subjects(models=(model_subject("m", num_lines=0),)))
    assert "No metrics.jsonl" in text


def test_nothing_at_all_is_an_error() -> None:
    with pytest.raises(ConfigError, match="nothing to report on"):
        render_page(Subjects())


def test_curves_of_a_run_show_its_last_step(subjects: Subjects) -> None:
    assert "<dd>400</dd>" in render_page(Subjects(models=(model_subject("m"),)))
    assert metrics(20)[-1]["step"] == 400
