"""TensorBoard's event files, `OUT/tensorboard`: look at them with `tensorboard --logdir OUT`."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboardX.writer import SummaryWriter

from pipeline.storage import Location
from pipeline.training.sinks import Numbers, Picture


class TensorBoard:
    """Written on this machine, and copied whole at every flush where the run's storage is elsewhere.

    What an earlier process told of steps that are taken again is not shown twice: later ones are purged.
    """

    def __init__(self, folder: Location, settings: Mapping[str, Any], first_step: int) -> None:
        self.folder = folder
        self.temporary = None if folder.local_path else tempfile.TemporaryDirectory(prefix="ancestral-tensorboard-")
        self.place = Path(self.temporary.name if self.temporary else str(folder.local_path))
        # Files are named by the second: one that goes on at once would write over the one before.
        suffix = f".{os.getpid()}.{first_step}"
        self.writer = SummaryWriter(str(self.place), purge_step=first_step + 1, filename_suffix=suffix)
        if not first_step:
            table = "".join(f"| {name} | {value} |\n" for name, value in settings.items())
            self.writer.add_text("settings", f"| setting | value |\n|---|---|\n{table}", 0)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:  # noqa: D102
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def histogram(self, step: int, name: str, values: Numbers) -> None:  # noqa: D102
        self.writer.add_histogram(name, values, step)

    def picture(self, step: int, name: str, picture: Picture) -> None:  # noqa: D102
        self.writer.add_image(name, picture, step, dataformats="HWC")

    def sound(self, step: int, name: str, wave: Numbers, rate_hz: int) -> None:  # noqa: D102
        self.writer.add_audio(name, wave, step, sample_rate=rate_hz)

    def flush(self) -> None:  # noqa: D102
        self.writer.flush()
        self.copy()

    def close(self) -> None:  # noqa: D102
        self.writer.close()
        self.copy()
        if self.temporary:
            self.temporary.cleanup()

    def copy(self) -> None:
        """Bring what stands here to where the run's storage is, if that is elsewhere."""
        for path in self.place.iterdir() if self.temporary else ():
            (self.folder / path.name).write_bytes(path.read_bytes())
