"""One run at a time: a lock that the system gives back when a process ends, however it ends."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agez.errors import AgezError
from agez.runtime.files import make_folder

try:
    import fcntl
except ImportError:  # a system without such locks (Windows): nobody is kept out
    fcntl = None  # type: ignore[assignment]


@contextmanager
def sole_run(lock: str | os.PathLike[str], *, busy: str, advice: str) -> Iterator[None]:
    """Keep other runs out until the end of the ``with``, or of the process, be it by ``kill -9``.

    Only the process that leads a run takes the lock; its workers need none, wherever they are.  The file ``lock`` says
    who has it, and is gone when all is done.  It counts only while it is locked: one that a killed process has left
    keeps nobody out.  On a network file system the lock holds for all machines, if the server knows locks; where a
    file system knows none, nobody is kept out.

    Parameters
    ----------
    lock : path
        A file of its own, on the file system of what it guards; its folder is made if need be.
    busy, advice : str
        What is told if another run has it: ``busy`` says what for, and ``advice`` what may be done.

    Raises
    ------
    AgezError
        If another run has it; it is named.
    """
    path = Path(lock)
    make_folder(path.parent)
    if fcntl is None:
        yield
        return
    descriptor = _acquire(path, busy, advice)
    try:
        yield
    finally:
        # removed while it is still held: whoever opened it before sees that its name has gone, and tries again
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _acquire(path: Path, busy: str, advice: str) -> int:
    """Descriptor of the locked file of this name."""
    while True:
        try:
            # for writing, as network file systems want it; not inherited by processes that are started
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise AgezError(
                f"{path} cannot be opened ({error.strerror}), and keeps two runs apart; remove it if no run is at work"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            holder = os.pread(descriptor, 500, 0).decode("utf-8", "replace").strip()
            os.close(descriptor)
            raise AgezError(f"{busy} ({holder or 'it has not said which process it is'}); {advice}") from None
        except OSError:  # a file system without locks
            pass
        if _is_still(path, descriptor):
            since = time.strftime("%Y-%m-%d %H:%M:%S")
            with suppress(OSError):  # on a full disk, nobody is named
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}, since {since}".encode(), 0)
            return descriptor
        os.close(descriptor)


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether the open file has this name, and was not removed by the one who had the lock before."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
