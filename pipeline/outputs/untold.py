"""What a layout does not tell of a dataset: said once it is exported, since who reads the files cannot see it."""

from pipeline.outputs.config import ExportConfig
from pipeline.outputs.item_files import ITEMS
from pipeline.outputs.layout import EVERYTHING
from pipeline.outputs.layouts import LAYOUTS
from pipeline.shards.dataset import DatasetInfo
from pipeline.shards.schema import ATTRIBUTES


def untold(info: DatasetInfo, config: ExportConfig) -> str:
    """One line for people; "" where the layout tells all there is, or there is nothing to tell apart."""
    kept = kept_by(config)
    if kept.issuperset(EVERYTHING):
        return ""
    numbers = {column: len(info.vocabulary(column)) for column in ATTRIBUTES} | {"split": len(info.tally.num_rows)}
    lost = [column for column, number in numbers.items() if number > 1 and column not in kept]
    apart = ", ".join(f"{numbers[column]:,} {column}s" for column in lost)
    parts = [f"does not tell {apart} apart ({ITEMS} does)"] if lost else []
    if info.vocabulary("phone"):
        parts.append("leaves out phones and frames")
    return f"The layout {config.layout} {' and '.join(parts)}; {advice(info, lost)}." if parts else ""


def kept_by(config: ExportConfig) -> set[str]:
    """What the files tell, or the user has asked them not to."""
    chosen = {"speaker": config.third_column == "speaker", "split": config.splits == "off"}
    return {*LAYOUTS[config.layout].keeps, *(column for column, is_so in chosen.items() if is_so)}


def advice(info: DatasetInfo, lost: list[str]) -> str:
    """Which layouts tell it."""
    has_speakers = sum(info.tally.vocabularies.get("speaker", {}).values()) == info.num_rows
    keeps_speakers = "layout=vctk keeps the speakers, " if "speaker" in lost and has_speakers else ""
    return f"{keeps_speakers}layout=webdataset or huggingface keeps all"
