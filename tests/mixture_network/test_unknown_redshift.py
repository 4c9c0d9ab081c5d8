"""A network of its own for rows of unknown redshift: it answers these, and no other row hears of it."""

from dataclasses import fields, replace

import numpy as np
import pytest
from made_up_posterior import RANGE, small_member, small_model, small_parts, small_photometry, small_sky

from agez.flags import Flag, has_flag
from agez.mixture_network.build_model import build_model
from agez.mixture_network.calibration import IntervalCalibration
from agez.mixture_network.mixture_model import MixtureNetwork, network_of
from agez.models.model import Model
from agez.models.model_file import load_model, save_model
from agez.models.predict import predict
from agez.models.weak_bands import band_weights
from agez.types import Photometry, Prediction


def model_of(parts: MixtureNetwork) -> Model:
    sky = small_sky()
    return build_model(
        parts, sky.bands, targets=sky.targets, name="small", knows_unknown_redshift=True,
        label_range=np.stack([sky.labels.min(axis=0), sky.labels.max(axis=0)]),
        redshift_range=RANGE, least_bands=5, least_snr=3.0, frame="observed",
        labels={"templates": "made-up"}, training={"seed": 1}, calibration={}, scores={},
    )  # fmt: skip


def unknown_parts() -> MixtureNetwork:
    """One network with a calibration unlike the other's, tails included."""
    member, known = small_member(7), small_parts()
    nothing = IntervalCalibration.none(member.scaling.label_mean, member.scaling.label_std)
    calibration = replace(nothing, log_factor=nothing.log_factor + 0.1, tail=np.array([1.2, 0.9]))
    return MixtureNetwork((member,), calibration, known.novelty)


@pytest.fixture(scope="module")
def both() -> Model:
    return model_of(replace(small_parts(), members=small_parts().members[:1], of_unknown=unknown_parts()))


@pytest.fixture(scope="module")
def rows() -> Photometry:
    """Every third redshift is unknown, one by its infinite error."""
    photometry, _ = small_photometry(90, snr=(15.0, 60.0))
    z, err = np.array(photometry.redshift), np.array(photometry.redshift_err)
    z[::3] = np.nan
    err[30], z[30] = np.inf, 0.01
    return replace(photometry, redshift=z, redshift_err=err)


def same(one: Prediction, other: Prediction, **tolerance: float) -> None:
    for name in ("mean", "quantiles", "ood", "chi2", "correlation", "redshift_inside", "worst_band_sigma"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), err_msg=name, **tolerance)
    np.testing.assert_array_equal(one.flags, other.flags)
    assert one.mixture is not None
    assert other.mixture is not None
    for part in fields(one.mixture):
        values = (getattr(of.mixture, part.name) for of in (one, other))
        np.testing.assert_allclose(*values, err_msg=part.name, **tolerance)


@pytest.mark.parametrize("compiled", [False, True])
def test_each_row_is_answered_by_its_network(both, rows, compiled: bool):
    if compiled:
        pytest.importorskip("numba")
    answered = both.kind.answer(rows, compiled=compiled)
    unknown = np.isnan(rows.redshift) | np.isinf(rows.redshift_err)
    first = model_of(replace(network_of(both), of_unknown=None))
    alone = {True: model_of(unknown_parts()), False: first}
    assert list(answered.rows.spec_id) == list(rows.rows.spec_id)
    for which, model in alone.items():
        at = np.flatnonzero(unknown == which)
        same(answered.take(at), model.kind.answer(rows.take(at), compiled=compiled), rtol=0, atol=0)
    other = first.kind.answer(rows, compiled=compiled)
    assert np.abs(answered.mean[unknown] - other.mean[unknown]).max() > 0.01, "the two networks are not the same"


def test_rows_of_one_kind_alone(both, rows):
    for part in (rows.take(np.arange(1, 90, 3)), rows.take(np.arange(0, 90, 3)), rows.take(np.arange(0))):
        assert len(predict(both, part)) == len(part)


def test_a_file_holds_both(both, rows, tmp_path):
    save_model(tmp_path / "both.safetensors", both)
    loaded = load_model(tmp_path / "both.safetensors")
    same(predict(loaded, rows), predict(both, rows), rtol=0, atol=0)
    assert network_of(small_model()).of_unknown is None


def test_distributions_are_those_of_the_answers(both, rows):
    """The network's own method, by which thresholds and scores are learned, parts rows in the same way."""
    from agez.models.features import normalised

    seds = normalised(rows.flux, rows.flux_err, rows.covered)
    known = np.isfinite(rows.redshift) & ~np.isinf(rows.redshift_err)
    z = np.where(known, rows.redshift, np.nan)
    mixture = network_of(both).answer(seds, z, np.where(known, rows.redshift_err, np.nan))
    answered = both.kind.answer(rows)
    weights = band_weights(rows.flux, rows.flux_err, rows.covered)
    plain = np.ones(len(rows), bool) if weights is None else np.asarray((weights == rows.covered).all(axis=1))
    plain &= np.isfinite(answered.mean).all(axis=1) & ~has_flag(answered.flags, Flag.BAND_CONTRADICTED)
    some = np.flatnonzero(plain)
    assert len(some) > 60
    np.testing.assert_allclose(mixture.mean[some], answered.mixture.mean[some], atol=1e-5)
