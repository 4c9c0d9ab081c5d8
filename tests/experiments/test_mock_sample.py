"""The sample of a mock survey: the same whatever the number of workers, in the survey's order, and complete."""

import numpy as np
import pytest
from same_parts import assert_same

from agez.errors import AgezError
from agez.experiments.mock_sample import make_mock_sample
from agez.mocks.survey import make_galaxy, survey_plan
from agez.photometry.filters import PAPER_BANDS, load_filters
from agez.photometry.synthesis import synthesize
from agez.samples.sample_files import read_sample, write_sample


@pytest.fixture(scope="module")
def made():
    """A survey of four galaxies, and its sample by one worker and by two."""
    plan, filters = survey_plan(4, 48, seed=5), load_filters("jpas").select(PAPER_BANDS)
    return plan, filters, *(make_mock_sample(plan, filters, templates="made-up", workers=n) for n in (1, 2))


def test_one_worker_and_two_make_the_same_sample(made):
    _, _, (one, _), (two, _) = made
    assert_same(one, two)


def test_counts_and_order(made):
    plan, _, (sample, _), _ = made
    assert sample.meta["source"] == "mock"
    assert sample.meta["seed"] == 5
    assert sample.meta["n_galaxies_made"] == 4
    assert sample.meta["n_spectra_made"] == 48
    rejected = sum(sample.meta[f"rejected_{why}"] for why in ("chi2", "no_label", "no_band"))
    assert len(sample) == 48 - rejected
    assert len(sample) > 24
    assert sample.photometry.bands.names == tuple(PAPER_BANDS)
    assert set(sample.galaxies.galaxy_id) <= set(plan.galaxies.galaxy_id)
    order = [list(plan.galaxies.galaxy_id).index(name) for name in sample.rows.galaxy_id]
    assert order == sorted(order)
    assert sample.truth is not None
    assert np.isfinite(sample.truth.log_age_lw).all()
    assert np.isfinite(sample.r_re).all()


def test_a_row_is_the_photometry_of_its_spectrum(made, toy_grid):
    plan, filters, (sample, _), _ = made
    galaxy = make_galaxy(plan, 2, toy_grid)
    alone = synthesize(galaxy.spectra, filters)
    at = {name: i for i, name in enumerate(alone.rows.spec_id.tolist())}
    rows = np.flatnonzero(sample.rows.galaxy_id == galaxy.galaxies.galaxy_id[0])
    assert len(rows) > 0
    same = [at[name] for name in sample.rows.spec_id[rows].tolist()]
    np.testing.assert_array_equal(sample.photometry.flux[rows], alone.flux[same])
    np.testing.assert_array_equal(sample.truth.mh_lw[rows], galaxy.truth.mh_lw[same])


def test_seconds_tell_of_each_step(made):
    for _, seconds in made[2:]:
        assert list(seconds) == ["mock", "synth", "label"]
        assert all(value > 0 for value in seconds.values())


def test_a_sample_survives_its_file(made, tmp_path):
    sample = made[2][0]
    write_sample(tmp_path / "s.fits", sample)
    assert_same(read_sample(tmp_path / "s.fits").photometry, sample.photometry)


def test_too_few_workers_and_unknown_templates(made):
    plan, filters = made[:2]
    with pytest.raises(AgezError, match="workers is 0"):
        make_mock_sample(plan, filters, templates="made-up", workers=0)
    for workers in (1, 2):
        with pytest.raises(AgezError, match="templates 'nobody'"):
            make_mock_sample(plan, filters, templates="nobody", workers=workers)
