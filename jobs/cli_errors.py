"""Errors at the top: what a user can mend is one message on stderr; only a bug of ours shows a traceback.

Exit codes: 0 done, 1 failed, 2 not understood, 130 stopped by Ctrl-C.
"""

import errno
import os
import sys
import traceback
from typing import Any, NoReturn

from rich.console import Console
from rich.text import Text
from typer.exceptions import TyperException

from pipeline.errors import AncestralError, Interrupted

FAILED = 1
STOPPED = 130
"""What a shell reports of a command that SIGINT ended."""

STOPPED_MESSAGE = "stopped; what is finished is kept; run the same command again to go on"
BUG_MESSAGE = (
    "this is a bug in ancestral, not a mistake of yours. Please report it with the lines above and the command. "
    "What is finished is kept."
)


def run_explained(command: Any, words: list[str] | None = None) -> int:
    """Run a typer command and return its exit code; nothing but SystemExit passes."""
    try:
        code = command.main(args=words, prog_name="ancestral", standalone_mode=False)
    except TyperException as error:
        return show_usage(error)
    except BrokenPipeError:
        return silence()
    except Exception as error:
        return explain(error)
    if code == STOPPED:
        say("", STOPPED_MESSAGE)
    return code if isinstance(code, int) else 0


def leave(code: int) -> NoReturn:
    """End the process. All is cleaned up; a Ray that was interrupted while it started may crash Python's own exit."""
    if code == STOPPED:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    raise SystemExit(code)


def show_usage(error: TyperException) -> int:
    """What typer found wrong with the command line."""
    from typer import rich_utils

    rich_utils.rich_format_error(error)  # type: ignore[arg-type]
    return error.exit_code


def silence() -> int:
    """Whoever read our output has gone (`| head`): stop without a word, now and when Python flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILED


def explain(error: Exception) -> int:
    """Say what happened and return the exit code."""
    error = without_ray(error)
    if isinstance(error, Interrupted):
        say("", str(error))
        return STOPPED
    if isinstance(error, AncestralError):
        say("error: ", str(error))
    elif isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        say(
            "error: ",
            f"{error.filename or 'a temporary folder'}: the disk is full. Free some space; {STOPPED_MESSAGE[9:]}.",
        )
    else:
        traceback.print_exception(error)
        say("error: ", BUG_MESSAGE)
    return FAILED


def without_ray(error: Exception) -> Exception:
    """What Ray raised, as our own error; without importing Ray where nothing has."""
    exceptions: Any = sys.modules.get("ray.exceptions")
    if exceptions is None or not isinstance(error, exceptions.RayError):
        return error
    from jobs.fan_out import explain_ray

    return explain_ray(error)


def say(prefix: str, message: str) -> None:
    """One message on stderr; a terminal wraps it, a file gets it in one piece."""
    Console(stderr=True).print(Text.assemble((prefix, "bold red"), message), soft_wrap=True)
