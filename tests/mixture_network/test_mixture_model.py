"""A posterior model taken apart and put together again: the same answers, and no model taken for another."""

import numpy as np
from made_up_posterior import small_model, small_parts, small_photometry

from agez.distributions.mixture import combine, moments
from agez.mixture_network.mixture_model import MixtureNetwork, network_of
from agez.models.features import normalised
from agez.models.model import Model


def rows():
    photometry, labels = small_photometry(100)
    seds = normalised(photometry.flux, photometry.flux_err, photometry.covered)
    return seds, photometry.redshift, photometry.redshift_err, labels


def same(one, other):
    for name in ("weights", "mean", "covariance"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_parts_of_a_model_answer_as_the_parts_it_was_made_of():
    seds, z, z_err, _ = rows()
    made, back = small_parts(), network_of(small_model())
    same(made.answer(seds, z, z_err), back.answer(seds, z, z_err))
    same(made.uncalibrated(seds, z, z_err), back.uncalibrated(seds, z, z_err))
    assert made.to_arrays().keys() == back.to_arrays().keys()
    for name, array in made.to_arrays().items():
        np.testing.assert_array_equal(array, back.to_arrays()[name], err_msg=name)


def test_the_ensemble_has_the_moments_of_all_its_members():
    seds, z, z_err, _ = rows()
    parts = small_parts()
    each = [moments(member.answer(seds, z, z_err)) for member in parts.members]
    mean, sigma, _ = moments(parts.uncalibrated(seds, z, z_err))
    means = np.array([one[0] for one in each])
    np.testing.assert_allclose(mean, means.mean(axis=0), rtol=1e-9)
    variance = np.mean([one[1] ** 2 for one in each], axis=0) + means.var(axis=0)
    np.testing.assert_allclose(sigma**2, variance, rtol=1e-9)
    same(combine([member.answer(seds, z, z_err) for member in parts.members]), parts.uncalibrated(seds, z, z_err))


def test_a_trained_model_is_better_than_a_guess_and_its_errors_are_fair():
    seds, z, z_err, labels = rows()
    mean, sigma, _ = moments(small_parts().answer(seds, z, z_err))
    residual = labels - mean
    assert (residual.std(axis=0) < [0.75, 0.97] * labels.std(axis=0)).all()
    inside = (np.abs(residual) < sigma).mean(axis=0)
    assert ((inside > 0.5) & (inside < 0.9)).all()


def test_two_models_in_turn_are_not_taken_for_each_other():
    """Parts are kept by identity: not even models whose first was thrown away may be mixed up."""
    seds, z, z_err, _ = rows()
    model = small_model()
    for number in range(20):
        arrays = dict(model.arrays)
        key = "member0.bias2"
        arrays[key] = arrays[key] + np.float32(0.01 * number)
        other = Model(arrays, model.header)
        np.testing.assert_array_equal(network_of(other).members[0].parameters["bias2"], arrays[key])
        del other
    same(network_of(model).answer(seds, z, z_err), small_parts().answer(seds, z, z_err))
    assert network_of(model) is network_of(model)


def test_no_calibration_is_the_networks_own_answer():
    seds, z, z_err, _ = rows()
    parts = small_parts()
    kind = type(parts.calibration)
    bare = MixtureNetwork(parts.members, kind.none(np.zeros(2), np.ones(2)), parts.novelty)
    got, expected = moments(bare.answer(seds, z, z_err)), moments(bare.uncalibrated(seds, z, z_err))
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)
