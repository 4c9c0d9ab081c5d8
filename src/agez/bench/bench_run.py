"""A run of the benchmark: sets one after another, by a model or a table of answers, and its bars."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from agez import __version__
from agez.bench.answers import read_answers
from agez.bench.bars import bars_of
from agez.bench.bench_set import BenchSet
from agez.bench.rows import BenchRows
from agez.bench.spectra_bench import bench_spectra
from agez.bench.table_bench import bench_table
from agez.errors import AgezError
from agez.models.model import Model
from agez.models.model_file import load_model
from agez.spectra.templates import load_templates
from agez.spectra.young_templates import default_templates

SCHEMA = "agez.bench/1"
#: Surveys through whose bands spectra are seen, beside that of the set itself.
SURVEYS = ("jpas", "jplus", "splus")


@dataclass(frozen=True)
class BenchOptions:
    """What a run is asked for."""

    data: str | None = None  #: Folder of the shipped sets' files; None: the environment's.
    model: str | None = None  #: A model's name or file; None: that of each set's survey.
    answers: str | None = None  #: Table of another code's answers, in place of a model.
    columns: str | None = None  #: Its columns.
    templates: str | None = None  #: Of the spectral fit; None: as `agez label` chooses.
    ebv: float | None = None  #: E(B-V) of the Milky Way in front of tables, in place of what sets say.
    seed: int = 1


def run_bench(sets: tuple[BenchSet, ...], options: BenchOptions) -> dict[str, Any]:
    """All sets, as strict JSON with the keys schema, version, seed and sets.

    Raises
    ------
    AgezError
        For data that are not there, options that do not fit the sets, or a model of other bands.
    """
    if not sets:
        raise AgezError("no set to judge")
    if options.columns is not None and options.answers is None:
        raise AgezError("--columns says what is in --answers TABLE; give both")
    if options.answers is not None and (options.model is not None or len(sets) != 1):
        raise AgezError("--answers judges one set by one table: name one set, and leave --model out")
    if options.ebv is not None:
        sets = tuple(replace(one, ebv=options.ebv) for one in sets)
    rows = [one.rows(options.data) for one in sets]
    tables = [one.photometry is not None for one in rows]
    if options.templates is not None and all(tables):
        raise AgezError("--templates is for sets of spectra, and none is asked for; drop the option")
    if options.ebv is not None and not any(tables):
        raise AgezError("--ebv is for sets of photometry, and none is asked for; drop the option")
    blocks = [_judged(one, of, options) for one, of in zip(sets, rows, strict=True)]
    return {
        "schema": SCHEMA,
        "version": __version__,
        "seed": options.seed,
        "sets": {block["set"]: block for block in blocks},
    }


def _judged(one: BenchSet, rows: BenchRows, options: BenchOptions) -> dict[str, Any]:
    if rows.photometry is None and options.answers is not None:
        raise AgezError(
            f"--answers: set {one.name!r} holds spectra; tables of answers are judged on sets of photometry"
        )
    if options.answers is not None:
        answers = read_answers(options.answers, rows.known.name, columns=options.columns)
        block = bench_table(one, rows, answers=answers, seed=options.seed)
    elif rows.photometry is not None:
        block = bench_table(one, rows, model=load_model(options.model or one.filters), seed=options.seed)
    else:
        templates = load_templates(options.templates or default_templates()[0])
        block = bench_spectra(one, rows, models=_models(one, options), templates=templates, seed=options.seed)
    return block | {"bars": [bar._asdict() for bar in bars_of(block)]}


def _models(one: BenchSet, options: BenchOptions) -> dict[str, Model]:
    """Models that see the spectra: the one asked for alone, else that of the set and those of other surveys."""
    if options.model is not None:
        model = load_model(options.model)
        return {model.name: model}
    return {name: load_model(name) for name in dict.fromkeys((one.filters, *SURVEYS))}
