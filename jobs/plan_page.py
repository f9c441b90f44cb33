"""A plan as it is shown: what, and how much of it."""

import resource
import shutil
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.errors import StorageError
from pipeline.generation.advance import duration
from pipeline.storage import Location

Lines = Sequence[tuple[str, str]]


def show(console: Console, title: str, lines: Lines) -> None:
    """The plan as a table of two columns."""
    page = Table(title=Text(title), show_header=False)
    page.add_column()
    page.add_column(justify="right")
    for name, value in lines:
        page.add_row(Text(name), Text(value))
    console.print(page)


def time_and_cost(seconds: float, price_per_hour: float) -> list[tuple[str, str]]:
    """How long, and at what price."""
    lines = [("time", f"{duration(seconds)} ({seconds:,.0f} s)")]
    return [*lines, ("cost", f"{seconds / 3600 * price_per_hour:,.2f}")] if price_per_hour else lines


def size(num_bytes: float) -> str:
    """Bytes as people say them."""
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if num_bytes >= factor:
            return f"{num_bytes / factor:,.1f} {unit}"
    return f"{num_bytes:,.0f} bytes"


def process_memory() -> tuple[str, str]:
    """The line of what this process has needed at the most, which is about what each worker would."""
    return "memory of a worker, about", size(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def refuse_full_disk(out: Location, num_bytes: float) -> None:
    """A StorageError where so much does not fit onto the disk that it would go to; other storage is not asked."""
    folder = out.local_path
    while folder is not None and not folder.is_dir():
        folder = folder.parent
    if folder is None:
        return
    free = shutil.disk_usage(folder).free
    if num_bytes > free:
        raise StorageError(
            f"{out}: the dataset takes about {size(num_bytes)}, and {size(free)} are free there. Choose another place, "
            "or ask for less."
        )
