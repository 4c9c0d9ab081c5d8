"""Answers as if one template library were true, and how far libraries part."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_posterior import small_model, small_photometry

from agez.mixture_network.told_library import LIBRARY_BIAS
from agez.models.model import Model
from agez.models.predict import predict
from agez.tables.prediction_files import read_prediction, write_prediction

LIBRARIES = ("one", "two", "three")


@pytest.fixture(scope="module")
def told():
    """The small model, which may be told one of three libraries; of the second nothing is changed."""
    model, rng = small_model(), np.random.default_rng(0)
    arrays = dict(model.arrays)
    for member in range(int(model.header["members"])):
        units = len(arrays[f"member{member}.bias0"])
        change = (0.3 * rng.standard_normal((3, units))).astype(np.float32)
        change[1] = 0
        arrays[f"member{member}.{LIBRARY_BIAS}"] = change
    return Model(arrays, {**model.header, "libraries": list(LIBRARIES)})


def test_untold_it_answers_as_before(told):
    rows, _ = small_photometry(30)
    for library in (None, "two"):
        np.testing.assert_array_equal(
            predict(told, rows, compiled=False, library=library).mean, predict(small_model(), rows, compiled=False).mean
        )
    assert not np.allclose(predict(told, rows, compiled=False, library="one").mean, predict(told, rows).mean, atol=1e-3)


@pytest.mark.parametrize("compiled", [False, True])
def test_both_roads_are_told(told, compiled):
    if compiled:
        pytest.importorskip("numba")
    rows, _ = small_photometry(30)
    found = predict(told, rows, library="three", compiled=compiled)
    assert found.meta["library"] == "three"
    slow = predict(told, rows, library="three", compiled=False)
    np.testing.assert_allclose(found.mean, slow.mean, rtol=1e-3, atol=1e-3)


def test_the_spread_is_that_of_the_means(told, tmp_path):
    rows, _ = small_photometry(30)
    rows = replace(rows, redshift=np.where(np.arange(30) == 4, 5.0, rows.redshift))  # one row without an answer
    found = predict(told, rows, targets=["mh_lw_library_spread", "log_age_lw"], compiled=False)
    each = np.array([predict(told, rows, library=name, compiled=False).mean for name in LIBRARIES])
    np.testing.assert_allclose(
        found.log_age_lw_library_spread, each[..., 0].std(axis=0), rtol=0.05
    )  # one row has a weak band
    np.testing.assert_allclose(found.mh_lw_library_spread, each[..., 1].std(axis=0), rtol=0.05)
    assert np.isnan(found.mh_lw_library_spread[4])
    write_prediction(tmp_path / "spread.fits", found)
    back = read_prediction(tmp_path / "spread.fits")
    np.testing.assert_allclose(back.mh_lw_library_spread, found.mh_lw_library_spread, rtol=1e-6)
    assert predict(told, rows, compiled=False).library_spread is None
