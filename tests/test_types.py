"""The dataclasses check themselves, and rows are taken and joined together with all that belongs to them."""

from dataclasses import fields, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_sample import made_up_sample

from agez.errors import AgezError
from agez.label_types import Galaxies, Labels, Sample, Truth
from agez.targets import SHIPPED_TARGETS
from agez.types import Bands, Photometry, Prediction, Rows, Spectra


def spectra(n=3, wave=(4000.0, 4001.0, 4003.0), **changes):
    p = len(wave)
    values = dict(
        wave_angstrom=np.array(wave), flux=np.arange(n * p, dtype=float).reshape(n, p), flux_err=np.ones((n, p)),
        mask=np.zeros((n, p), bool), medium="air", rows=Rows.numbered(n, galaxy_id="NGC1"), redshift=np.zeros(n),
        fwhm_angstrom=np.full(p, 6.0), flux_unit="Jy", flags=np.zeros(n, np.int32), meta={"source": "a.fits"},
    )  # fmt: skip
    return Spectra(**(values | changes))


def test_rows_are_numbered():
    rows = Rows.numbered(3, galaxy_id="NGC1")
    assert rows.spec_id.tolist() == ["0", "1", "2"]
    assert rows.galaxy_id.tolist() == ["NGC1"] * 3
    assert np.isnan(rows.x).all()
    assert len(Rows.numbered(0)) == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"flux": np.zeros((3, 4))}, r"Spectra.flux has shape \(3, 4\); expected \(3, 3\)"),
        ({"mask": np.zeros((2, 3), bool)}, "Spectra.mask"),
        ({"redshift": np.zeros(2)}, "Spectra.redshift"),
        ({"fwhm_angstrom": np.zeros(4)}, "Spectra.fwhm_angstrom"),
        ({"medium": "water"}, "medium is 'water'"),
        ({"wave_angstrom": np.array([1.0, 2.0, 2.0])}, "a.fits: wavelengths .* the first bad pixel is 2"),
        ({"wave_angstrom": np.array([1.0, 3.0, 2.0])}, "the first bad pixel is 2"),
        ({"wave_angstrom": np.array([1.0, np.nan, 2.0])}, "the first bad pixel is 1"),
    ],
)
def test_spectra_check_themselves(changes, words):
    with pytest.raises(AgezError, match=words):
        spectra(**changes)


def test_a_spectrum_of_one_pixel_is_refused():
    with pytest.raises(AgezError, match="at least 2 wavelength pixels"):
        spectra(wave=(4000.0,))


def test_bands():
    bands = Bands(("a", "b", "c"), (1.0, 2.0, 3.0), (0.1, 0.2, 0.3), "own")
    picked = bands.select(["c", "a"])
    assert (picked.names, picked.pivot_angstrom, picked.fwhm_angstrom) == (("c", "a"), (3.0, 1.0), (0.3, 0.1))
    with pytest.raises(AgezError, match="bands x, y are not among the 3 bands of 'own'"):
        bands.index(["a", "x", "y"])
    with pytest.raises(AgezError, match="names a band twice"):
        Bands(("a", "a"), (1.0, 2.0), (1.0, 1.0), "own")
    with pytest.raises(AgezError, match="differ in number"):
        Bands(("a", "b"), (1.0,), (1.0, 1.0), "own")


def test_photometry_checks_itself_and_selects_bands():
    photometry = made_up_sample(20, missing=0.2).photometry
    names = photometry.bands.names[::-2]
    some = photometry.select_bands(names)
    assert some.bands.names == names
    assert np.array_equal(some.flux[:, 0], photometry.flux[:, -1], equal_nan=True)
    with pytest.raises(AgezError, match="finite exactly where covered"):
        replace(photometry, covered=np.ones_like(photometry.covered))
    with pytest.raises(AgezError, match=r"Photometry\.redshift has shape"):
        replace(photometry, redshift=np.zeros(3))


def test_samples_check_themselves():
    sample = made_up_sample(20)
    with pytest.raises(AgezError, match="20 SEDs but 19 labels"):
        replace(sample, labels=sample.labels.take(slice(1, None)))
    with pytest.raises(AgezError, match="truth and photometry differ"):
        replace(sample, truth=sample.truth.take([0]))
    with pytest.raises(AgezError, match="no row in the galaxy table"):
        replace(sample, galaxies=sample.galaxies.take([0, 1]))
    with pytest.raises(AgezError, match="names a galaxy_id twice"):
        sample.galaxies.take([0, 0])
    with pytest.raises(AgezError, match=r"Labels\.chi2 has shape"):
        replace(sample.labels, chi2=np.zeros(3))


