"""Folders of spectra: every format that is read as a file is found in a folder, whatever its name, and nothing else."""

import gzip

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from cli_road import done, refused
from cube_factory import cube
from instrument_cubes import write_kcwi, write_muse
from reader_files import califa_cube, manga_cube, sdss_spec, sdss_spspec
from spectra_factory import light_fractions, observe

from agez.errors import AgezError
from agez.labelling.input_files import spectra_files
from agez.samples.galaxy_files import unknown_galaxies, write_galaxies
from agez.spectra.formats import SPECUTILS, format_names
from agez.spectra.label_files import read_labels
from agez.spectra.readers import read_spectra, write_rss
from agez.spectra.templates import made_up_grid

WAVE, FLUX = np.arange(4000.0, 4400.0, 2.0), np.linspace(1.0, 2.0, 200)


def table(path, form, **options):
    Table({"wave": WAVE, "flux": FLUX, "flux_err": 0.1 * FLUX}).write(path, format=form, **options)


def manga_rows(path, rng, *, positions):
    values = np.ones((3, 200), np.float32)
    images = [("FLUX", values), ("IVAR", 100 * values), ("WAVE", WAVE)]
    images += [("XPOS", values), ("YPOS", values)] if positions else []
    hdus = [fits.ImageHDU(array, name=name) for name, array in images]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path)


def iraf(path, rng):
    header = fits.Header({"CRVAL1": WAVE[0], "CDELT1": 2.0, "CTYPE1": "LAMBDA"})
    fits.PrimaryHDU(FLUX + 0.01 * rng.normal(size=200), header).writeto(path)


WRITERS = {
    "califa-cube": [califa_cube],
    "manga-cube": [manga_cube],
    "manga-rss": [lambda path, rng: manga_rows(path, rng, positions=True)],
    "manga-stack": [lambda path, rng: manga_rows(path, rng, positions=False)],
    "rss": [lambda path, rng: write_rss(path, read_spectra_of(rng))],
    "sdss": [sdss_spec],
    "sdss-old": [sdss_spspec],
    "flux-error": [
        lambda path, rng: write_muse(path, cube(rng, ny=4, nx=4)),
        lambda path, rng: write_kcwi(path, cube(rng, ny=4, nx=4)),
    ],
    "iraf": [iraf],
    "table": [
        lambda path, rng: table(path, "ascii.ecsv"),
        lambda path, rng: table(path, "fits"),
        lambda path, rng: table(path, "ascii.csv"),
        lambda path, rng: table(path, "ascii.tab"),
        lambda path, rng: table(path, "ascii.commented_header"),
        lambda path, rng: table(path, "ascii.no_header"),
    ],
}


def read_spectra_of(rng):
    grid = made_up_grid()
    return observe(
        grid, light_fractions(grid, 2, rng), velocity_kms=np.zeros(2), sigma_kms=np.full(2, 100.0), snr=40.0, rng=rng
    )


def test_every_format_is_tried():
    assert set(WRITERS) == set(format_names()) - {SPECUTILS}


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(("name", "number"), [(name, k) for name, all_ in WRITERS.items() for k in range(len(all_))])
def test_a_file_of_any_format_is_found_in_a_folder(tmp_path, rng, name, number, compressed):
    path = tmp_path / "folder" / "object.dat"
    path.parent.mkdir()
    WRITERS[name][number](path, rng)
    if compressed:
        path.with_suffix(".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
        path = path.with_suffix(".gz")
    assert spectra_files([path.parent]) == [path]
    assert len(read_spectra(path)) > 0


def test_other_files_are_passed_over_and_damaged_ones_are_not(tmp_path, rng):
    write_galaxies(tmp_path / "galaxies.fits", unknown_galaxies(np.array(["NGC1"])))
    write_galaxies(tmp_path / "galaxies.ecsv", unknown_galaxies(np.array(["NGC1"])))
    (tmp_path / "README.md").write_text("The flux of these spectra is in 1e-16.\n")
    (tmp_path / "empty.fits").write_bytes(b"")
    (tmp_path / "figure.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    image = fits.Header({"CTYPE1": "RA---TAN", "CRVAL1": 1.0, "CDELT1": 1.0, "CTYPE2": "DEC--TAN"})
    planes = [fits.ImageHDU(np.ones((5, 5)), image, name=name) for name in ("DATA", "STAT")]
    fits.HDUList([fits.PrimaryHDU(), *planes]).writeto(tmp_path / "image.fits")
    with pytest.raises(AgezError, match=r"no file of spectra among the 6 in this folder; of the first FITS file: .*"):
        spectra_files([tmp_path])
    califa_cube(tmp_path / "b.fits", rng)
    (tmp_path / "a.fits").write_bytes((tmp_path / "b.fits").read_bytes()[:9000])
    assert spectra_files([tmp_path]) == [tmp_path / "a.fits", tmp_path / "b.fits"]


def test_a_folder_of_ecsv_spectra_is_labelled_by_one_command(tmp_path, rng):
    spectra = read_spectra_of(rng)
    for row, name in enumerate(("n1", "n2")):
        columns = {"wave_air": spectra.wave_angstrom, "flux": spectra.flux[row], "flux_err": spectra.flux_err[row]}
        one = Table(columns, meta={"redshift": 0.01, "flux_unit": spectra.flux_unit})
        one.write(tmp_path / f"{name}.ecsv")
    out = tmp_path / "out" / "labels.fits"
    done("label", tmp_path, "-o", out, "--templates", "made-up", "--workers", 1)
    assert read_labels(out).rows.galaxy_id.tolist() == ["n1", "n2"]
    done("label", tmp_path, "-o", f"{tmp_path}/each/", "--templates", "made-up", "--workers", 1)
    written = sorted(path.name for path in (tmp_path / "each").iterdir())
    assert written == ["n1.labels.fits", "n2.labels.fits", "summary.fits"]
    done("synth", tmp_path, "-o", tmp_path / "p.fits")  # the labels beside them are no spectra
    (tmp_path / "none").mkdir()
    refused("label", tmp_path / "none", "-o", out, says="no file of spectra among the 0")
