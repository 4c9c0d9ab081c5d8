"""Synthetic photometry against analytic cases, speclite, and a slow oracle."""

from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from hypothesis import given, settings
from hypothesis import strategies as st

import agez
from agez.errors import AgezError
from agez.flags import Flag, has_flag
from agez.photometry.air import vacuum_to_air
from agez.photometry.filters import FilterSet, filter_set_from_curves
from agez.photometry.response import response_matrix
from agez.photometry.synthesis import ab_magnitude, synthesize
from agez.spectra.templates import SSPGrid
from agez.types import Floats, Rows, Spectra

UNIT = "1e-16 erg / (s cm2 Angstrom)"
#: f_nu [microjansky] of f_lambda = 1e-16 erg/s/cm2/A at 1 A: 1e-16 * 1e29 / c[A/s].
TO_MICROJANSKY = 1e13 / 2.99792458e18


def make(wave: Floats, flux: Floats, *, err: float = 0.1, redshift: object = 0.0, medium: str = "vacuum") -> Spectra:
    flux = np.atleast_2d(flux)
    n = len(flux)
    return Spectra(
        wave, flux, np.full_like(flux, err), np.zeros(flux.shape, dtype=bool), medium,  # type: ignore[arg-type]
        Rows.numbered(n), np.broadcast_to(np.asarray(redshift, dtype=float), (n,)).copy(),
        np.full(len(wave), 6.0), UNIT, np.zeros(n, dtype=np.int32),
    )  # fmt: skip


def mask_pixels(spectra: Spectra, where: object) -> Spectra:
    mask = spectra.mask.copy()
    mask[where] = True
    return replace(spectra, mask=mask)


@pytest.fixture(scope="module")
def jpas() -> FilterSet:
    return agez.load_filters("jpas")


@pytest.fixture(scope="module")
def narrow(jpas: FilterSet) -> FilterSet:
    return jpas.select([n for n in jpas.names if "J0390" <= n <= "J0720"])


GRIDS = {
    "1 A": np.arange(3000.0, 12000.0, 1.0),
    "2 A": np.arange(3000.0, 12000.0, 2.0),
    "10 A": np.arange(3000.0, 12000.0, 10.0),
    "log": np.geomspace(3000.0, 12000.0, 5000),
    "uneven": 3000.0 + np.cumsum(np.random.default_rng(2).uniform(0.2, 6.0, 2900)),
}


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("medium", ["vacuum", "air"])
def test_flat_f_nu_has_one_magnitude_in_every_band(jpas: FilterSet, grid: str, medium: str) -> None:
    wave = GRIDS[grid]
    given_wave = wave if medium == "vacuum" else vacuum_to_air(wave)
    phot = synthesize(make(given_wave, 3631e6 / (TO_MICROJANSKY * wave**2), medium=medium), jpas)
    magnitude, _ = ab_magnitude(phot.flux)
    assert phot.covered.all()
    assert np.ptp(magnitude) < 1e-6
    assert np.allclose(phot.flux, 3631e6, rtol=1e-9)


@pytest.mark.parametrize("redshift", [0.0, 0.03])
def test_agrees_with_speclite(jpas: FilterSet, toy_grid: SSPGrid, redshift: float) -> None:
    compare_with_speclite(jpas.select([n for n in jpas.names if n not in ("J1007", "uJAVA")]), toy_grid, redshift)


def test_agrees_with_speclite_on_real_templates(jpas: FilterSet, emiles: SSPGrid) -> None:
    grid = emiles.cut(3000.0, 12500.0)
    grid = replace(grid, flux=grid.flux[::4, ::2], log_age=grid.log_age[::4], mh=grid.mh[::2])
    compare_with_speclite(jpas, grid, 0.0)


def compare_with_speclite(filters: FilterSet, grid: SSPGrid, redshift: float) -> None:
    from speclite.filters import FilterResponse, FilterSequence

    sequence = []
    for name, (wave, response) in zip(filters.names, filters.curves, strict=True):
        around = np.concatenate([[wave[0] - 1.0], wave, [wave[-1] + 1.0]])
        meta = {"group_name": "agez", "band_name": name}
        sequence.append(FilterResponse(around * u.AA, np.concatenate([[0], response, [0]]), meta))
    for step in (1.0, 2.0):
        flux = grid.flux.reshape(-1, len(grid.wave_angstrom)).astype(float)
        flux = flux[(flux > 0).all(axis=1)]  # some of E-MILES stop short in the infrared
        wave = np.arange(grid.wave_angstrom[0], grid.wave_angstrom[-1], step)
        flux = np.array([np.interp(wave, grid.wave_angstrom, row) for row in flux])
        flux = flux / flux.mean(axis=1, keepdims=True)
        phot = synthesize(make(wave, flux), filters, redshift=redshift)
        seen = flux * u.Unit(UNIT) / (1 + redshift)
        maggies = FilterSequence(sequence).get_ab_maggies(seen, wave * (1 + redshift) * u.AA)
        theirs = np.array([np.asarray(maggies[column]) for column in maggies.colnames]).T * 3631e6
        assert phot.covered.all()
        assert np.abs(2.5 * np.log10(phot.flux / theirs)).max() < 1e-4


