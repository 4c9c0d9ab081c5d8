"""Every figure and the table of the paper stand in the report under their own numbers, with the paper's content."""

import re
from dataclasses import replace

import numpy as np
import pytest
from fake_blocks import fake_blocks, fake_claims
from fake_run import fake_run, fake_sample, fake_set
from report_page import Page

from agez.analysis.gradients import galaxy_gradients
from agez.experiments.catalogue import find_experiments
from agez.report.captions import CAPTIONS
from agez.report.chapters import CHAPTERS, OURS
from agez.report.figure_profiles import typical_profile
from agez.report.figure_subsets import figure_subsets, four_galaxies
from agez.report.figures import make_figures
from agez.report.html import write_report

#: Words of the paper's own captions (Liew-Cain et al. 2021), and the experiment that makes each figure.
PAPER = {
    1: ("spectrum j-pas", ""),
    2: ("network layer hyperparameters four", "hyperparameters"),
    3: ("set a set b subset four galaxies black circles red triangles orange squares yellow diamonds", "sets"),
    4: ("learning curves training validation 0th epoch random guesses age", "sets"),
    5: ("one galaxy metallicity age radius 100 random subsets mean spectral fit network crosses", "sets"),
    6: ("set a age metallicity density contours 1:1 chi2", "sets"),
    7: ("set a gradients differences 1 sigma histograms 0.05", "sets"),
    8: ("set b age metallicity density contours 1:1", "sets"),
    9: ("set b gradients differences 1 sigma histograms 0.05", "sets"),
    10: ("specific star-formation rate median robust standard deviation 16 galaxies set a set b", "dependence"),
    11: ("inclination median robust standard deviation 16 galaxies", "dependence"),
    12: ("dust median robust standard deviation 16 galaxies", "dependence"),
    13: ("training set age set a set b solid dashed random guesses", "training_size"),
    14: ("age gradients stellar mass spectral fit set a set b 6 early 10 late", "mass_gradients"),
}


@pytest.fixture(scope="module")
def run():
    return replace(fake_run(n=2400, n_galaxies=16), blocks=fake_blocks(), claims=fake_claims())


@pytest.fixture(scope="module")
def page(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("paper")
    write_report(folder / "report.html", run, make_figures(folder, run))
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("number", PAPER)
def test_a_figure_of_the_paper_has_its_number_and_says_what_it_shows(page, number):
    found = re.search(rf'<figure id="figure-{number}">.*?<figcaption>(.*?)</figcaption>', page, flags=re.DOTALL)
    assert found is not None
    caption = re.sub(r"<.*?>", "", found[1]).lower()
    assert caption.startswith(f"figure {number}. ")
    words, key = PAPER[number]
    text = caption + CAPTIONS[number].alt.lower()
    missing = [word for word in words.split() if word not in text]
    assert missing == [], caption
    if key:
        assert find_experiments([f"fig{number}"]) == find_experiments([f"figure {number}"]) == (key,)


def test_the_table_of_the_paper_has_its_number(page):
    caption = re.search(r'<div class="wide" id="table-1">.*?<caption>(.*?)</caption>', page, flags=re.DOTALL)
    assert caption is not None
    assert caption[1].startswith("Table 1: ")
    assert "trained on galaxies of one type" in caption[1]
    assert find_experiments(["table1"]) == ("table1",)


def test_only_the_papers_figures_have_numbers_and_they_come_first(page):
    ids = [one for one in Page(page).ids if one.startswith("figure-")]
    assert ids[:14] == [f"figure-{number}" for number in PAPER]
    assert not any(one.removeprefix("figure-").isdigit() for one in ids[14:])
    ours = [one for one in CHAPTERS if one.title.startswith(OURS)]
    assert CHAPTERS[-len(ours) :] == tuple(ours)
    assert all(isinstance(key, str) for one in ours for key in one.figures)


def test_figure_3_shows_one_galaxy_of_each_subset_of_set_b(tmp_path):
    rng = np.random.default_rng(3)
    sample = fake_sample(rng, n=900, n_galaxies=12)
    galaxy = np.unique(sample.rows.galaxy_id, return_inverse=True)[1]
    names = four_galaxies(sample, {"set_b": galaxy % 4})
    assert sorted(int(name[-4:]) % 4 for name in names) == [0, 1, 2, 3]
    for k, name in enumerate(names):
        own = [int((sample.rows.galaxy_id == other).sum()) for other in np.unique(sample.rows.galaxy_id)[k::4]]
        assert (sample.rows.galaxy_id == name).sum() == max(own)
    assert len(four_galaxies(sample, {"set_a": galaxy % 4})) == 4
    # a spectrum without a place is left out, and the others are drawn
    x = np.where(np.arange(900) % 5 == 0, np.nan, sample.rows.x)
    some = replace(sample, photometry=replace(sample.photometry, rows=replace(sample.rows, x=x)))
    figure_subsets(tmp_path / "f.png", some, {"set_b": galaxy % 4}, names)
    assert (tmp_path / "f.png").exists()
    nowhere = replace(sample.rows, x=np.full(900, np.nan))
    lost = replace(sample, photometry=replace(sample.photometry, rows=nowhere))
    assert four_galaxies(lost, {"set_b": galaxy % 4}) == ()


def test_figure_5_shows_a_galaxy_with_many_spectra_and_the_lines_of_its_gradients():
    rng = np.random.default_rng(4)
    sample = fake_sample(rng, n=2400, n_galaxies=12)
    result = fake_set(sample, rng, 0.03)
    profile = typical_profile(sample, result)
    own = sample.rows.galaxy_id == profile.galaxy_id
    usable = np.isfinite(result.predicted[own]).all(axis=1)
    assert (sample.r_re[own][usable] <= 1.5).sum() >= 60
    np.testing.assert_array_equal(profile.radius, sample.r_re[own][usable])
    at = list(result.label_gradients.galaxy_id).index(profile.galaxy_id)
    for lines, table in ((profile.label_lines, result.label_gradients),
                         (profile.predicted_lines, result.predicted_gradients)):  # fmt: skip
        assert lines.shape == (2, 100, 2)
        np.testing.assert_allclose(lines[1].mean(axis=0), table.slope[at])
        np.testing.assert_allclose(lines[1].std(axis=0, ddof=1), table.slope_scatter[at])
        np.testing.assert_allclose(lines[0].mean(axis=0), table.intercept[at])
    # the median of the distances: as many galaxies are recovered better as worse
    difference = result.predicted_gradients.slope - result.label_gradients.slope
    scale = 1.4826 * np.median(np.abs(difference - np.median(difference, axis=0)), axis=0)
    distance = np.hypot(*(difference / scale).T)
    assert abs(np.sum(distance < distance[at]) - np.sum(distance > distance[at])) <= 1
    empty = replace(result, predicted_gradients=replace(result.predicted_gradients, slope=difference * np.nan))
    assert typical_profile(sample, empty) is None


def test_lines_of_the_subsets_are_least_squares_lines(rng):
    """A fraction of 1 makes every subset the whole: each line is numpy's."""
    radius, values = rng.uniform(0, 1, 40), rng.normal(9, 0.2, (40, 2))
    radius, values = np.append(radius, 1.4), np.vstack([values, [9.0, 9.0]])
    table = galaxy_gradients(np.full(41, "G"), radius, values, rng=rng, n_subsets=3, fraction=1.0)
    for k in range(2):
        slope, intercept = np.polyfit(radius[:40], values[:40, k], 1)
        np.testing.assert_allclose(table.lines[:, :, 0, k], [[intercept] * 3, [slope] * 3])
