"""Going on from a model whose first networks know exact redshifts alone: rows of other redshifts are answered, too."""

from dataclasses import replace

import numpy as np
import pytest
from typical_photometry import at_redshifts, typical_photometry

from agez.distributions.redshift_mixture import RedshiftMixture
from agez.errors import AgezError
from agez.flags import Flag, has_flag
from agez.mixture_network.mixture_model import network_of
from agez.models.model_card import card_lines
from agez.models.model_file import load_model, save_model
from agez.novelty.leave_one_band_out import CONTRADICTED_SIGMA
from agez.samples.labelled_table import LabelledTable
from agez.training.learn_table import learn_table, table_settings

SETTINGS = table_settings(200, from_model=True, steps=2)


@pytest.fixture(scope="module")
def jpas():
    return load_model("jpas")


def taught_of(jpas, change=None):
    """A model that has hardly learned anything new, of rows whose labels the start might have drawn."""
    rows = typical_photometry(jpas, 120, snr=40, seed=3)
    known = jpas.kind.answer(rows)
    names = np.array([f"g{k}" for k in range(120)])
    rows = replace(rows, rows=replace(rows.rows, galaxy_id=names))
    rows = rows if change is None else change(rows)
    errors = np.stack([known.log_age_lw_err, known.mh_lw_err], axis=1)
    labels = known.mean[:, :2] + errors * np.random.default_rng(4).standard_normal((120, 2))
    table = LabelledTable(rows, known.targets[:2], labels, np.full((120, 2), np.nan), {"source": "toy"})
    return learn_table(table, start=jpas, settings=SETTINGS, members=1, workers=1).model


@pytest.fixture(scope="module")
def taught(jpas, tmp_path_factory):
    path = tmp_path_factory.mktemp("taught") / "taught.safetensors"
    save_model(path, taught_of(jpas))
    return load_model(path)


@pytest.mark.parametrize(("error", "most"), [(0.002, 0.1), (0.01, 0.12), (0.05, 0.12), (None, 0.12)])
def test_rows_of_all_redshifts_are_answered_as_by_the_start(jpas, taught, rng, error, most):
    """Before teaching says much, answers are those of the start: whatever is known of the redshift."""
    rows = typical_photometry(jpas, 400, snr=40)
    z = np.nan if error is None else np.clip(rows.redshift + error * rng.standard_normal(400), 0, 1)
    seen = at_redshifts(rows, z, error or 0.0)
    want, found = jpas.kind.answer(seen), taught.kind.answer(seen)
    assert np.isfinite(found.log_age_lw).all()
    off = found.log_age_lw - want.log_age_lw
    assert np.sqrt(np.mean(off**2)) < most
    np.testing.assert_allclose(np.median(found.log_age_lw_err / want.log_age_lw_err), 1, atol=0.25)
    assert not has_flag(found.flags, Flag.REDSHIFT_UNKNOWN).any()
    np.testing.assert_array_equal(has_flag(found.flags, Flag.REDSHIFT_ESTIMATED), np.full(400, error is None))


def test_compiled_answers_and_mixtures(taught):
    pytest.importorskip("numba")
    rows = typical_photometry(taught, 40, snr=40)
    n = len(rows)
    mixture = RedshiftMixture.mixture(
        np.full((n, 2), 0.5), np.stack([rows.redshift, rows.redshift + 0.2], axis=1), np.full((n, 2), 0.01), exact=True
    )
    seen = replace(rows, redshift=mixture.mean, redshift_err=mixture.std, redshift_mixture=mixture)
    slow, fast = (taught.kind.answer(seen, compiled=one) for one in (False, True))
    np.testing.assert_allclose(fast.mean, slow.mean, atol=1e-4)
    assert np.isfinite(slow.mean).all()


def test_redshifts_beyond_the_range_are_not_answered_and_spoil_no_others(taught):
    rows = typical_photometry(taught, 30, snr=40)
    alone = taught.kind.answer(at_redshifts(rows, np.nan, 0.0))
    both = at_redshifts(rows, np.where(np.arange(30) % 2, np.nan, 1.5), 0.1)
    found = taught.kind.answer(both)
    assert np.isnan(found.mean[::2]).all()
    beyond = found.flags[::2]
    assert has_flag(beyond, Flag.REDSHIFT_OUTSIDE_MODEL).all()
    assert not has_flag(beyond, Flag.OUT_OF_RANGE | Flag.OUT_OF_DISTRIBUTION | Flag.BAND_CONTRADICTED).any()
    assert (found.worst_band[::2] == "").all()
    np.testing.assert_allclose(found.mean[1::2], alone.mean[1::2], atol=1e-5)


def test_a_spoilt_band_falsifies_no_redshift(taught):
    rows = at_redshifts(typical_photometry(taught, 300, snr=40), np.nan, 0.0)
    clean = taught.kind.answer(rows)
    flux, band = rows.flux.copy(), np.arange(300) % len(taught.bands)
    flux[np.arange(300), band] *= 2
    found = taught.kind.answer(replace(rows, flux=flux))
    named = found.worst_band == np.array(taught.bands.names)[band]
    assert named.mean() > 0.7
    assert has_flag(found.flags, Flag.BAND_CONTRADICTED)[named].all()
    assert not has_flag(found.flags, Flag.BAND_NOT_COVERED)[named & rows.covered.all(axis=1)].any()
    assert (found.worst_band_sigma[named] > CONTRADICTED_SIGMA).all()
    assert np.quantile(np.abs(found.log_age_lw - clean.log_age_lw)[named], 0.9) < 0.1


def test_training_rows_beyond_the_range_are_refused(jpas):
    for error in (0.001, 0.02):
        with pytest.raises(AgezError, match="outside 0-1"):
            taught_of(jpas, lambda rows, error=error: at_redshifts(rows, 3.0, error))


def test_rows_without_redshift_can_be_learned_from(jpas):
    """The networks see them at the redshifts that are found."""
    model = taught_of(jpas, lambda rows: at_redshifts(rows, np.nan, 0.0))
    rows = typical_photometry(jpas, 50, snr=40)
    off = model.kind.answer(rows).log_age_lw - jpas.kind.answer(rows).log_age_lw
    assert np.sqrt(np.mean(off**2)) < 0.1
    assert network_of(model).finder is not None
    assert "an error above 0.003, are found by another network" in "\n".join(card_lines(model))


def test_going_on_a_second_time_takes_the_finder_along(taught):
    again = taught_of(taught)
    first, second = (network_of(model).finder for model in (taught, again))
    for name, array in first.members[0].parameters.items():
        np.testing.assert_array_equal(second.members[0].parameters[name], array)
    assert again.header["most_redshift_err"] == taught.header["most_redshift_err"]


def test_its_file_for_other_programs_answers_known_redshifts_alone(taught, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from agez.onnx.export_onnx import export_onnx

    rows = typical_photometry(taught, 30, snr=40)
    rows.redshift_err[10:20] = 0.02
    rows.redshift[20:] = np.nan
    session = runtime.InferenceSession(
        export_onnx(tmp_path / "taught.onnx", taught), providers=["CPUExecutionProvider"]
    )
    names = [one.name for one in session.get_outputs()]
    feed = {name: getattr(rows, name) for name in ("flux", "flux_err", "covered", "redshift", "redshift_err")}
    got = dict(zip(names, session.run(names, feed), strict=True))
    for values in got.values():
        assert np.isnan(values[10:]).all()
    assert np.isfinite(got["log_age_lw"][:10]).all()