def test_top_hat_on_a_power_law_is_analytic() -> None:
    """f_lambda = w^-1 in a top hat a..b: <f_nu> = int w^-1 w dw / (c int dw/w) = (b - a) / (c ln(b/a))."""
    top_hat = filter_set_from_curves("own", {"t": (np.array([5000.0, 5500.0]), np.ones(2))}, source="test")
    wave = np.arange(4000.0, 7000.0, 0.5)
    phot = synthesize(make(wave, 1000.0 / wave), top_hat)
    expected = 1000.0 * TO_MICROJANSKY * 500.0 / np.log(1.1)
    assert abs(phot.flux[0, 0] / expected - 1) < 1e-6


def slow_flux(wave: Floats, f_nu: Floats, curve: tuple[Floats, Floats]) -> float:
    """The definition on a very fine grid."""
    fine = np.linspace(curve[0][0], curve[0][-1], 400_001)
    response = np.interp(fine, *curve) / fine
    return float(np.trapezoid(np.interp(fine, wave, f_nu) * response, fine) / np.trapezoid(response, fine))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.5, 40.0))
def test_quadrature_is_exact_on_any_grid(seed: int, step: float) -> None:
    rng = np.random.default_rng(seed)
    wave = 4700.0 + np.cumsum(rng.uniform(0.3 * step, step, int(1200 / step) + 3))
    curve = (np.sort(rng.uniform(4750.0, wave[-1] - 1.0, 9)), rng.random(9))
    filters = filter_set_from_curves("own", {"b": curve}, source="test") if np.diff(curve[0]).min() > 0.1 else None
    if filters is None or wave[-1] < 4900:
        return
    f_nu = rng.random(len(wave))
    matrix = response_matrix(wave, filters)
    assert np.isclose(matrix.coverage[0], 1.0)
    assert np.isclose(matrix.weights[0] @ f_nu, slow_flux(wave, f_nu, curve), rtol=3e-5)


def test_errors_agree_with_noise(narrow: FilterSet, rng: np.random.Generator) -> None:
    wave = np.arange(3600.0, 7600.0, 2.0)
    flux = 1.0 + 0.2 * np.sin(wave / 60.0)
    noisy = make(wave, flux + 0.1 * rng.standard_normal((3000, len(wave))))
    bad = np.zeros(len(wave), dtype=bool)
    bad[400:403] = bad[900] = True
    noisy = mask_pixels(noisy, (slice(None), bad))
    phot = synthesize(noisy, narrow, min_coverage=0.95)
    assert phot.covered.all()
    scatter = phot.flux.std(axis=0) / phot.flux_err[0]
    assert np.abs(scatter - 1).max() < 0.06


def test_redshifts_of_rows(narrow: FilterSet) -> None:
    """A spectrum stretched by 1 + z and read at z = 0 has the photometry of the unstretched one."""
    rest = np.arange(3300.0, 8000.0, 1.0)
    shape = 2.0 + np.sin(rest / 40.0)
    z = np.array([0.0, 0.013, 0.05])
    observed = np.arange(3500.0, 8000.0, 1.0)
    flux = np.array([np.interp(observed / (1 + zi), rest, shape) / (1 + zi) for zi in z])
    phot = synthesize(make(observed, flux, redshift=z), narrow)
    assert np.abs(phot.flux / phot.flux[0] - 1).max() < 2e-5
    assert (phot.redshift == 0).all()
    back = synthesize(make(observed, flux, redshift=z), narrow, redshift=z)
    there = synthesize(make(observed, flux, redshift=z), narrow, redshift=None)
    assert np.array_equal(back.flux, there.flux)
    assert np.array_equal(there.redshift, z)


