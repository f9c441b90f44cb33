"""What storage refuses: one message that names the place and what to do, and another try where that may help."""

import contextlib
import errno
import random
import time
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, TypeVar, cast

from pipeline.errors import PassingStorageError, StorageError

WAITS_S = (1.0, 4.0, 16.0)
"""Between tries: a store that is too busy is given time; clients such as s3fs retry sooner and have done so before."""

PASSING_NAMES = frozenset(
    {
        "ConnectTimeoutError",
        "ReadTimeoutError",
        "EndpointConnectionError",
        "ConnectionClosedError",
        "ProxyConnectionError",
        "ClientConnectionError",
        "ServerTimeoutError",
        "ServerDisconnectedError",
    }
)
"""botocore's and aiohttp's time-outs and broken connections, by name: the packages need not be installed."""

Result = TypeVar("Result", bound=Callable[..., Any])


def explained(method: Result) -> Result:
    """Turn what storage raises into one message that names the place and what to do; retry what may pass.

    Every method so marked may be done twice: reading, writing whole files, removing what may be gone already.
    """

    @wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        with explained_as(self.uri):
            return method(self, *args, **kwargs)

    return retried(cast(Result, wrapper))


def retried(function: Result) -> Result:
    """Do it again, after a pause, where it ends with PassingStorageError; what does not pass in all tries goes up."""

    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        for wait_s in WAITS_S:
            try:
                return function(*args, **kwargs)
            except PassingStorageError:
                # Half as much up to half as much again, so that a thousand workers do not come back all at once.
                time.sleep(wait_s * random.uniform(0.5, 1.5))  # noqa: S311
        return function(*args, **kwargs)

    return cast(Result, wrapper)


@contextlib.contextmanager
def explained_as(uri: str) -> Iterator[None]:
    """Turn what storage raises within into StorageError, or PassingStorageError where another try may pass."""
    try:
        yield
    except OSError as error:
        raise storage_error(error)(explain(error, uri)) from error
    except Exception as error:
        # Remote file systems raise their client library's own errors, which share no base class with OSError.
        if type(error).__module__.split(".")[0] in ("builtins", "pipeline"):
            raise
        message = f"{uri}: storage refused: {type(error).__name__}: {error}"
        raise storage_error(error)(message) from error


def storage_error(error: Exception) -> type[StorageError]:
    """Which of the two errors of storage this one is."""
    return PassingStorageError if is_passing(error) else StorageError


def is_passing(error: BaseException) -> bool:
    """Whether another try may not meet this error: a time-out, a broken connection, a store that is too busy."""
    if isinstance(error, TimeoutError | ConnectionError | InterruptedError | PassingStorageError):
        return True
    if isinstance(error, OSError) and error.errno in (errno.EBUSY, errno.EAGAIN):
        return True
    return any(base.__name__ in PASSING_NAMES for base in type(error).__mro__)


def explain(error: OSError, uri: str) -> str:
    """What an operating system's error means for the user."""
    if isinstance(error, FileNotFoundError):
        return f"{uri} does not exist; check the path."
    if isinstance(error, PermissionError):
        return f"{uri}: permission denied; check who owns it and that it may be written."
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{uri}: the disk is full; nothing is half-written. Free some space and run the same command again."
    reason = error.strerror or str(error) or type(error).__name__
    if is_passing(error):
        return f"{uri}: storage does not answer ({reason}), tried again and again; run the same command later."
    return f"{uri}: {reason}"
