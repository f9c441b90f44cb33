"""An export's beginning and end: the folder is claimed first, its page is written last."""

import json
from collections.abc import Sequence
from dataclasses import asdict, fields

from pipeline.outputs.config import ExportConfig
from pipeline.outputs.job import Job
from pipeline.outputs.layouts import LAYOUTS
from pipeline.outputs.plan import EXPORT_VERSION
from pipeline.outputs.proof import RECORDS, Record
from pipeline.shards.dataset import Dataset, claim
from pipeline.storage import Location

PAGE = "export.json"


def claim_export(dataset: Dataset, out: Location, config: ExportConfig) -> None:
    """Make the folder ours; OccupiedError where it holds something else, another dataset's or layout's files too."""
    settings = {field.name: str(getattr(config, field.name)) for field in fields(config)}
    identity = {"dataset": dataset.info.digest, **settings, "export version": str(EXPORT_VERSION)}
    claim(out, "export", {"dataset": str(dataset.folder), **asdict(config)}, identity)


def known_records(out: Location) -> dict[str, Record]:
    """The records that a finished export's page has, by the names of parts; none where it is not there, or damaged."""
    place = out / PAGE
    try:
        records = [Record.from_json(one) for one in json.loads(place.read_bytes())["parts"]] if place.is_file() else []
    except (ValueError, KeyError, TypeError):
        return {}
    return {record.name: record for record in records}


def finish(job: Job, records: Sequence[Record]) -> None:
    """Write what stands beside the parts and then the page; clear what a killed run left unfinished."""
    LAYOUTS[job.config.layout].finish(job, records)
    (job.out / PAGE).write_text(page_of(job, records))
    (job.out / RECORDS).remove_folder()
    job.out.remove_partials_below()


def page_of(job: Job, records: Sequence[Record]) -> str:
    """`export.json`: of what dataset, how, what its levels meant, and every part; the same for the same dataset."""
    info = job.dataset.info
    page = {
        "format": "ancestral-export",
        "format_version": EXPORT_VERSION,
        "settings": asdict(job.config),
        "dataset": info.digest,
        "conventions": asdict(info.conventions),
        "lineage": info.lineage,
        "num_items": dict(sorted(info.tally.num_rows.items())),
        "num_files": sum(record.num_files for record in records),
        "num_bytes": sum(record.num_bytes for record in records),
        "parts": [asdict(record) for record in records],
    }
    return json.dumps(page, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
