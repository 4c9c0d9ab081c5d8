"""The page of answers: what its script reads is what was answered, and it is one whole, harmless file."""

import base64
import json
import re
from dataclasses import replace

import numpy as np
import pytest

import agez
from agez.errors import AgezError
from agez.models.predict import expected_as_answered, predict
from agez.report.answer_page import check_page, page_data, write_answer_page
from agez.report.page_content import PageMap, content_of_rows
from agez.targets import KNOWN_TARGETS, plain_label
from agez.types import Photometry, Rows


@pytest.fixture(scope="module")
def model():
    return agez.load_model("splus")


@pytest.fixture(scope="module")
def seds(model) -> Photometry:
    """Five smooth SEDs, of which one has a wrong band and one no bands."""
    rng = np.random.default_rng(3)
    pivot = np.array(model.bands.pivot_angstrom)
    flux = 100 * (pivot / 6000) ** rng.uniform(1.0, 2.0, (5, 1)) * (1 + 0.02 * rng.standard_normal((5, len(pivot))))
    flux[1, 7] *= 2.5
    flux[2] = np.nan
    names = np.array(["a", "b", "</script><script>alert(1)</script>", "d", "\u00e9"])
    rows = Rows(names, np.full(5, "g"), np.full(5, np.nan), np.full(5, np.nan))
    return Photometry(model.bands, flux, 0.03 * flux, np.isfinite(flux), rows, np.full(5, 0.05), np.zeros(5, np.int32))


def test_the_two_redshifts_have_names_of_their_own(model, seds):
    data = page_data(content(model, seds))
    labels = ["".join(piece for piece, _ in one["label"]) for one in data["targets"]]
    assert "redshift (model)" in labels
    assert "redshift" not in labels
    assert "redshift given" in data["columns"]


def numbers(text):
    return np.frombuffer(base64.b64decode(text), "<f4")


def content(model, seds):
    return content_of_rows(seds, predict(model, seds), model, title="<b>5 & more</b>")


def test_script_reads_what_was_answered(model, seds):
    shown = content(model, seds)
    found = predict(model, seds)
    data = page_data(shown)
    answers = numbers(data["answers"]).reshape(5, len(found.targets), 7)
    assert np.allclose(answers[:, 0, 0], found.log_age_lw, rtol=1e-6, equal_nan=True)
    assert np.allclose(answers[:, 1, 1], found.mh_lw_err, rtol=1e-6, equal_nan=True)
    assert np.allclose(answers[:, 1, 2:], found.quantiles[:, 1], rtol=1e-6, equal_nan=True)
    sed = numbers(data["sed"]).reshape(5, len(seds.bands), 4)
    assert np.allclose(sed[..., 0], seds.flux, rtol=1e-6, equal_nan=True)
    assert data["rows"]["flags"] == found.flags.tolist()
    assert data["rows"]["id"] == seds.rows.spec_id.tolist()
    joint = numbers(data["joint"]["data"]).reshape(5, data["joint"]["n_components"], 6)
    weights = joint[..., 0]
    assert np.allclose(weights[[0, 1, 3, 4]].sum(axis=1), 1, atol=1e-5)
    mean = (weights[..., None] * joint[..., 1:3]).sum(axis=1)
    assert np.allclose(mean, found.mean[:, :2], atol=1e-4, equal_nan=True)
    json.dumps(data, allow_nan=False)  # NaN is none of JSON's words


def test_wrong_band_has_no_say_in_what_others_are_expected_to_be(model, seds):
    found = predict(model, seds)
    assert found.worst_band[1] == model.bands.names[7]
    expected, _ = expected_as_answered(model, seds, found)
    mended = replace(seds, flux=np.where(np.arange(12) == 7, seds.flux / 2.5, seds.flux))
    right, _ = expected_as_answered(model, mended, predict(model, mended))
    others = np.delete(np.arange(12), 7)
    assert np.allclose(expected[1, others], right[1, others], rtol=0.06)
    naive, _ = model.expected(seds)
    assert (
        np.abs(naive[1, others] / right[1, others] - 1).max() > np.abs(expected[1, others] / right[1, others] - 1).max()
    )


def test_page_is_one_file_that_asks_for_nothing_and_runs_no_stranger(model, seds, tmp_path):
    path = tmp_path / "page.html"
    write_answer_page(path, content(model, seds))
    text = path.read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    assert set(re.findall(r"https?://[^\"'\s]+", text)) == {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert text.count("<script") == text.count("</script>") == 2
    assert "<title>&lt;b&gt;5 &amp; more&lt;/b&gt;</title>" in text
    assert "alert(1)</script>" not in text
    assert not re.search("@(TITLE|STYLE|DATA|SCRIPT)@", text)
    assert list(tmp_path.iterdir()) == [path]


def test_five_hundred_regions_of_56_bands_stay_below_5_mb(tmp_path):
    model = agez.load_model("jpas")
    rng = np.random.default_rng(1)
    flux = 100 * (1 + 0.1 * rng.standard_normal((500, len(model.bands))))
    zero = np.zeros(500, np.int32)
    seds = Photometry(model.bands, flux, 0.05 * flux, flux > 0, Rows.numbered(500), np.full(500, 0.05), zero)
    shown = content_of_rows(seds, predict(model, seds), model, title="large")
    regions = rng.integers(-1, 500, (300, 300))
    colours = rng.integers(0, 255, (300, 300, 3)).astype(np.uint8)
    write_answer_page(tmp_path / "page.html", replace(shown, map=PageMap(regions, 0.5, colours, ("a", "b", "c"))))
    assert (tmp_path / "page.html").stat().st_size < 5e6


def test_model_without_expected_fluxes_or_distribution(seds):
    paper = agez.load_model("paper")
    flux = np.full((2, len(paper.bands)), 100.0)
    zero = np.zeros(2, np.int32)
    rows = Photometry(paper.bands, flux, 0.03 * flux, flux > 0, Rows.numbered(2), np.zeros(2), zero)
    data = page_data(content_of_rows(rows, predict(paper, rows), paper, title="paper"))
    assert np.isfinite(numbers(data["answers"])[:2]).all()


def test_no_row(model, seds, tmp_path):
    none = Photometry.of_no_row(model.bands)
    write_answer_page(tmp_path / "page.html", content(model, none))
    assert (tmp_path / "page.html").exists()


@pytest.mark.parametrize("name", KNOWN_TARGETS)
def test_labels_of_all_targets_are_plain_text(name):
    text = "".join(piece for piece, _ in plain_label(KNOWN_TARGETS[name].symbol))
    assert not set(text) & set("$\\{}_^"), text


def test_colour_scales_are_those_of_matplotlib(model, seds):
    colormaps = pytest.importorskip("matplotlib").colormaps
    scales = page_data(content(model, seds))["scales"]
    assert {one.colour_map for one in KNOWN_TARGETS.values()} <= set(scales)
    for name, colours in scales.items():
        for share, colour in zip(np.linspace(0, 1, len(colours)), colours, strict=True):
            stored = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
            assert np.allclose(stored, colormaps[name](share)[:3], atol=0.003)


@pytest.mark.parametrize("name", ["page.png", "page"])
def test_page_that_cannot_be(name, tmp_path):
    with pytest.raises(AgezError, match="page"):
        check_page(tmp_path / name)