def same(left, right):
    """Whether two of our dataclasses hold the same."""
    for field in fields(left):
        a, b = getattr(left, field.name), getattr(right, field.name)
        if isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b, err_msg=field.name)
        elif hasattr(a, "__dataclass_fields__"):
            same(a, b)
        else:
            assert a == b, field.name
    return True


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_cutting_and_joining_gives_back_the_same(sizes):
    """Whatever the cut, for every type that has rows."""
    n = sum(sizes)
    sample = replace(made_up_sample(n, missing=0.1), galaxies=made_up_sample(n).galaxies)
    edges = np.concatenate([[0], np.cumsum(sizes)])
    for whole in (sample, sample.photometry, sample.labels, sample.truth, sample.rows, spectra(n)):
        parts = [whole.take(slice(a, b)) for a, b in pairwise(edges.tolist())]
        assert [len(part) for part in parts] == sizes
        assert same(type(whole).concatenate(parts), whole)


def test_masks_and_integers_take_rows():
    one = spectra(4)
    picked = one.take(np.array([True, False, False, True]))
    assert picked.rows.spec_id.tolist() == ["0", "3"]
    assert picked.flux[:, 0].tolist() == [0.0, 9.0]
    assert picked.wave_angstrom is one.wave_angstrom
    assert one.take([3, 0]).rows.spec_id.tolist() == ["3", "0"]
    assert one.source == "a.fits"
    assert spectra(meta={}).source == "spectra"


def test_nothing_cannot_be_joined():
    with pytest.raises(AgezError, match="no Labels to concatenate"):
        Labels.concatenate([])


def test_names_of_different_length_keep_their_letters():
    both = Rows.concatenate([Rows.numbered(1, galaxy_id="A"), Rows.numbered(1, galaxy_id="NGC4047")])
    assert both.galaxy_id.tolist() == ["A", "NGC4047"]


def test_columns_follow_the_contract():
    assert Labels.column_names()[:4] == ("log_age_lw", "log_age_lw_err", "mh_lw", "mh_lw_err")
    assert {"velocity_kms", "sigma_kms", "av", "snr", "chi2", "flags"} <= set(Labels.column_names())
    for target in ("log_age_lw", "mh_lw"):
        assert {target, *(f"{target}_{end}" for end in ("err", "p16", "p50", "p84"))} <= set(
            Prediction.required_columns(SHIPPED_TARGETS)
        )
    assert set(Truth._row_fields) <= set(Labels.column_names())
    for kind in (Spectra, Photometry, Labels, Truth, Galaxies, Sample, Prediction, Rows):
        assert set(kind._row_fields) <= {field.name for field in fields(kind)}


def test_rows_of_a_galaxy_table_by_name():
    names = np.array(["N3", "N1", "N2"])
    numbers = {name: np.arange(3.0) for name in Galaxies._row_fields if name not in ("galaxy_id", "morphology")}
    galaxies = Galaxies(galaxy_id=names, morphology=np.array(["late"] * 3), **numbers)
    asked = np.array(["N2", "N3", "N3", "N1"])
    np.testing.assert_array_equal(galaxies.rows_of(asked), [list(names).index(name) for name in asked])
    assert galaxies.rows_of(asked[:0]).shape == (0,)


def test_errors_of_redshifts_go_with_their_rows():
    plain = made_up_sample(6).photometry
    assert np.isnan(plain.redshift_err).all()
    assert plain.redshift_err.shape == (len(plain),)
    given = replace(plain, redshift_err=np.arange(len(plain)) / 100)
    assert given.take([4, 1]).redshift_err.tolist() == [0.04, 0.01]
    assert np.array_equal(given.select_bands(given.bands.names[:3]).redshift_err, given.redshift_err)
    both = Photometry.concatenate([given, plain])
    assert np.array_equal(both.redshift_err, [*given.redshift_err, *plain.redshift_err], equal_nan=True)
    with pytest.raises(AgezError, match=r"Photometry.redshift_err has shape"):
        replace(plain, redshift_err=np.zeros(2))
    with pytest.raises(AgezError, match="0 or more, or NaN"):
        replace(plain, redshift_err=np.full(len(plain), -0.1))
