"""What each command does: files to functions to files, and an answer for --json and for a person."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable

from agez.commands.answers import Answer
from agez.commands.bench import bench
from agez.commands.compare import compare
from agez.commands.demo import demo
from agez.commands.evaluate import evaluate
from agez.commands.fetching import fetch
from agez.commands.listings import check, filters
from agez.commands.maps import map_
from agez.commands.models import models, train
from agez.commands.predict import predict
from agez.commands.show import show
from agez.commands.spectra import label, synth
from agez.commands.surveys import gradient, mock, reproduce, sample

__all__ = ["COMMANDS", "Answer"]

COMMANDS: dict[str, Callable[[Namespace], Answer]] = {
    command.__name__.rstrip("_"): command  # map is a word of Python's own
    for command in (
        demo,
        reproduce,
        mock,
        synth,
        label,
        sample,
        train,
        evaluate,
        predict,
        show,
        map_,
        gradient,
        compare,
        fetch,
        filters,
        models,
        bench,
        check,
    )
}
