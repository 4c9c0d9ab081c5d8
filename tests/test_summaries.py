"""The repr of every public type is short and says what it holds; notebooks get a table of the same."""

import inspect
from pathlib import Path

import numpy as np
import pytest

import agez
from agez.summaries import MOST_LETTERS, one_line, range_words


@pytest.fixture(scope="module")
def things(toy_grid) -> dict[str, object]:
    """One of each public type, and what public functions give back."""
    from agez.mocks.survey import iterate_survey

    (mock,) = iterate_survey(agez.survey_plan(n_galaxies=1, n_spectra=40), toy_grid)
    labels = agez.fit_labels(mock.spectra, toy_grid, keep_fits=True)
    seds = agez.synthesize(mock.spectra, "jpas")
    filters = agez.load_filters("splus")
    flux = {f"flux_{name}": np.full(2000, 10.0) for name in filters.bands.names}
    prediction = agez.predict(flux, "splus", redshift=0.02, columns="all")
    seen = filters.select(["J0410", "gSDSS", "rSDSS", "iSDSS"])
    tiles = agez.galaxy_tiles(agez.survey_plan(1, 50), 0, toy_grid, seen, redshift=0.03)
    made = agez.make_mock_images(
        tiles, seen, pixel_arcsec=1.0, shape=(30, 30), psf_fwhm_arcsec=1.5, snr=30, rng=np.random.default_rng(1)
    )
    radius = np.linspace(0.1, 1.4, 60)
    return {
        "Bands": filters.bands, "Flag": agez.Flag.LOW_SNR | agez.Flag.NO_DATA, "Galaxies": mock.galaxies,
        "Labels": labels, "Model": agez.load_model("splus"), "Photometry": seds, "Prediction": prediction,
        "RedshiftMixture": agez.RedshiftMixture.mixture([[0.25, 0.75]], [[0.1, 0.5]], [[0.02, 0.04]]),
        "Sample": agez.make_sample(seds, labels, mock.galaxies), "Spectra": mock.spectra,
        "SurveyRecord": agez.surveys.registry.find_survey("jpas"), "Rows": seds.rows, "Target": prediction.targets[0],
        "VectorOrder": agez.VectorOrder("two", ("g", "r")), "ImageFacts": agez.ImageFacts(),
        "MapSettings": agez.MapSettings(), "RegionSettings": agez.RegionSettings(), "Geometry": agez.Geometry(),
        "AgezError": agez.AgezError("no"), "filter set": filters, "templates": toy_grid, "mixture": prediction.mixture,
        "input": prediction.input, "images": made.images, "no row": prediction[:0], "no SED": seds.take(slice(0, 0)),
        "no spectrum": mock.spectra.take(slice(0, 0)), "found": agez.find_redshift(mock.spectra.take([0]), toy_grid),
        "gradient": agez.radial_gradient(radius, 9.8 - 0.2 * radius), "fits": labels.fitted, "truth": mock.truth,
    }  # fmt: skip


def test_every_public_type_is_short(things):
    types = {name for name in agez.__all__ if inspect.isclass(getattr(agez, name))}
    assert types <= set(things)
    for name, thing in things.items():
        assert len(repr(thing)) <= MOST_LETTERS, name
        assert "\n" not in repr(thing), name


def test_what_a_reader_wants_is_there(things):
    assert "2000 rows" in repr(things["Prediction"])
    assert "2000 rows" in str(things["input"])
    assert "12 of splus, uJAVA to zSDSS" in repr(things["Bands"])
    assert "59 of jpas" in repr(things["Photometry"])
    for words in ("splus", "log_age_lw", "redshifts: 0 to 0.5", "emiles"):
        assert words in repr(things["Model"])
    spectra = things["Spectra"]
    assert f"{len(spectra.wave_angstrom)} pixels" in repr(spectra)
    assert "air" in repr(spectra)
    low, high = things["Labels"].log_age_lw.min(), things["Labels"].log_age_lw.max()
    assert f"log_age_lw: {low:.4g} to {high:.4g}" in repr(things["Labels"])


@pytest.mark.parametrize(
    "name", ["Prediction", "Model", "Photometry", "Spectra", "Labels", "Sample", "Bands", "no row"]
)
def test_notebooks_get_a_table(things, name: str):
    html = things[name]._repr_html_()
    assert html.startswith(f"<div><b>{type(things[name]).__name__}</b><table>")
    assert len(html) < 20_000
    if name == "Prediction":
        assert "log_age_lw" in html.split("</table>")[1]  # the first rows
        assert html.count("<tr>") < 25


def test_text_of_others_is_escaped(things):
    odd = agez.Bands(("<b>",), (5000.0,), (100.0,), "<script>")
    assert "<script>" not in odd._repr_html_()


def test_missing_numbers_are_counted():
    assert range_words(np.array([1.0, np.nan, 3.0])) == "1 to 3 (1 missing)"
    assert range_words(np.array([np.nan])) == "none"
    assert one_line(Path("x")).startswith("<PosixPath")
