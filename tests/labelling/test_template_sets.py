"""Several template sets, and the default one, on the command line's road."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits

import agez.labelling.label_galaxy as label_galaxy
from agez.errors import AgezError
from agez.labelling.label_galaxy import LabelOptions, what_labels_depend_on
from agez.labelling.label_run import run_labels
from agez.mocks.survey import iterate_survey, survey_plan
from agez.spectra.label_files import read_labels
from agez.spectra.readers import write_rss
from agez.spectra.templates import TemplateFacts, load_templates, made_up_grid


@pytest.fixture
def other_set(monkeypatch):
    """A second invented set under the name 'other'."""
    other = replace(made_up_grid(), name="other", mh=made_up_grid().mh + 0.2)
    monkeypatch.setattr(
        label_galaxy, "load_templates", lambda name, **k: other if name == "other" else load_templates(name, **k)
    )


@pytest.fixture
def file(tmp_path):
    (mock,) = iterate_survey(survey_plan(n_galaxies=1, n_spectra=5), made_up_grid())
    write_rss(tmp_path / "galaxy.RSS.fits", mock.spectra)
    return tmp_path / "galaxy.RSS.fits"


def test_a_run_with_two_sets_and_what_it_depends_on(file, tmp_path, other_set):
    alone, both = LabelOptions(templates="made-up"), LabelOptions(templates="made-up, other")
    run_labels([file], tmp_path / "one.fits", alone)
    first = run_labels([file], tmp_path / "two.fits", both)
    one, two = read_labels(tmp_path / "one.fits"), read_labels(tmp_path / "two.fits")
    np.testing.assert_array_equal(one.mh_lw, two.mh_lw)
    assert one.libraries is None
    np.testing.assert_allclose(two.libraries.spread[:, 1], 0.2 / np.sqrt(2), atol=0.03)
    assert first.n_new == 5
    assert run_labels([file], tmp_path / "two.fits", both).n_new == 0
    # another list is another run
    assert run_labels([file], tmp_path / "two.fits", alone).n_new == 5
    with fits.open(tmp_path / "two.fits") as hdus:
        assert "LIBRARIES" not in hdus
    grid = made_up_grid()
    assert what_labels_depend_on(alone, grid) != what_labels_depend_on(both, grid)


def test_lists_that_cannot_be(tmp_path):
    with pytest.raises(AgezError, match="a name is empty"):
        LabelOptions(templates="made-up,")
    with pytest.raises(AgezError, match="given twice"):
        LabelOptions(templates="made-up,made-up")
    with pytest.raises(AgezError, match="one alone"):
        LabelOptions(templates="a,b", template_facts=TemplateFacts(2.5))
    folder = tmp_path / "a,b"
    folder.mkdir()
    assert LabelOptions(templates=str(folder)).template_names == (str(folder),)


def test_what_is_to_be_said_of_the_choice_is_said(file, tmp_path):
    run = run_labels([file], tmp_path / "l.fits", LabelOptions(templates="made-up", remark="another would be better"))
    assert "another would be better" in run.remarks
    assert "another would be better" in read_labels(tmp_path / "l.fits").meta["remarks"]
