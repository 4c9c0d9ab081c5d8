"""Figures are drawn and the page is whole: tags closed, images inside, numbers those of the summary."""

import base64
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from fake_run import fake_run
from report_page import Page

from agez.errors import AgezError
from agez.report.captions import CAPTIONS
from agez.report.citations import citations
from agez.report.figures import make_figures
from agez.report.html import write_report
from agez.report.numbers import duration, number
from agez.report.tables import look_up, nearest_to_truth, truth_table

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def run():
    return fake_run()


@pytest.fixture(scope="module")
def figures(run, tmp_path_factory):
    return make_figures(tmp_path_factory.mktemp("figures"), run)


@pytest.fixture(scope="module")
def page(run, figures, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(path, run, figures)
    return path.read_text(encoding="utf-8")


def test_the_figures_of_both_sets_are_drawn_at_150_dpi(figures):
    ours = ["learning", "residuals_a", "residuals_b", "gradients_a", "gradients_b"]
    assert list(figures) == [1, 2, 3, 4, 5, 6, 7, 8, 9, *ours]
    assert set(figures) < set(CAPTIONS)
    from PIL import Image

    for path in figures.values():
        with Image.open(path) as image:
            assert image.format == "PNG"
            assert image.info["dpi"][0] == pytest.approx(150, abs=0.1)
            pixels = np.asarray(image.convert("L"), dtype=float)
        assert pixels.shape[1] > 900
        assert pixels.std() > 15, "an empty figure"


def test_figures_of_a_sample_without_truth_example_or_gradients(tmp_path):
    run = replace(fake_run(with_truth=False, n=120, n_galaxies=12), example=None)
    assert run.summary["set_a"]["gradient"]["age"]["n_galaxies"] == 0
    figures = make_figures(tmp_path, run)
    assert 1 not in figures
    write_report(tmp_path / "report.html", run, figures)
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "not a mock survey" in " ".join(page.words)
    assert page.cells["set_a.gradient.age.sigma_mad"] == "-"


def test_the_page_nests_and_needs_nothing_else(page):
    assert page.startswith("<!DOCTYPE html>")
    parsed = Page(page)
    assert "http://" not in page
    assert "https://" not in page
    assert "url(" not in page
    assert len(parsed.images) == 14
    assert len(parsed.ids) == len(set(parsed.ids))
    for image in parsed.images:
        kind, data = image["src"].split(",", 1)
        assert kind == "data:image/png;base64"
        assert base64.b64decode(data, validate=True).startswith(PNG)
        assert len(image["alt"]) > 30


def test_images_are_the_figures(page, figures):
    for path in figures.values():
        assert base64.b64encode(path.read_bytes()).decode() in page


def test_every_number_of_the_tables_is_that_of_the_summary(page, run):
    cells = Page(page).cells
    assert len(cells) > 80
    for key, text in cells.items():
        value = look_up(run.summary, key)
        if value is None:
            assert text == "-", key
        else:
            shown = float(text.replace("\N{MINUS SIGN}", "-"))
            decimals = len(text.partition(".")[2])
            assert shown == pytest.approx(value, abs=0.5001 * 10**-decimals), key
    for which in ("set_a", "set_b"):
        for word in ("age", "metallicity"):
            for key in ("sigma_mad", "bias", "rmse", "n"):
                assert f"{which}.{word}.{key}" in cells
                assert f"paper.{which}.{word}.{key}" in cells
                assert f"against_truth.{which}.{word}.{key}" in cells
            assert f"{which}.gradient.{word}.sigma_mad" in cells
        assert f"{which}.residual_pcc" in cells
    assert cells["paper.set_b.age.sigma_mad"] == "0.14"
    assert cells["paper.set_a.age.bias"] == "-"
    assert cells["paper.random_baseline.age.mse"] == "0.199"


def test_everything_from_outside_is_escaped(run, figures, tmp_path):
    evil = "<script>alert('x')</script> & \"q\""
    labels = replace(run.sample.labels, meta={"templates": evil})
    summary = json.loads(json.dumps(run.summary))
    summary["sample"]["source"] = summary["preset"] = evil
    changed = replace(run, sample=replace(run.sample, labels=labels), summary=summary, versions={evil: evil})
    write_report(tmp_path / "r.html", changed, figures)
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert evil in "".join(Page(text).words)


def test_a_missing_figure_is_refused_and_no_page_left(run, tmp_path):
    with pytest.raises(AgezError, match="no such file"):
        write_report(tmp_path / "r.html", run, {3: tmp_path / "gone.png"})
    assert list(tmp_path.iterdir()) == []


def test_the_sentence_names_who_is_nearest_to_the_truth():
    rmse = {"labels": 0.12, "set_a": 0.10, "set_b": 0.2}
    summary = {"against_truth": {k: {"age": {"rmse": v, "n": 5}} for k, v in rmse.items()}}
    (sentence,) = nearest_to_truth(summary)
    assert sentence.startswith("Age: nearest to the truth is the Set A networks, with an RMSE of 0.100 dex")
    assert "0.120 dex for the spectral fit and 0.200 dex for the Set B networks" in sentence
    assert "table" not in truth_table({})


def test_numbers_read_well():
    assert number(-0.0314) == "\N{MINUS SIGN}0.031"
    assert number(-0.0001) == number(0.0001) == "0.000"
    assert number(None) == number(math.nan) == "-"
    assert number(19727.0, "{:.0f}") == "19727"
    assert duration(41.26) == "41.3 s"
    assert duration(425) == "7 min 05 s"
    assert duration(3700) == "1 h 01 min"


def test_citations_follow_what_was_used():
    words = str(citations(source="mock", templates="E-MILES Padova 2000", versions={"jax": "0.4"}))
    assert "MNRAS 502, 1355" in words
    assert "Vazdekis" in words
    assert "Bradbury" in words
    assert "Mollá" not in words
    assert "mock survey" not in str(citations(source="CALIFA", templates="popstar", versions={}))
