"""MLflow, where its own settings say (MLFLOW_TRACKING_URI and the like)."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import soundfile as sf

from pipeline.training.sinks import Numbers, Picture, plain_name

MOST_CHARACTERS = 500
"""Of a parameter's value: MLflow's own limit."""


class MLflow:
    """One MLflow run for a run, found again by its identity when it goes on."""

    def __init__(self, name: str, settings: Mapping[str, Any], identity: str) -> None:
        found = mlflow.search_runs(filter_string=f"tags.ancestral_run = '{identity}'", output_format="list")
        if found:
            mlflow.start_run(run_id=found[0].info.run_id)
            return
        mlflow.start_run(run_name=name, tags={"ancestral_run": identity})
        mlflow.log_params({key: str(value)[:MOST_CHARACTERS] for key, value in settings.items()})

    def scalars(self, step: int, values: Mapping[str, float]) -> None:  # noqa: D102
        mlflow.log_metrics(dict(values), step=step)

    def histogram(self, step: int, name: str, values: Numbers) -> None:
        """Its mean and how far it spreads: MLflow has no histograms."""
        mlflow.log_metrics({f"{name}/mean": float(values.mean()), f"{name}/std": float(values.std())}, step=step)

    def picture(self, step: int, name: str, picture: Picture) -> None:  # noqa: D102
        mlflow.log_image(np.ascontiguousarray(picture), key=plain_name(name), step=step)

    def sound(self, step: int, name: str, wave: Numbers, rate_hz: int) -> None:  # noqa: D102
        with tempfile.TemporaryDirectory(prefix="ancestral-mlflow-") as folder:
            path = Path(folder) / f"{step:09d}.wav"
            sf.write(path, wave, rate_hz, subtype="PCM_16")
            mlflow.log_artifact(str(path), plain_name(name))

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:  # noqa: D102
        mlflow.end_run()
