"""Predicting on several threads and by compiled code: the same answers."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_sample import made_up_model, made_up_sample

from agez.errors import AgezError
from agez.models.predict import default_threads, predict
from agez.targets import SHIPPED_TARGETS
from agez.types import Prediction


@pytest.fixture(scope="module")
def rows():
    """A model of the paper's kind, and rows some of which lack a band."""
    photometry = made_up_sample(300, n_galaxies=20, seed=11).photometry
    covered = photometry.covered & (np.random.default_rng(1).random(photometry.flux.shape) > 0.05)
    return made_up_model(), replace(photometry, flux=np.where(covered, photometry.flux, np.nan), covered=covered)


def test_threads_change_no_bit(rows):
    model, photometry = rows
    one, three = (predict(model, photometry, chunk_rows=50, threads=n) for n in (1, 3))
    for name in (*Prediction.required_columns(SHIPPED_TARGETS), "flags"):
        np.testing.assert_array_equal(getattr(one, name), getattr(three, name), err_msg=name)


def test_compiled_networks_of_the_papers_kind_answer_as_numpy_does(rows):
    pytest.importorskip("numba")
    model, photometry = rows
    slow, fast = (predict(model, photometry, compiled=one) for one in (False, True))
    for name in Prediction.required_columns(SHIPPED_TARGETS):
        np.testing.assert_allclose(getattr(fast, name), getattr(slow, name), rtol=0, atol=2e-6, err_msg=name)
    np.testing.assert_array_equal(fast.flags, slow.flags)


def test_a_bad_number_of_threads(rows):
    with pytest.raises(AgezError, match="threads is 0"):
        predict(*rows, threads=0)


@pytest.mark.parametrize(("said", "expected"), [("1", 1), ("1,2", 1), ("", None), ("0", None), ("many", None)])
def test_default_threads(said, expected, monkeypatch):
    """One where the environment says so, as that of worker processes does; else all cores."""
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    monkeypatch.setattr("agez.models.predict.usable_cores", lambda: 5)
    assert default_threads() == (expected or 5)
