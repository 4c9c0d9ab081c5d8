"""Runs the benchmarks of the spectral fit and saves what they print, for tools/write_docs.py to put into docs/.

    python tools/measure_labels.py DIR [--model FILE] [--califa FILE] [--cache FILE] [--spectra N]
    python tools/write_docs.py --labels DIR

DIR then holds accuracy.md, errors.md, priors.md, kinematics.md, speed.md, real.md and figures.  What is there already
is left alone: delete a file to have it made again.  With an empty cache pPXF needs an hour or more for the accuracy;
with a full one all takes some eight minutes on one core.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


def save(path: Path, script: str, *arguments: str) -> None:
    """Run a benchmark and keep what it prints, if it succeeds and is not there yet."""
    if path.exists():
        print(f"{path}: there already")
        return
    print(f"{path}: {script} {' '.join(arguments)}", flush=True)
    command = [sys.executable, str(BENCHMARKS / script), *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    path.write_text(done.stdout, encoding="utf-8")


def main() -> None:
    """Fill the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="DIR", type=Path)
    parser.add_argument("--model", type=Path, help="of the standard run: models/set_b.safetensors")
    parser.add_argument("--califa", type=Path, help="NGC2691.COMB.RSS.fits")
    parser.add_argument("--cache", type=Path, help="pPXF's answers for the accuracy (npz)")
    parser.add_argument("--cached-only", action="store_true", help="fit nothing with pPXF for the accuracy")
    parser.add_argument("--spectra", type=int, default=100, help="of each type at each S/N, for the accuracy")
    options = parser.parse_args()
    folder = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    accuracy = ["--spectra", str(options.spectra), "--regularisation", "30", "0"]
    accuracy += ["--cache", str(options.cache)] if options.cache else []
    accuracy += ["--cached-only"] if options.cached_only else []
    real = ["--figures", str(folder)]
    real += ["--model", str(options.model)] if options.model else []
    real += ["--califa", str(options.califa)] if options.califa else []
    save(folder / "speed.md", "label_speed.py")
    save(folder / "real.md", "real_spectra.py", *real)
    save(folder / "errors.md", "label_errors.py")
    save(folder / "priors.md", "label_priors.py")
    save(folder / "kinematics.md", "kinematics.py")
    save(folder / "accuracy.md", "label_accuracy.py", *accuracy)


if __name__ == "__main__":
    main()