def test_many_redshifts_agree_with_one_at_a_time(narrow: FilterSet, rng: np.random.Generator) -> None:
    n = 600
    wave = np.arange(3500.0, 7700.0, 2.0)
    z = rng.uniform(0.01, 0.02, n)
    flux = 1.0 + 0.3 * np.sin(wave / 15.0) + 0.3 * rng.random((n, 1))
    many = make(wave, flux, redshift=z)
    many = mask_pixels(many, (slice(0, 50), slice(700, 702)))
    together = synthesize(many, narrow)
    apart = [synthesize(many.take(slice(k, k + 1)), narrow) for k in range(0, n, 13)]
    single = np.concatenate([p.flux for p in apart])
    assert np.array_equal(together.covered[::13], np.concatenate([p.covered for p in apart]))
    seen = np.isfinite(single)
    assert np.abs(2.5 * np.log10(together.flux[::13][seen] / single[seen])).max() < 2e-5
    errors = np.concatenate([p.flux_err for p in apart])
    assert np.allclose(together.flux_err[::13][seen], errors[seen], rtol=3e-3)


def test_a_band_that_is_not_covered_is_never_a_number(jpas: FilterSet) -> None:
    wave = np.arange(3745.0, 7500.0, 2.0)
    phot = synthesize(make(wave, np.ones_like(wave)), jpas)
    outside = [n for n, c in zip(phot.bands.names, phot.covered[0], strict=True) if not c]
    assert {"uJAVA", "J0378", "J0750", "J0910", "J1007", "iSDSS", "gSDSS"} >= set(outside) - {
        n for n in outside if n >= "J0740" and n.startswith("J0")
    }
    assert "J0400" not in outside
    assert "J0378" in outside
    assert np.isnan(phot.flux[~phot.covered]).all()
    assert np.isnan(phot.flux_err[~phot.covered]).all()
    assert has_flag(phot.flags, Flag.BAND_NOT_COVERED).all()
    assert not has_flag(phot.flags, Flag.NO_DATA).any()


def test_a_spectrum_that_covers_no_band(jpas: FilterSet) -> None:
    wave = np.arange(20000.0, 21000.0, 2.0)
    phot = synthesize(make(wave, np.ones_like(wave)), jpas)
    assert not phot.covered.any()
    assert has_flag(phot.flags, Flag.NO_DATA | Flag.BAND_NOT_COVERED).all()


def test_a_bad_row_leaves_its_neighbours_alone(narrow: FilterSet) -> None:
    wave = np.arange(3600.0, 7600.0, 2.0)
    good = make(wave, np.tile(1.0 + 0.1 * np.sin(wave / 50), (6, 1)))
    flux, err, mask = good.flux.copy(), good.flux_err.copy(), good.mask.copy()
    flux[1, 700] = np.nan
    err[2, 700] = 0.0
    err[3, 700:900] = -1.0
    mask[4] = True
    flux[5, 300] = np.inf
    bad = synthesize(replace(good, flux=flux, flux_err=err, mask=mask), narrow)
    alone = synthesize(good, narrow)
    assert np.array_equal(bad.flux[0], alone.flux[0])
    assert bad.flags[0] == 0
    assert has_flag(bad.flags, Flag.NON_FINITE).tolist() == [False, True, False, False, False, True]
    assert has_flag(bad.flags, Flag.BAD_ERROR).tolist() == [False, False, True, True, False, False]
    assert has_flag(bad.flags, Flag.NO_DATA).tolist() == [False] * 4 + [True, False]
    assert bad.covered[[1, 2, 5]].all()  # one pixel in a band is bridged
    assert np.allclose(bad.flux[[1, 2, 5]], alone.flux[[1, 2, 5]], rtol=1e-4)
    assert (bad.flux_err[1] >= alone.flux_err[1] - 1e-12).all()
    assert 1 <= (~bad.covered[3]).sum() <= 12
    assert np.isfinite(bad.flux[3][bad.covered[3]]).all()


def test_bridged_gap_is_exact_for_a_straight_line(narrow: FilterSet) -> None:
    """Interpolation in f_nu loses nothing where f_nu is linear in wavelength; the error is larger than without."""
    wave = np.arange(3600.0, 7600.0, 2.0)
    whole = make(wave, (1.0 + wave / 5000.0) / wave**2 * 1e7)
    gappy = mask_pixels(whole, (slice(None), [500, 501, 800, 1200]))
    expected, found = synthesize(whole, narrow), synthesize(gappy, narrow, min_coverage=0.9)
    assert np.allclose(found.flux, expected.flux, rtol=1e-12)
    assert (found.flux_err >= expected.flux_err * (1 - 1e-12)).all()


