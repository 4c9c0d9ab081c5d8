"""Mock cubes: the galaxy that the rows are of, in CALIFA's layout, with noise that neighbours share."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from agez.analysis.geometry import disc_coordinates, face_on_radius
from agez.errors import AgezError
from agez.mocks import cubes
from agez.mocks.cubes import MockCube, make_cube, write_cube
from agez.mocks.galaxies import make_galaxy
from agez.mocks.spaxels import surface_brightness
from agez.mocks.survey import survey_plan
from agez.mocks.survey_files import read_truth, write_survey
from agez.spectra.covariance import CALIFA, covariance_for
from agez.spectra.readers import read_spectra
from agez.types import Rows

PLAN = survey_plan(3, 90, seed=5)


@pytest.fixture(scope="module")
def made(toy_grid) -> MockCube:
    return make_cube(PLAN, 0, toy_grid, shape=(21, 25))


def test_reads_back_as_califa(made: MockCube, tmp_path: Path):
    path = tmp_path / "m.V500.rscube.fits.gz"
    write_cube(path, made)
    first = path.read_bytes()
    write_cube(path, made)
    assert path.read_bytes() == first
    with gzip.open(path) as file, fits.open(file) as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "ERROR", "ERRWEIGHT", "BADPIX", "FIBCOVER"]
        assert len({hdu.data.shape for hdu in hdus}) == 1
        assert hdus[0].header["CRVAL3"] == 3749.0
    read = read_spectra(path)
    assert read.meta["format"] == "califa-cube"
    assert read.meta["setup"] == "V500"
    assert read.meta["assumed"] == ("fwhm",)
    assert covariance_for(read.meta).name == "califa"
    assert read.rows.spec_id.tolist() == made.rows.spec_id.tolist()
    assert read.rows.galaxy_id[0] == "MOCK0001"
    assert np.allclose(read.rows.x, made.rows.x, atol=1e-6)
    assert np.allclose(read.rows.y, made.rows.y, atol=1e-6)
    assert np.allclose(read.redshift, PLAN.galaxies.redshift[0], rtol=1e-6)
    good = ~read.mask
    assert np.array_equal(read.flux[good], made.flux[:, made.pixel_y, made.pixel_x].T[good])
    assert 0.98 < good.mean() < 1


def test_is_the_galaxy_of_the_rows(made: MockCube, toy_grid):
    """Sums over the galaxy, and truths within those of its tiles; its brightest spaxel is the centre."""
    rows = make_galaxy(PLAN, 0, toy_grid)
    for name in ("log_age_lw", "mh_lw", "log_age_mw", "mh_mw", "av", "velocity_kms"):
        tiles, spaxels = getattr(rows.truth, name), getattr(made.truth, name)
        assert tiles.min() - 1e-9 <= spaxels.min()
        assert spaxels.max() <= tiles.max() + 1e-9
    brightest = np.argmax(made.light)
    assert np.hypot(made.rows.x[brightest], made.rows.y[brightest]) == 0
    centre = np.argmin(np.hypot(rows.spectra.rows.x, rows.spectra.rows.y))
    assert made.truth.log_age_lw[brightest] == pytest.approx(rows.truth.log_age_lw[centre], abs=0.15)
    assert np.all(made.truth.sigma_kms >= rows.truth.sigma_kms.min() - 1e-6)


def test_spectra_are_the_light_of_their_tiles(toy_grid, monkeypatch: pytest.MonkeyPatch):
    """A slow sum over neighbours and their nearest tiles gives the same; noise is as large as said."""
    shape = (21, 25)
    monkeypatch.setattr(cubes.observation, "calibration_errors", lambda n, rng: np.float32(1))
    noisy = make_cube(PLAN, 0, toy_grid, shape=shape)
    monkeypatch.setattr(cubes, "_shared_noise", lambda n, shape, rng: np.zeros((n, *shape), dtype=np.float32))
    clean = make_cube(PLAN, 0, toy_grid, shape=shape)

    rows, galaxy = make_galaxy(PLAN, 0, toy_grid, keep_noiseless=True), PLAN.properties_of(0)
    where = {"inclination_deg": galaxy["inclination"], "pa_deg": galaxy["pa"]}
    tiles = np.column_stack(disc_coordinates(rows.spectra.rows.x, rows.spectra.rows.y, **where))
    unit = (rows.noiseless / rows.spaxels.flux[:, None])[:, 2:]
    for k in (0, len(clean) // 2, len(clean) // 2 + 5, len(clean) - 1):
        x0, y0 = clean.rows.x[k], clean.rows.y[k]
        total, flux, age = 0.0, 0.0, 0.0
        for y in range(-10, 11):
            for x in range(-12, 13):
                distance = np.hypot(x - x0, y - y0)
                if distance > 3.5 * 2.5 / 2.3548200450309493:
                    continue
                nearest = np.argmin(np.hypot(*(tiles - np.array(disc_coordinates(x, y, **where))).T))
                r_re = face_on_radius(x, y, re_arcsec=galaxy["re_arcsec"], **where)
                weight = np.exp(-0.5 * (distance / 2.5 * 2.3548200450309493) ** 2)
                weight = weight * float(surface_brightness(r_re, galaxy))
                total, flux = total + weight, flux + weight * unit[nearest]
                age += weight * rows.truth.log_age_lw[nearest]
        good = ~clean.bad[:, clean.pixel_y[k], clean.pixel_x[k]]
        seen = clean.flux[:, clean.pixel_y[k], clean.pixel_x[k]]
        assert np.allclose(seen[good], (flux / total * clean.light[k])[good], rtol=1e-4)
        assert clean.truth.log_age_lw[k] == pytest.approx(age / total)

    good = ~(clean.bad | noisy.bad)
    pull = (noisy.flux - clean.flux)[good] / clean.flux_err[good]
    assert pull.std() == pytest.approx(1.0, abs=0.02)
    assert abs(pull.mean()) < 0.05


def test_noise_is_shared_as_califas_is():
    field = cubes._shared_noise(4000, (16, 16), np.random.default_rng(1)).reshape(4000, -1)
    assert field.std() == pytest.approx(1.0, abs=0.01)
    y, x = np.mgrid[:16, :16]
    order = np.argsort(np.hypot(y - 7.6, x - 7.7).ravel())
    for n in (2, 5, 12, 25, 50, 80):
        ratio = field[:, order[:n]].sum(axis=1).std() / np.sqrt(n)
        assert ratio == pytest.approx(float(CALIFA.ratio(n)), rel=0.09), n


def test_truth_of_bins(made: MockCube, toy_grid, tmp_path: Path):
    write_survey(tmp_path, survey_plan(1, 30, seed=5), toy_grid, cubes=True)
    cube = make_cube(survey_plan(1, 30, seed=5), 0, toy_grid)
    members = {("MOCK0001", "MOCK0001-0"): cube.rows.spec_id[:4].tolist()}
    rows = Rows(np.array(["MOCK0001-0", cube.rows.spec_id[7], "x"]), np.full(3, "MOCK0001"), np.zeros(3), np.zeros(3))
    truth = read_truth(tmp_path / "truth.fits", rows, members=members)
    light, mass = cube.light[:4], cube.mass[:4]
    assert truth.log_age_lw[0] == pytest.approx(np.sum(light * cube.truth.log_age_lw[:4]) / light.sum())
    assert truth.mh_mw[0] == pytest.approx(np.sum(mass * cube.truth.mh_mw[:4]) / mass.sum())
    assert truth.log_age_lw[1] == cube.truth.log_age_lw[7]
    assert np.isnan(truth.log_age_lw[2])
    with pytest.raises(AgezError, match="give the truth of the same survey"):
        read_truth(tmp_path / "truth.fits", rows.take([2]), members=members)


def test_a_galaxy_that_is_not_there(toy_grid):
    with pytest.raises(AgezError, match="does not exist"):
        make_cube(PLAN, 3, toy_grid)
