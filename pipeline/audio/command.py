"""Audio that a command writes, as in Kaldi's `wav.scp`: `sph2pipe -f wav a.sph |`.

A corpus is what others wrote, and so are its commands: none is run unless its program is one that the user allowed by
name, and none by a shell. The program is the one of that name on this machine's PATH, whatever folder the corpus names;
to run one from elsewhere, allow it by its whole path. An allowed program gets the arguments that the corpus gives it.
"""

import os
import re
import selectors
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress

from pipeline.errors import ItemError

QUOTED = re.compile(r"""'[^']*'|"[^"$`\\]*"|\\.""", re.DOTALL)

FOR_A_SHELL = re.compile(r"""[|&;<>()$`*?\[\]{}~#!\n\r\0"'\\]""")
"""What a shell would act on where it stands outside quotes: pipes, redirections, globs, variables, comments."""

MOST_COMPLAINT_BYTES = 2000

CHUNK_BYTES = 2**16


def command_output(command: str, allowed: Sequence[str], max_bytes: int, timeout_s: float) -> bytes:
    """What a command writes to its standard output, run without a shell; `command` is without the pipe at its end.

    `allowed` are names of programs, or whole paths. Raises ItemError at stage "command" where the program is not
    allowed or not there, where the command needs a shell, ends with an error, writes more than `max_bytes` or goes on
    for longer than `timeout_s`. All processes of its group are ended then.
    """
    arguments = arguments_of(command)
    arguments[0] = program_for(arguments[0], allowed)
    try:
        process = subprocess.Popen(  # noqa: S603  no shell, and a program that the user named
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=bare_environment(),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise ItemError("command", f"{arguments[0]} cannot be run: {error}") from error
    with process:
        try:
            return collected(process, max_bytes, timeout_s)
        finally:
            end_group(process)


def arguments_of(command: str) -> list[str]:
    """The program and its arguments; ItemError where only a shell could tell them."""
    if found := FOR_A_SHELL.search(QUOTED.sub("", command)):
        raise ItemError(
            "command", f"{command!r} holds {found[0]!r}, which needs a shell; expected one program with its arguments"
        )
    arguments = shlex.split(command)
    if not arguments or not arguments[0] or "\0" in command:
        raise ItemError("command", f"{command!r}: expected a program with its arguments")
    return arguments


def program_for(program: str, allowed: Sequence[str]) -> str:
    """The path of the program to run."""
    name = program.rpartition("/")[2]
    if program not in allowed and name not in allowed:
        raise ItemError(
            "command", f"{name} is not run unless it is allowed; if you trust the corpus: {how_to_allow(name, allowed)}"
        )
    path = shutil.which(program if program in allowed else name)
    if path is None:
        raise ItemError("command", f"{name} is not installed here; install it on every machine that prepares")
    return path


def how_to_allow(name: str, allowed: Sequence[str]) -> str:
    """The setting that allows one more program."""
    return f"--set 'audio.allow_programs=[{', '.join([*allowed, name])}]'"


def bare_environment() -> dict[str, str]:
    """What a program needs to start, and none of the secrets that an environment may hold."""
    kept = ("PATH", "HOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LC_ALL": "C"}


def collected(process: "subprocess.Popen[bytes]", max_bytes: int, timeout_s: float) -> bytes:
    """All that a process writes, if it ends well, in time and below the bound."""
    assert process.stdout
    assert process.stderr
    output, complaint = bytearray(), bytearray()
    deadline = time.monotonic() + timeout_s
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, output)
        selector.register(process.stderr, selectors.EVENT_READ, complaint)
        while selector.get_map():
            for key, _ in selector.select(left(deadline, timeout_s)):
                chunk = os.read(key.fd, CHUNK_BYTES)
                key.data.extend(chunk)
                if not chunk:
                    selector.unregister(key.fileobj)
            del complaint[:-MOST_COMPLAINT_BYTES]
            if len(output) > max_bytes:
                raise ItemError("command", f"wrote more than {max_bytes} bytes; expected one recording")
    check_end(process, deadline, timeout_s, complaint)
    return bytes(output)


def left(deadline: float, timeout_s: float) -> float:
    """The seconds up to the deadline; ItemError where it has passed."""
    if (seconds := deadline - time.monotonic()) <= 0:
        raise ItemError("command", f"not done after {timeout_s:g} s; it was stopped")
    return seconds


def check_end(process: "subprocess.Popen[bytes]", deadline: float, timeout_s: float, complaint: bytearray) -> None:
    """Wait for the end of a process that has closed its output; ItemError where it fails."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(max(0.0, deadline - time.monotonic()))
    if process.returncode is None:
        left(-1.0, timeout_s)
    if process.returncode:
        said = " ".join(complaint.decode("utf-8", "replace").split())[-200:] or "it said nothing"
        raise ItemError("command", f"ended with {process.returncode}: {said}")


def end_group(process: "subprocess.Popen[bytes]") -> None:
    """Kill the process and what it started, as far as they still run."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
