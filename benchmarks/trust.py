"""Whether predictions can be trusted: every bar that is set for models that give distributions, as one table.

Run ``python benchmarks/trust.py [--sample FILE] [--out trust.md]``.  Parts, which ``--only`` picks from:

set_b      on the folds of the standard mock survey: errors against the paper's network, Set A, half of the bands
           missing, coverage overall and in bins (a quarter of an hour)
cross      trained on one template library or on some histories, tested on others (a quarter of an hour)
unlike     stars, quasars, distant galaxies and spoilt tables are flagged, galaxies are not (minutes)
ablation   what the flags of "unlike" lose without each statistic of the score (minutes)
agreement  numpy against JAX, saved against loaded, broken files (seconds)

``--quick`` makes all of it so small that its numbers mean nothing: to see that it runs.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from trust_ablation import ablation
from trust_agreement import agreement
from trust_cross import QUICK, Size, cross, shipped
from trust_set_b import set_b
from trust_table import Part
from trust_unlike import unlike

from agez.bench.text import bar_lines, section
from agez.errors import AgezError
from agez.experiments.mock_sample import make_mock_sample
from agez.experiments.presets import PRESETS
from agez.label_types import Sample
from agez.mocks.survey import survey_plan
from agez.models.features import normalised
from agez.models.model import Model
from agez.models.model_file import available_models, load_model
from agez.photometry.filters import load_filters
from agez.photometry.names import PAPER_BANDS
from agez.runtime.files import whole_file, write_json
from agez.samples.sample import read_sample
from agez.training.mixture_fit import FitSettings

PARTS = ("set_b", "cross", "unlike", "ablation", "agreement")


def sample_of(path: Path | None, quick: bool, workers: int) -> Sample:
    """That of the file, or that of ``agez reproduce``."""
    if path is not None:
        return read_sample(path)
    size = PRESETS["quick" if quick else "standard"]
    plan = survey_plan(size.n_galaxies, size.n_spectra, seed=1)
    return make_mock_sample(plan, load_filters("jpas").select(PAPER_BANDS), workers=workers)[0]


def smaller(sample: Sample, n_galaxies: int) -> Sample:
    """The first galaxies of a sample."""
    names = np.unique(sample.rows.galaxy_id)[:n_galaxies]
    return sample.take(np.isin(sample.rows.galaxy_id, names))


def models_of(names: list[str] | None) -> dict[str, Model]:
    """Models by name; default: those that ship."""
    wanted = list(available_models()) if names is None else names
    found = {Path(name).stem: load_model(name) for name in wanted}
    return {name: model for name, model in found.items() if model.gives_distribution}


def run_part(part: str, arguments: argparse.Namespace) -> Part:
    """Bars and tables of one part."""
    quick, workers = arguments.quick, arguments.workers
    if part == "set_b":
        sample = sample_of(arguments.sample, quick, workers)
        if quick and arguments.sample is not None:
            sample = smaller(sample, 24)
        start = None if arguments.model == "none" else load_model(arguments.model)
        return set_b(
            sample, start, paper=PRESETS["quick" if quick else "standard"].training,
            settings=FitSettings(steps=100, batch=128) if quick else None, fresh=not arguments.no_fresh,
            members=1 if quick else 2, workers=workers,
        )  # fmt: skip
    if part == "cross":
        found = cross(QUICK if quick else Size(), workers=workers)
        own = {name: model for name, model in models_of(arguments.models).items() if name.startswith("jpas")}
        return Part(
            found.bars, [*found.tables, *(shipped(m, name, n=400 if quick else 4000) for name, m in own.items())]
        )
    parts = []
    for name, model in models_of(arguments.models).items():
        print(f"{part}: {name}", flush=True)
        if part == "unlike":
            parts.append(unlike(model, name, n=400 if quick else 2000))
        elif part == "ablation":
            parts.append(ablation(model, name, n=400 if quick else 2000))
        else:
            parts.append(_agreement(model, name))
    return Part([bar for one in parts for bar in one.bars], [table for one in parts for table in one.tables])


def _agreement(model: Model, name: str) -> Part:
    rng, b = np.random.default_rng(31), len(model.bands)
    flux = rng.lognormal(0.0, 0.4, (500, b))
    seds = normalised(flux, 0.05 * flux, rng.uniform(size=flux.shape) < 0.8)
    found = agreement(model, seds, rng.uniform(*model.header["redshift_range"], len(flux)))
    return Part([bar._replace(what=f"{name}: {bar.what}") for bar in found.bars], found.tables)


def text_of(parts: dict[str, Part]) -> str:
    """All of it as Markdown: the bars, and behind them the numbers."""
    bars = [bar for part in parts.values() for bar in part.bars]
    judged = [bar for bar in bars if bar.met is not None]
    lines = [
        "# Whether predictions can be trusted", "",
        f"{sum(bool(bar.met) for bar in judged)} of {len(judged)} bars are met.", "",
        *bar_lines([bar._asdict() for bar in bars]),
    ]  # fmt: skip
    for part in parts.values():
        for table in part.tables:
            lines += section(f"## {table.title}", table.columns, table.rows)
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the parts and print the table; what is done is written after each part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=Path, help="sample.fits of `agez reproduce`; else the survey is made")
    parser.add_argument("--model", default="paper", help="what set_b starts from, or none (default: paper)")
    parser.add_argument("--models", nargs="+", help="for the other parts (default: all that ship)")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=list(PARTS))
    parser.add_argument("--no-fresh", action="store_true", help="set_b: leave out networks that start afresh")
    parser.add_argument("--out", type=Path, nargs="+", default=[], help="FILE.md and/or FILE.json")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="small: to see that it runs")
    arguments = parser.parse_args()
    done: dict[str, Part] = {}
    for part in arguments.only:
        start = time.time()
        try:
            done[part] = run_part(part, arguments)
        except AgezError as error:
            print(f"{part} is left out: {error}")
            continue
        print(f"{part}: {time.time() - start:.0f} s", flush=True)
        for path in arguments.out:
            if path.suffix == ".json":
                write_json(path, {name: one.to_json() for name, one in done.items()})
            else:
                with whole_file(path) as partial:
                    Path(partial).write_text(text_of(done))
    print("\n" + text_of(done))


if __name__ == "__main__":
    main()
