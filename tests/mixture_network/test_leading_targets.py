"""A network for the first of its targets alone: the marginal distribution of the whole one's."""

from dataclasses import replace

import numpy as np
import pytest

from agez.distributions.mixture import moments, triangle_size
from agez.errors import AgezError
from agez.mixture_network.calibration import IntervalCalibration, n_covariates
from agez.mixture_network.mixture_model import MixtureNetwork, Network, leading
from agez.mixture_network.trunks import FURTHER, NetworkShape, initial_further, initial_parameters
from agez.models.feature_scaling import FeatureScaling
from agez.models.features import n_features, normalised

D, B, N = 5, 4, 7


def made_up_parameters(shape, rng):
    parameters = dict(initial_parameters(shape, rng))
    if shape.first_targets:
        parameters |= {FURTHER + key: array for key, array in initial_further(shape, rng).items()}
    return {
        key: array + 0.2 * rng.standard_normal(array.shape).astype(np.float32) for key, array in parameters.items()
    }  # fmt: skip


@pytest.fixture(params=[0, 3, 4], ids=["one stage", "three first", "four first"])
def network(rng, request):
    shape = NetworkShape(
        n_features(B), (16, 12), 3, D, first_targets=request.param, further_hidden=(9,) if request.param else ()
    )
    members = []
    for _ in range(2):
        parameters = made_up_parameters(shape, rng)
        table = np.ones((3, 3, B), np.float32)
        scaling = FeatureScaling(table, table, -1.5, 0.5, (0.0, 1.0), rng.normal(0, 1, D), rng.uniform(0.5, 2, D))
        members.append(Network(scaling, shape, parameters))
    calibration = IntervalCalibration(
        0.1 * rng.standard_normal((D, n_covariates(D))), 0.1 * rng.standard_normal((D, n_covariates(D))),
        rng.uniform(0.9, 1.1, D), np.zeros(D), np.ones(D), rng.uniform(0, 0.1, D),
    )  # fmt: skip
    return MixtureNetwork(tuple(members), calibration, None)


@pytest.mark.parametrize("p", [3, 4, 5])
def test_its_distribution_is_the_marginal_of_the_whole(network, rng, p):
    flux = rng.lognormal(0, 0.3, (N, B))
    seds = normalised(flux, 0.1 * flux, rng.uniform(size=flux.shape) < 0.9)
    z, z_err = np.append(rng.uniform(0, 1, N - 1), np.nan), np.zeros(N)
    whole, part = network.answer(seds, z, z_err), leading(network, p).answer(seds, z, z_err)
    np.testing.assert_allclose(part.weights, whole.weights, rtol=1e-5)
    np.testing.assert_allclose(part.mean, whole.mean[..., :p], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(part.covariance, whole.covariance[..., : triangle_size(p)], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(moments(part)[2], moments(whole)[2], rtol=1e-4, atol=1e-5)


def test_of_fewer_than_the_intervals_depend_on_there_is_none(network):
    with pytest.raises(AgezError, match=r"2 of 5 targets.*first 3"):
        leading(network, 2)


@pytest.mark.parametrize("network", [0], indirect=True)
def test_other_trunks_answer_as_a_whole(network):
    members = tuple(replace(one, shape=replace(one.shape, trunk="other")) for one in network.members)
    with pytest.raises(AgezError, match="only the dense trunk"):
        leading(replace(network, members=members), 3)
