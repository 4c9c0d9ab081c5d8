"""A survey in a folder reads back as it was made."""

import numpy as np
import pytest
from astropy.table import Table

from agez.errors import AgezError
from agez.mocks.survey import make_galaxy, survey_plan
from agez.mocks.survey_files import GALAXIES_FILE, TRUTH_FILE, write_survey
from agez.spectra.readers import read_spectra


def test_files_hold_what_was_made(tmp_path, toy_grid):
    plan = survey_plan(4, 60, seed=9)
    written = write_survey(tmp_path / "mock", plan, toy_grid)
    assert [path.name for path in written] == [f"MOCK000{i}.V500.RSS.fits" for i in range(1, 5)]
    assert sorted(p.name for p in (tmp_path / "mock").iterdir()) == sorted(
        [*(p.name for p in written), GALAXIES_FILE, TRUTH_FILE]
    )
    truth, galaxies = Table.read(tmp_path / "mock" / TRUTH_FILE), Table.read(tmp_path / "mock" / GALAXIES_FILE)
    assert len(truth) == 60
    assert galaxies["morphology"].tolist() == plan.galaxies.morphology.tolist()
    assert galaxies["re_arcsec"].unit == "arcsec"
    assert truth.meta["SEED"] == 9
    first = 0
    for index, path in enumerate(written):
        one, read = make_galaxy(plan, index, toy_grid), read_spectra(path)
        good = ~one.spectra.mask
        assert np.array_equal(read.mask, one.spectra.mask)
        assert np.array_equal(read.flux[good], one.spectra.flux[good])
        assert np.array_equal(read.flux_err[good], one.spectra.flux_err[good])
        assert read.rows.spec_id.tolist() == one.spectra.rows.spec_id.tolist()
        assert read.redshift == pytest.approx(one.spectra.redshift)
        assert read.rows.x == pytest.approx(one.spectra.rows.x)
        rows = truth[first : first + len(read)]
        assert [str(s) for s in rows["spec_id"]] == read.rows.spec_id.tolist()
        for name in ("log_age_lw", "mh_lw", "log_age_mw", "mh_mw", "av", "velocity_kms", "sigma_kms"):
            assert np.array_equal(rows[f"true_{name}"], getattr(one.truth, name))
        assert np.array_equal(rows["r_re"], one.r_re)
        first += len(read)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path, toy_grid):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AgezError, match="cannot be written"):
        write_survey(tmp_path / "file" / "mock", survey_plan(1, 2), toy_grid)
