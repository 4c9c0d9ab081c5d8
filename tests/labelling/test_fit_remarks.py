"""What a fit says unasked: resolution, correlated noise, a wrong redshift; and that it is silent where all is well."""

from dataclasses import replace

import numpy as np
from cli_road import refused
from label_cubes import fitted_cube
from spectra_factory import light_fractions, observe

from agez.labelling.fit_remarks import covariance_remarks, redshift_doubts, resolution_remarks
from agez.spectra.fitting import fit_labels
from agez.spectra.templates import made_up_grid


def spectra_of(n=3, redshift=0.03):
    grid, rng = made_up_grid(), np.random.default_rng(1)
    return observe(
        replace(grid, fwhm_angstrom=6.0), light_fractions(grid, n, rng), velocity_kms=np.zeros(n),
        sigma_kms=np.full(n, 100.0), snr=30.0, rng=rng, redshift=redshift,
    )  # fmt: skip


def test_an_unknown_resolution_is_told_and_an_assumed_one_has_its_value():
    known = spectra_of()
    assert resolution_remarks(known) == []
    unknown = replace(known, fwhm_angstrom=np.full_like(known.fwhm_angstrom, np.nan))
    assert "sigma_kms includes the instrument's; set SPECRES" in resolution_remarks(unknown)[0]
    assumed = replace(known, meta={**known.meta, "assumed": ("fwhm",)})
    assert "resolution assumed: FWHM 6." in resolution_remarks(assumed)[0]


def test_independent_spaxels_are_told_unless_asked_for():
    cube = fitted_cube()
    bins = replace(cube, meta={**cube.meta, "spatial_covariance": {"name": "none"}, "n_spaxels": np.array([1, 4])})
    assert "--covariance" in covariance_remarks(bins, asked=False)[0]
    assert covariance_remarks(bins, asked=True) == []
    for other in ({"spatial_covariance": {"name": "califa"}}, {"n_spaxels": np.array([1, 1])}):
        assert covariance_remarks(replace(bins, meta={**bins.meta, **other}), asked=False) == []


def test_a_wrong_redshift_is_doubted_and_the_right_one_is_not():
    grid, right = made_up_grid(), spectra_of()
    assert redshift_doubts(right, fit_labels(right, grid), grid) == []
    wrong = replace(right, redshift=np.full(3, 0.06))
    (said,) = redshift_doubts(wrong, fit_labels(wrong, grid), grid)
    assert "3 of 3 spectra do not fit at the redshift given, 0.0600; they fit at 0.0300: --redshift auto" in said


def test_a_velocity_is_no_redshift(tmp_path):
    out = tmp_path / "o.fits"
    refused(
        "label",
        "x.fits",
        "-o",
        out,
        "--redshift",
        5757,
        says="a velocity in km/s? divide by 299792.458, which makes it 0.01920",
    )
    said = refused("label", "x.fits", "-o", out, "--redshift", 25, says="less than 20").err
    assert "km/s" not in said
