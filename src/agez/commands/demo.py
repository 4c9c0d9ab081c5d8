"""Command demo: bundled mock galaxies through predict and map, by the commands that a user would give."""

from __future__ import annotations

import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path

from agez.commands.answers import Answer
from agez.errors import AgezError
from agez.runtime.files import make_folder
from agez.runtime.optional_packages import is_installed


def demo(options: Namespace) -> Answer:
    """``agez demo``."""
    from agez.demo.demo_files import is_demo_folder, true_in_intervals, write_demo_files

    begin = time.perf_counter()
    folder = make_folder(options.out)
    strangers = [one.name for one in folder.iterdir() if one.name not in _OURS]
    if not strangers and any(folder.iterdir()) and not is_demo_folder(folder):
        strangers = sorted(one.name for one in folder.iterdir())
    if strangers:
        raise AgezError(f"{folder} holds other files ({strangers[0]}); name a new folder with -o")
    made = write_demo_files(folder)
    pictures = is_installed("matplotlib")
    answers, maps = folder / "ages.fits", folder / "maps.fits"
    predict: list[str | Path] = ["predict", made.catalogue, "-o", answers, "--model", "splus"]
    predict += ["--page", folder / "ages.html"]
    predict += ["--picture", folder / "ages.png"] if pictures else []
    lines = ["300 mock galaxies as S-PLUS publishes them (made by agez, with known truth; nothing here was observed)"]
    lines += _run(predict)
    shares = true_in_intervals(made.catalogue, answers)
    lines.append(
        f"  truth: the 68 % intervals hold {100 * shares['log_age_lw']:.0f} % of the true ages and "
        f"{100 * shares['mh_lw']:.0f} % of the true [M/H]"
    )
    pages = [folder / "ages.html"]
    if is_installed("photutils") and is_installed("powerbin"):
        command: list[str | Path] = ["map", made.images, "-o", maps, "--model", "splus"]
        command += ["--redshift", f"{made.redshift:.4f}", "--re", f"{made.re_arcsec:.1f}"]
        command += ["--inclination", f"{made.inclination_deg:.0f}", "--pa", f"{made.pa_deg:.0f}"]
        command += ["--page", folder / "maps.html"]
        command += ["--pictures", folder / "pictures"] if pictures else []
        lines += ["", "images of one mock galaxy in the twelve bands of S-PLUS", *_run(command)]
        pages.append(folder / "maps.html")
    else:
        lines += ["", "maps of images need agez[images]; run: pip install 'agez[images]'"]
    seconds = time.perf_counter() - begin
    lines += [
        "", f"done in {seconds:.0f} s; open in a browser: {' and '.join(map(str, pages))}",
        "with your own files:",
        "  agez predict TABLE -o ages.fits --model splus --page ages.html         # or jplus, jpas",
        "  agez map FOLDER_OF_IMAGES -o maps.fits --model splus --redshift Z --re ARCSEC --page maps.html",
    ]  # fmt: skip
    content = {
        "output": str(folder), "pages": [str(page) for page in pages], "true_in_68": shares,
        "seconds": round(seconds, 1),
    }  # fmt: skip
    return content, lines


#: Names that the command writes.
_OURS = {
    "galaxies.csv", "images", "ages.fits", "ages.html", "ages.png", "maps.fits", "maps.html", "pictures", ".DS_Store",
}  # fmt: skip


def _run(command: list[str | Path]) -> list[str]:
    """Run a command of agez as a user would; the command and what it printed."""
    words = [str(word) for word in command]
    ran = subprocess.run([sys.executable, "-m", "agez", *words, "--quiet"], capture_output=True, text=True, check=False)
    if ran.returncode:
        raise AgezError(f"agez {' '.join(words)}: {ran.stderr.strip().removeprefix('agez: error: ')}")
    return [f"$ agez {' '.join(words)}", *(f"  {line}" for line in ran.stdout.splitlines())]
