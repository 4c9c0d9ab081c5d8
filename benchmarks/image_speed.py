"""Seconds that a galaxy's images take on one core, and the same of another commit, stage by stage.

Run ``python benchmarks/image_speed.py [--sides 100 300] [--against COMMIT] [--rounds 3] [--bands 56] [--re 7]``.  A
mock galaxy of S/N 30 a pixel at 1 Re is written as files in the first bands of ``jpas``, read, prepared (background,
noise, stars, PSF matching), divided into regions of S/N 10 and measured.  Its size grows with the image: the side is
seven effective radii (``--re``), and the galaxy leaves little sky.  ``--against`` checks the other commit out into a
temporary git worktree and runs the same stages there in turn, a fresh process a round.  Seconds are of processor time
(one thread; the machine may be busy): the least of the rounds, after one run to warm up, whose time stands by itself.
Differences are those of this tree's results from the other's.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

STAGES = ("read", "prepare", "regions", "photometry")
PIXEL_ARCSEC, PSF_RANGE_ARCSEC, PSF_BETA, SNR, TARGET_SNR, SEED = 0.55, (1.0, 1.6), 3.5, 30.0, 10.0, 3
#: Timed runs of a process, after one that is not.
RUNS = 3
#: What is compared, and in which words.
COMPARED = {
    "prepared flux, over its error": ("prepared_flux", "prepared_err"),
    "prepared errors, relative": ("prepared_err", "prepared_err"),
    "fluxes of regions, relative": ("flux", "flux"),
    "fluxes of regions, over their errors": ("flux", "err"),
    "errors of regions, relative": ("err", "err"),
}


def write_galaxy(folder: Path, side: int, n_bands: int, re_of_side: float = 7.0) -> None:
    """A mock galaxy as files."""
    from agez.mocks.image_files import write_mock_images
    from agez.mocks.image_light import galaxy_tiles
    from agez.mocks.images import make_mock_images
    from agez.mocks.survey import survey_plan
    from agez.photometry.filters import load_filters
    from agez.spectra.templates import load_templates

    bands = load_filters("jpas")
    filters = bands.select(bands.names[:n_bands])
    rng = np.random.default_rng(SEED)
    re_arcsec = side * PIXEL_ARCSEC / re_of_side
    tiles = galaxy_tiles(
        survey_plan(1, 400, seed=SEED), 0, load_templates("emiles"), filters, redshift=0.03, re_arcsec=re_arcsec
    )
    made = make_mock_images(
        tiles, filters, pixel_arcsec=PIXEL_ARCSEC, shape=(side, side),
        psf_fwhm_arcsec=rng.uniform(*PSF_RANGE_ARCSEC, n_bands), psf_beta=PSF_BETA, snr=SNR, rng=rng,
        sky=rng.normal(0, 0.1, n_bands), noise_kernel=0.5, n_stars=4, bad_share=5e-4,
        zero_point=rng.uniform(23.0, 26.0, n_bands),
    )  # fmt: skip
    write_mock_images(folder, made)


def run_stages(folder: Path, result: Path) -> None:
    """Time the stages with the package that is imported, and keep what comes out."""
    from threadpoolctl import threadpool_limits

    from agez.images.measure import measure
    from agez.images.prepare import prepare
    from agez.images.read_images import read_images
    from agez.images.regions import RegionSettings, make_regions

    seconds = np.empty((RUNS + 1, len(STAGES)))
    with threadpool_limits(1):
        for run in range(RUNS + 1):
            clock = [time.process_time()]
            read = read_images(folder, redshift=0.03)
            clock.append(time.process_time())
            images = prepare(read)
            clock.append(time.process_time())
            centre = images.meta["centre"]
            regions = make_regions(images, RegionSettings(target_snr=TARGET_SNR), centre=centre)
            clock.append(time.process_time())
            photometry = measure(images, regions.bin_id, redshift=0.03, centre=centre)
            clock.append(time.process_time())
            seconds[run] = np.diff(clock)
    noise = np.concatenate([one.ravel() for one in images.noise])
    np.savez(
        result, seconds=seconds[1:].min(axis=0), first=seconds[0], prepared_flux=images.flux, mask=images.mask,
        prepared_err=images.flux_err, noise=noise, bin_id=regions.bin_id, flux=photometry.flux,
        err=photometry.flux_err, remarks=np.array([*images.meta["remarks"], *regions.remarks, "end"]),
    )  # fmt: skip


def in_turn(trees: list[Path], folder: Path, rounds: int) -> list[dict[str, np.ndarray]]:
    """What each tree gives, with the least seconds of all rounds."""
    found: list[dict[str, np.ndarray]] = [{} for _ in trees]
    with tempfile.TemporaryDirectory() as place:
        for _ in range(rounds):
            for one, tree in zip(found, trees, strict=True):
                result = Path(place) / "result.npz"
                environment = {**os.environ, "PYTHONPATH": str(tree / "src")}
                command = [sys.executable, __file__, "--stages-of", str(folder), "--result", str(result)]
                subprocess.run(command, check=True, env=environment, cwd=place)
                with np.load(result) as stored:
                    new = dict(stored)
                for name in ("seconds", "first"):
                    new[name] = np.minimum(new[name], one.get(name, np.inf))
                one.update(new)
    return found


def table(found: list[dict[str, np.ndarray]], names: list[str]) -> str:
    """Seconds of the stages as Markdown, and their ratio."""
    lines = [
        f"| stage | {' | '.join(names)} |{' ratio |' * (len(found) == 2)}",
        "|---" * (len(found) * 3 // 2 + 1) + "|",
    ]
    rows = [(stage, [float(one["seconds"][k]) for one in found]) for k, stage in enumerate(STAGES)]
    rows.append(("all", [float(one["seconds"].sum()) for one in found]))
    rows.append(("all, first run of a process", [float(one["first"].sum()) for one in found]))
    for stage, seconds in rows:
        ratio = f" {seconds[1] / seconds[0]:.1f} |" if len(seconds) == 2 else ""
        lines.append(f"| {stage} | {' | '.join(f'{one:.3f} s' for one in seconds)} |{ratio}")
    return "\n".join(lines)


def differences(new: dict[str, np.ndarray], old: dict[str, np.ndarray]) -> str:
    """Largest differences, as Markdown."""
    lines = ["| what | largest difference |", "|---|---|"]
    same_shape = new["flux"].shape == old["flux"].shape
    for words, (name, unit) in COMPARED.items():
        if new[name].shape != old[name].shape:
            lines.append(f"| {words} | other regions |")
            continue
        a, b, scale = (one.astype(float) for one in (new[name], old[name], old[unit]))
        finite = np.isfinite(a) & np.isfinite(b) & np.isfinite(scale)
        other = int((np.isfinite(a) != np.isfinite(b)).sum())
        largest = np.max(np.abs(a - b)[finite] / np.abs(scale)[finite], initial=0.0)
        lines.append(f"| {words} | {largest:.1e}{f', and {other} are missing in one only' if other else ''} |")
    same_noise = new["noise"].shape == old["noise"].shape
    largest = f"{np.abs(new['noise'] - old['noise']).max():.1e}" if same_noise else "other reach"
    lines.append(f"| correlations of noise | {largest} |")
    for words, name in (("pixels of other masks", "mask"), ("pixels of other regions", "bin_id")):
        lines.append(f"| {words} | {int((new[name] != old[name]).sum())} of {new[name].size} |")
    lines.append(f"| remarks | {'the same' if new['remarks'].tolist() == old['remarks'].tolist() else 'others'} |")
    if same_shape:
        lines.append(f"| regions, bands | {new['flux'].shape[0]}, {new['flux'].shape[1]} |")
    return "\n".join(lines)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", type=int, nargs="+", default=[100, 300], help="pixels; default: 100 300")
    parser.add_argument("--bands", type=int, default=56)
    parser.add_argument("--re", type=float, default=7.0, help="side of the image in effective radii; default: 7")
    parser.add_argument("--against", metavar="COMMIT", help="of this repository, to be run beside this tree")
    parser.add_argument("--rounds", type=int, default=3, help="processes a tree; default: 3")
    parser.add_argument("--stages-of", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--result", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stages_of is not None:
        run_stages(options.stages_of, options.result)
        return
    here = Path(__file__).resolve().parents[1]
    with tempfile.TemporaryDirectory() as place:
        trees, names, other = [here], ["this tree"], Path(place) / "other"
        git = ["git", "-C", str(here), "worktree"]
        if options.against:
            subprocess.run([*git, "add", "--detach", str(other), options.against], check=True, capture_output=True)
            trees, names = [here, other], ["this tree", options.against]
        try:
            for side in options.sides:
                folder = Path(place) / f"galaxy{side}"
                write_galaxy(folder, side, options.bands, options.re)
                found = in_turn(trees, folder, options.rounds)
                print(f"## {options.bands} bands of {side} x {side} pixels\n\n{table(found, names)}\n", flush=True)
                if len(found) == 2:
                    print(differences(*found) + "\n", flush=True)
        finally:
            if options.against:
                subprocess.run([*git, "remove", "--force", str(other)], check=True, capture_output=True)


if __name__ == "__main__":
    main()
