"""A wrong type in a public function is one AgezError line that says what was given, and what to pass."""

import inspect

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table

import agez

#: Values that no public function takes where it takes spectra, photometry, a file, ...
WRONG = {
    "None": None,
    "number 5": 5,
    "list of 3": [1, 2, 3],
    "object": object(),
    "shape (3,)": np.zeros(3),
    "bytes": b"name.fits",
    "function": len,
    "Rows": agez.Rows.numbered(2),
}
#: Functions by what they need first, with further arguments that are right enough.
FUNCTIONS = {
    "find_redshift": (), "fit_labels": (), "fit_labels_by_libraries": (["made-up", "emiles"],),
    "galaxy_tiles": (0, None, None), "load_filters": (), "load_model": (), "load_templates": (),
    "make_mock_images": (None,), "make_sample": (None,), "map_galaxy": (None,), "predict": (), "predict_hats": (),
    "prepare_images": (), "read_images": (), "read_labels": (), "read_maps": (), "read_photometry": (),
    "read_labelled_table": (["age"],),
    "read_prediction": (), "read_sample": (), "read_spectra": (), "register_survey": (), "subtract_lines": (None,),
    "synthesize": ("jpas",), "train": (), "with_redshifts": (None,), "write_galaxy_maps": (None,),
    "write_labels": (None,), "write_photometry": (None,), "write_prediction": (None,), "write_sample": (None,),
}  # fmt: skip
#: Of numbers alone.
OF_NUMBERS = {"radial_gradient", "face_on_radius", "survey_plan"}


def message(function, *values, **options) -> str:
    with pytest.raises(agez.AgezError) as caught:
        function(*values, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_public_function_is_tried():
    functions = {name for name in agez.__all__ if inspect.isfunction(getattr(agez, name))}
    assert functions == set(FUNCTIONS) | OF_NUMBERS


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("words", WRONG)
def test_the_first_argument(name: str, words: str):
    told = message(getattr(agez, name), WRONG[words], *FUNCTIONS[name])
    assert words in told
    assert f"agez.{name}: " in told
    assert "expected" in told


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_table_where_none_belongs(name: str):
    if name not in ("predict", "read_labelled_table", "read_photometry"):
        told = message(getattr(agez, name), Table({"a": [1, 2]}), *FUNCTIONS[name])
        assert "Table of 2 rows" in told


@pytest.mark.parametrize(
    "name", ["predict", "find_redshift", "fit_labels", "synthesize", "make_sample", "subtract_lines"]
)
def test_the_second_argument(name: str, request: pytest.FixtureRequest):
    first = {"predict": {}, "make_sample": seds()}.get(name, spectra())
    told = message(getattr(agez, name), first, 5)
    assert "is the number 5" in told
    assert "expected" in told


def spectra() -> agez.Spectra:
    wave, flux = np.arange(3500.0, 7500.0), np.ones((1, 4000))
    return agez.Spectra(
        wave, flux, 0.02 * flux, flux < 0, "air", agez.Rows.numbered(1), np.array([0.01]), np.full(4000, 2.5),
        "1e-16 erg / (s cm2 Angstrom)", np.zeros(1, np.int32),
    )  # fmt: skip


def seds() -> agez.Photometry:
    return agez.read_photometry({"flux_g": [10.0], "flux_g_err": [0.5]}, filters="splus", redshift=0.1)


@pytest.mark.parametrize("bad", [None, "text", ["a", "b"], object(), u.Quantity([1.0, 2.0], "s")])
def test_numbers_that_are_none(bad):
    for told in (
        message(agez.radial_gradient, bad, [1.0, 2.0]),
        message(agez.face_on_radius, bad, [1.0, 2.0], inclination_deg=0.0, pa_deg=0.0, re_arcsec=1.0),
        message(agez.face_on_radius, 1.0, 1.0, inclination_deg=bad, pa_deg=0.0, re_arcsec=1.0),
    ):
        assert "expected" in told


def test_quantities_are_taken_where_numbers_are():
    plain = agez.face_on_radius([3.0, 5.0], [0.0, 1.0], inclination_deg=60.0, pa_deg=90.0, re_arcsec=30.0)
    said = agez.face_on_radius(
        [0.05, 5 / 60] * u.arcmin, [0.0, 1.0] * u.arcsec, inclination_deg=np.pi / 3 * u.rad, pa_deg=np.pi / 2 * u.rad,
        re_arcsec=0.5 * u.arcmin,
    )  # fmt: skip
    assert said == pytest.approx(plain)
    disc = agez.Geometry(0.2 * u.arcmin, np.pi / 6 * u.rad, 75 * u.deg)
    assert (disc.re_arcsec, disc.inclination_deg, disc.pa_deg) == pytest.approx((12.0, 30.0, 75.0))
    assert type(disc.re_arcsec) is float
    rng = np.random.default_rng(1)
    radius = np.linspace(0.1, 1.4, 60)
    age = 9.8 - 0.2 * radius + rng.normal(0, 0.01, 60)
    slopes = [agez.radial_gradient(radius * u.one, a).slope for a in (age, age * u.dex(u.yr))]
    assert slopes[0] == slopes[1]
    rest = agez.synthesize(spectra(), "splus", redshift=0.02 * u.dimensionless_unscaled)
    assert rest.redshift.tolist() == [0.02]
    assert seds().redshift.tolist() == agez.read_photometry(
        {"flux_g": [10.0] * u.uJy, "flux_g_err": [0.5e-3] * u.mJy}, filters="splus", redshift=0.1 * u.one
    ).redshift.tolist()  # fmt: skip
