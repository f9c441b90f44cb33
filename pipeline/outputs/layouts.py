"""The list of layouts, and whether a dataset can be written in one."""

from pipeline.errors import ConfigError, DatasetError
from pipeline.outputs import huggingface, imagefolder, ljspeech, vctk, webdataset
from pipeline.outputs.config import ExportConfig, LayoutName, default_of
from pipeline.outputs.layout import Layout
from pipeline.shards.dataset import Dataset

LAYOUTS: dict[LayoutName, Layout] = {
    "ljspeech": ljspeech.LAYOUT,
    "vctk": vctk.LAYOUT,
    "imagefolder": imagefolder.LAYOUT,
    "webdataset": webdataset.LAYOUT,
    "huggingface": huggingface.LAYOUT,
}
"""To add one: write its file, put it here and into `LayoutName`, test it."""


def check_fit(dataset: Dataset, config: ExportConfig) -> None:
    """DatasetError where the layout cannot hold the dataset, with those that can; ConfigError for a vain setting."""
    layout, info = LAYOUTS[config.layout], dataset.info
    if info.conventions.kind not in layout.kinds:
        raise refusal(dataset, config, f"holds {layout.kinds[0]}, and this dataset is of kind {info.conventions.kind}")
    if info.conventions.kind == "image" and config.audio != default_of("audio"):
        raise ConfigError(f"audio={config.audio} is for recordings, and {dataset.folder} has none; leave it out.")
    if not info.num_rows:
        raise DatasetError(f"{dataset.folder} has no rows; there is nothing to export.")
    required = "speaker" if config.third_column == "speaker" else layout.required
    num_known = sum(info.tally.vocabularies.get(required, {}).values())
    if required and num_known < info.num_rows:
        missing = f"{info.num_rows - num_known:,} of {info.num_rows:,} rows have none"
        raise refusal(dataset, config, f"needs the {required} of every row, and {missing}")


def refusal(dataset: Dataset, config: ExportConfig, reason: str) -> DatasetError:
    """What cannot be, and what can."""
    kind = dataset.info.conventions.kind
    others = [name for name, one in LAYOUTS.items() if kind in one.kinds and name != config.layout]
    return DatasetError(f"{dataset.folder}: layout {config.layout} {reason}. Choose layout={' or '.join(others)}.")
