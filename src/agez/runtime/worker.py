"""A worker process: ``python -m agez.runtime.worker`` reads work from stdin and answers on stdout.

Both are pickles, between this package and itself only.  In, each after its length in 8 bytes:
``(start, start_with)``, then ``(work, item)`` again and again.  Out: ``("said", words)`` any number of times, then
``("done", result)`` or ``("error", exception)``.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import traceback
from queue import SimpleQueue

from agez.errors import AgezError
from agez.runtime import worker_pool


def main() -> None:
    """Serve until told to end, or until the other side goes away."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing that a library prints may break a frame

    def send(*frame: object) -> None:
        answers.write(pickle.dumps(frame, protocol=pickle.HIGHEST_PROTOCOL))
        answers.flush()

    worker_pool._listener = lambda *words: send("said", words)
    frames = SimpleQueue[bytes]()
    threading.Thread(target=_receive, args=(frames,), daemon=True).start()
    try:
        start, arguments = pickle.loads(frames.get())
        if start is not None:
            start(*arguments)
        signal.signal(signal.SIGTERM, _end)  # before, there is nothing to put in order
    except Exception as error:
        send("error", _portable(error))
    while True:
        try:
            work, item = pickle.loads(frames.get())
            send("done", work(item))
        except Exception as error:
            send("error", _portable(error))


def _receive(frames: SimpleQueue[bytes]) -> None:
    """In a thread: end this process when its parent is gone, even by kill -9: nobody is left to take results."""
    while len(head := sys.stdin.buffer.read(8)) == 8:
        frames.put(sys.stdin.buffer.read(int.from_bytes(head, "big")))
    os._exit(1)


def _end(number: int, frame: object) -> None:
    raise SystemExit(1)


def _portable(error: Exception) -> Exception:
    """An error that can be pickled, with the lines in which it arose if it is no user's."""
    if not isinstance(error, AgezError):
        error.add_note(traceback.format_exc())
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


if __name__ == "__main__":
    try:
        main()
    except BaseException as error:
        if not isinstance(error, SystemExit | BrokenPipeError | KeyboardInterrupt):
            traceback.print_exc()
    os._exit(1)  # without waiting for the thread that reads
