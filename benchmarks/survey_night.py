"""What a survey costs on paper: 9e7 galaxies of 100 regions each, from rates that are measured here.

Run ``python benchmarks/survey_night.py [--model jpas] [--rows N] [--out FILE.md]``.  Measured on one core, by the
clock: answers in memory; a Parquet catalogue read, answered and written by ``agez predict``'s own road; one galaxy's
images in all bands of the model read, prepared, measured in about 100 regions and answered.  The rest is arithmetic,
and said to be: all cores as fast as this one, partitions that do not wait for each other (as two workers are measured
by ``catalogue_scale.py``), and for a GPU the data sheet's numbers, since there was none to measure on.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

GALAXIES, REGIONS = 90_000_000, 100
#: NVIDIA H100 SXM, data sheet of 2023: FP32 without tensor cores [FLOP/s], and host to device by PCIe 5 x16 [byte/s].
GPU_FLOPS, GPU_BUS, GPU_SHARE = 67e12, 64e9, 0.5
#: Disks: a laptop's, a node's NVMe, a cluster's parallel file system [byte/s].
DISKS = {"1 GB/s": 1e9, "5 GB/s": 5e9, "50 GB/s": 50e9}


@dataclass(frozen=True)
class Measured:
    """Rates of one core, and sizes."""

    rows_per_second: float
    files_rows_per_second: float
    bytes_in: float
    bytes_out: float
    flop_per_row: float
    image_seconds: dict[str, float]
    image_regions: int
    image_bytes: float
    n_bands: int


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="jpas", help="default: jpas")
    parser.add_argument("--rows", type=int, default=200_000, help="of the catalogue; default: 200000")
    parser.add_argument("--out", type=Path, help="also write the tables to a file")
    options = parser.parse_args()
    with threadpool_limits(1):
        found = measure(options.model, options.rows)
    lines = tables(found, options.model)
    print("\n".join(lines))
    if options.out is not None:
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def measure(name: str, n_rows: int) -> Measured:
    """All that is measured; best of three where it is short."""
    from agez.catalogues.open_catalogue import open_catalogue
    from agez.engine.answer import make_job
    from agez.engine.run import run_catalogue
    from agez.mixture_network.mixture_model import network_of
    from agez.models.model_file import load_model
    from agez.models.predict import predict
    from agez.photometry.tables import write_photometry

    model = load_model(name)
    photometry = rows_of(model, n_rows)
    predict(model, photometry.take(slice(0, 20_000)), threads=1)  # compiles
    memory = min(_timed(lambda: predict(model, photometry, threads=1)) for _ in range(3))
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "in.parquet", Path(folder) / "out.parquet"
        write_photometry(source, photometry)
        catalogue = open_catalogue(source, rows_per_partition=n_rows)
        job = make_job(catalogue, name)
        files = min(_timed(lambda: run_catalogue(catalogue, job, output, workers=1, fresh=True)) for _ in range(3))
        sizes = source.stat().st_size / n_rows, output.stat().st_size / n_rows
    members = network_of(model).members
    flop = sum(2.0 * array.size for one in members for array in one.parameters.values() if array.ndim > 1)
    seconds, regions, image_bytes = map_one_galaxy(model)
    return Measured(
        n_rows / memory, n_rows / files, *sizes, flop, seconds, regions, image_bytes, len(model.bands)
    )  # fmt: skip


def rows_of(model, n: int):
    """Photometry of mock galaxies as a survey sees them: S/N 5 to 100, some bands missing, redshifts known."""
    from agez.photometry.filters import load_filters
    from agez.spectra.templates import made_up_grid
    from agez.training_seds.libraries import library_of
    from agez.training_seds.observe import Survey, observe
    from agez.training_seds.seds import make_training_seds
    from agez.types import Photometry, Rows

    rng = np.random.default_rng(1)
    filters = load_filters(model.bands.filter_set).select(model.bands.names)
    sky = make_training_seds(
        filters, [library_of(made_up_grid(), name="made-up")], 4000, rng, redshift_range=(0.0, 0.1)
    )
    sky = sky.take(rng.integers(0, len(sky), n))
    seen = observe(sky.flux, sky.present, np.array(model.bands.pivot_angstrom), rng, survey=Survey(snr=(5.0, 100.0)))
    flux, err = (np.where(seen.covered, part, np.nan).astype(float) for part in (seen.flux, seen.flux_err))
    return Photometry(
        model.bands, flux, err, np.isfinite(flux), Rows.numbered(n), sky.redshift.copy(), np.zeros(n, np.int32)
    )  # fmt: skip


def map_one_galaxy(model) -> tuple[dict[str, float], int, float]:
    """Seconds of each step of a map of a mock galaxy, its regions, and the size of its images."""
    from agez.images.prepare import prepare
    from agez.images.read_images import read_images
    from agez.images.regions import RegionSettings
    from agez.mapping.map_galaxy import MapSettings, map_galaxy
    from agez.mocks.image_files import write_image_survey
    from agez.mocks.survey import survey_plan
    from agez.photometry.filters import load_filters
    from agez.spectra.templates import load_templates

    filters = load_filters(model.bands.filter_set).select(model.bands.names)
    with tempfile.TemporaryDirectory() as folder:
        write_image_survey(folder, survey_plan(1, 400, seed=3), load_templates("emiles"), filters, snr=30.0)
        images_of = next(path for path in Path(folder).iterdir() if path.is_dir() and any(path.glob("*_*.fits")))
        size = sum(path.stat().st_size for path in images_of.glob("*.fits"))
        seconds = {}
        begin = time.perf_counter()
        images = read_images(images_of, filters=filters, redshift=0.03)
        seconds["read"] = time.perf_counter() - begin
        begin = time.perf_counter()
        images = prepare(images)
        seconds["sky, stars, one PSF"] = time.perf_counter() - begin
        begin = time.perf_counter()
        maps = map_galaxy(images, model, settings=MapSettings(RegionSettings(target_snr=50.0), redshift=0.03))
        seconds["regions, photometry, prediction"] = time.perf_counter() - begin
    return seconds, len(maps.prediction), float(size)


def tables(found: Measured, name: str) -> list[str]:
    """Markdown."""
    n = GALAXIES * REGIONS
    core_seconds = n / found.files_rows_per_second
    image_seconds = sum(found.image_seconds.values())
    lines = [
        f"Measured on one core, model `{name}` ({found.n_bands} bands):", "",
        "| what | rate or size |", "|---|---|",
        f"| predictions in memory | {found.rows_per_second:,.0f} rows/s |",
        f"| Parquet to Parquet | {found.files_rows_per_second:,.0f} rows/s "
        f"({100 * found.files_rows_per_second / found.rows_per_second:.0f} % of the rate in memory) |",
        f"| a row read, a row written | {found.bytes_in:.0f}, {found.bytes_out:.0f} bytes |",
        f"| products of the networks | {found.flop_per_row / 1e6:.2f} MFLOP a row |",
        *(f"| images of 100 x 100 pixels: {step} | {took:.2f} s |" for step, took in found.image_seconds.items()),
        f"| its regions; its images on disk | {found.image_regions}; {found.image_bytes / 1e6:.1f} MB |", "",
        f"{GALAXIES:.0e} galaxies of {REGIONS} regions, {n:.0e} rows of photometry (arithmetic):", "",
        "| where | prediction | reading and writing at 1 GB/s | at 5 GB/s | at 50 GB/s |", "|---|---|---|---|---|",
    ]  # fmt: skip
    volume = n * (found.bytes_in + found.bytes_out)
    io = [_told(volume / speed) for speed in DISKS.values()]
    for where, cores in (
        ("one core", 1),
        ("a laptop of 8 cores", 8),
        ("a machine of 64 cores", 64),
        ("100 cores", 100),
    ):
        lines.append(f"| {where} | {_told(core_seconds / cores)} | {' | '.join(io)} |")
    compute, bus = n * found.flop_per_row / (GPU_FLOPS * GPU_SHARE), n * (8 * found.n_bands + 150) / GPU_BUS
    lines += [
        f"| one GPU, the networks alone, by its data sheet (not measured) | {_told(compute)} of products, "
        f"{_told(bus)} on the bus | {' | '.join(io)} |",
        "",
        f"{volume / 1e12:.1f} TB are read and written; this runs in parallel with the prediction.",
        "", "From images, galaxy by galaxy (arithmetic):", "",
        "| where | 9e7 galaxies | galaxies in a night of 10 h |", "|---|---|---|",
    ]  # fmt: skip
    for where, cores in (("a machine of 64 cores", 64), ("100 cores", 100), ("1000 cores", 1000)):
        rate = cores / image_seconds
        lines.append(f"| {where} | {_told(GALAXIES / rate)} | {36_000 * rate:,.0f} |")
    return lines


def _told(seconds: float) -> str:
    for unit, size in (("years", 3.156e7), ("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def _timed(work) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
