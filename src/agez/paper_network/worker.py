"""A process that trains networks: ``python -m agez.paper_network.worker`` reads jobs from stdin and answers on stdout.

A program of its own, and not a fork or spawn of the user's, for two reasons: thread limits must
be set before numpy is imported, and the user's script is never run a second time.
Frames are pickles, between this package and itself only: in, ``(number, TrainingJob)`` or None to end;
out, ``("epoch", number, epoch, mse)``, ``("done", number, TrainedNetwork)`` or ``("error", number, message, trace)``.
"""

from __future__ import annotations

import os
import pickle
import sys
import traceback


def main() -> None:
    """Serve until told to end or until the other side goes away."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing that a library prints may break a frame

    def send(*frame: object) -> None:
        pickle.dump(frame, answers, protocol=pickle.HIGHEST_PROTOCOL)
        answers.flush()

    from agez.errors import AgezError
    from agez.paper_network.fit_numpy import train_one

    while True:
        try:
            task = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        if task is None:
            return
        number, job = task
        try:
            trained = train_one(job, number=number, progress=lambda n, epoch, mse: send("epoch", n, epoch, mse))
            send("done", number, trained)
        except BrokenPipeError:
            return
        except AgezError as error:
            send("error", number, str(error), "")
        except Exception as error:
            send("error", number, f"{type(error).__name__}: {error}", traceback.format_exc())


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
