"""Every verb on s3:// alone, from corpus to report, against an S3 server on loopback."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from moto.server import ThreadedMotoServer

from tests.corpus_builders import fsdd_corpus

BUCKET = "s3://bucket"

ALL_VERBS = f"""
import io
from rich.console import Console
from jobs.cluster import connect
from jobs.evaluate import evaluate
from jobs.export import export
from jobs.generate import generate
from jobs.prepare import prepare
from jobs.recipes import load_recipe
from jobs.report import report
from jobs.train import train
from jobs.verify import verify
from pipeline.evaluation.config import EvaluateConfig
from pipeline.generation.config import GenerateConfig
from pipeline.outputs.config import ExportConfig
from pipeline.preparation.config import AudioConfig, PrepareConfig, ShardConfig, SpeechConfig, SplitConfig
from pipeline.storage import locate

if __name__ == "__main__":
    console = Console()
    bucket = locate({BUCKET!r})
    shards, split = ShardConfig(5), SplitConfig(0.3)
    config = PrepareConfig("auto", AudioConfig(8000), SpeechConfig("off"), shards=shards, split=split)
    recipe = load_recipe("linear-ar", None, ["training.num_steps=6", "training.checkpoint_every=2", "num_workers=1"])
    with connect() as cluster:
        prepare(bucket / "corpus", bucket / "dataset", config, cluster, console)
        assert verify(bucket / "dataset", console) == 0
        prepare(bucket / "corpus", bucket / "dataset", config, cluster, console)
        train(bucket / "dataset", bucket / "model", recipe, cluster, console)
        (bucket / "requests.jsonl").write_text('{{"num_timesteps": 50, "count": 7}}\\n')
        generate(bucket / "model", bucket / "made", bucket / "requests.jsonl", GenerateConfig(), cluster, console)
        assert verify(bucket / "made", console) == 0
        for layout in ("ljspeech", "ljspeech", "huggingface"):
            export(bucket / "made", bucket / layout, ExportConfig(layout), cluster, console)
        evaluate(bucket / "model", bucket / "dataset", EvaluateConfig(), cluster, console)
    report([bucket / "dataset", bucket / "model", bucket / "made"], bucket / "report.html", console)
"""


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment in which s3:// reaches a server of our own, with a corpus in its bucket."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    url = f"http://{host}:{port}"
    try:
        files = fsspec.filesystem("s3", key="test", secret="test", endpoint_url=url, skip_instance_cache=True)
        files.mkdir("bucket")
        files.put(str(fsdd_corpus(tmp_path / "corpus", takes=3)) + "/", "bucket/corpus/", recursive=True)
        yield {**keys, "AWS_ENDPOINT_URL": url}
    finally:
        server.stop()


@pytest.mark.ray
@pytest.mark.timeout(480)
def test_every_verb_works_on_an_object_store(storage: dict[str, str], tmp_path: Path) -> None:
    script = tmp_path / "verbs.py"
    script.write_text(ALL_VERBS)
    environment = {**os.environ, **storage, "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run([sys.executable, script], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "18 rows" in done.stdout
    assert "stood already)" in done.stdout
    assert "bucket/made: 7 items" in done.stdout
    assert "bucket/ljspeech: 7 items as ljspeech, 7 files" in done.stdout
    assert "parts: 1 (1 stood already)" in done.stdout
    left = [path.name for path in tmp_path.iterdir()]
    assert sorted(left) == ["corpus", "verbs.py"], "a place on s3:// was taken for a local path"