def test_coverage_threshold(narrow: FilterSet) -> None:
    """J0500 has 147 A; masking a share of it uncovers it exactly when the share passes the threshold."""
    wave = np.arange(3600.0, 7600.0, 1.0)
    k = narrow.names.index("J0500")
    share = response_matrix(wave, narrow).weights[k]
    for pixels in (2, 4, 8, 16):
        masked = slice(1400, 1400 + pixels)
        gappy = mask_pixels(make(wave, np.ones_like(wave)), (slice(None), masked))
        assert synthesize(gappy, narrow, max_bridged=0.0).covered[0, k] == (share[masked].sum() <= 0.02)
        assert synthesize(gappy, narrow, max_bridged=0.06).covered[0, k] == (share[masked].sum() <= 0.08)


def test_unknown_redshift_is_taken_as_rest_frame(narrow: FilterSet) -> None:
    wave = np.arange(3600.0, 7600.0, 2.0)
    flux = np.tile(1.0 + 0.1 * np.sin(wave / 50), (2, 1))
    phot = synthesize(make(wave, flux, redshift=[np.nan, 0.0]), narrow)
    assert np.array_equal(phot.flux[0], phot.flux[1])
    assert has_flag(phot.flags, Flag.REDSHIFT_UNKNOWN).tolist() == [True, False]


@pytest.mark.parametrize("scale", [1e-16, 1.0])
def test_single_precision(narrow: FilterSet, rng: np.random.Generator, scale: float) -> None:
    wave = np.arange(3600.0, 7600.0, 2.0)
    double = make(wave, (1.0 + rng.random((20, len(wave)))) * scale, err=0.01 * scale)
    double = replace(double, flux_unit="erg / (s cm2 Angstrom)")
    single = replace(double, flux=double.flux.astype(np.float32), flux_err=double.flux_err.astype(np.float32))
    one, two = synthesize(single, narrow), synthesize(double, narrow)
    assert np.allclose(one.flux, two.flux, rtol=1e-6)
    assert np.allclose(one.flux_err, two.flux_err, rtol=1e-5)


def test_units(narrow: FilterSet) -> None:
    wave = np.arange(3600.0, 7600.0, 2.0)
    spectra = make(wave, np.ones_like(wave))
    # 1e-16 erg/s/cm2/A = 1e-15 W/m2/micron
    same = replace(spectra, flux_unit="1e-15 W / (m2 um)")
    assert np.allclose(synthesize(spectra, narrow).flux, synthesize(same, narrow).flux, rtol=1e-12)
    for wrong in ("Jy", "m", "nonsense"):
        with pytest.raises(AgezError, match="is not one of flux per wavelength"):
            synthesize(replace(spectra, flux_unit=wrong), narrow)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"redshift": np.nan}, "redshift must be finite"),
        ({"redshift": -1.5}, "redshift must be finite"),
        ({"redshift": [0.0, 0.1]}, "redshift has shape"),
        ({"min_coverage": 0.0}, "min_coverage is 0.0"),
        ({"min_coverage": 1.2}, "min_coverage is 1.2"),
    ],
)
def test_bad_arguments(narrow: FilterSet, arguments: dict[str, object], message: str) -> None:
    wave = np.arange(3600.0, 7600.0, 2.0)
    with pytest.raises(AgezError, match=message):
        synthesize(make(wave, np.ones_like(wave)), narrow, **arguments)  # type: ignore[arg-type]


def test_no_rows(narrow: FilterSet) -> None:
    wave = np.arange(3600.0, 7600.0, 2.0)
    assert len(synthesize(make(wave, np.ones((3, len(wave)))).take(slice(0, 0)), narrow)) == 0


def test_magnitudes() -> None:
    mag, err = ab_magnitude(np.array([3630.7805477e6, 1.0, 0.0, -1.0]), np.array([36.3e6, 0.1, 1.0, 1.0]))
    assert np.isclose(mag[0], 0.0, atol=1e-8)
    assert np.isclose(mag[1], 23.9)
    assert np.isclose(err[1], 0.1085736)
    assert np.isnan(mag[2:]).all()
    assert np.isclose((1.0 * u.microjansky).to_value(u.ABmag), 23.9)


def test_filters_by_name(jpas: FilterSet) -> None:
    wave = np.arange(4000.0, 7000.0, 2.0)
    spectra = make(wave, np.ones(len(wave)))
    np.testing.assert_array_equal(synthesize(spectra, "jpas").flux, synthesize(spectra, jpas).flux)
    with pytest.raises(AgezError, match="filter set 'nothing'"):
        synthesize(spectra, "nothing")
