"""The compiled network against numpy's: any architecture, any number of rows and threads, a bound on the edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_networks import CASES
from rounding import SIGMAS, exact_outputs

pytest.importorskip("numba")

from agez.paper_network import network_compiled, network_numpy
from agez.paper_network.architecture import PAPER_ARCHITECTURES, Architecture, initial_parameters
from agez.paper_network.cnn_numba import LANES, MOST_UNITS


def some_network(architecture, n_bands, rng):
    """Random weights with biases that are not zero."""
    parameters = initial_parameters(architecture, n_bands, rng)
    shaken = {k: v + rng.normal(0, 0.1, v.shape).astype(np.float32) for k, v in parameters.items()}
    return network_numpy.prepare(shaken, architecture, n_bands)


def agree(network, x):
    """Both forward passes with the exact one, and so with each other, to what float32 may do (:mod:`rounding`)."""
    want = exact_outputs(network, x)
    for run in (network_compiled.run, network_numpy.run):
        got = run(network, x)
        assert got.dtype == np.float32
        assert (np.abs(got - want.value) <= SIGMAS * np.sqrt(want.variance)).all()


def test_what_float32_may_do_is_no_excuse_for_a_wrong_weight(rng):
    """1e-4 in one weight, of weights of 0.1, is found in every layer, and in all is more often found than not."""
    n_found = n_tried = 0
    for name in ("log_age_lw", "mh_lw"):
        architecture = PAPER_ARCHITECTURES[name]
        network, x = some_network(architecture, 34, rng), rng.normal(size=(100, 34)).astype(np.float32)
        agree(network, x)
        for key, array in network.parameters.items():
            found = 0
            for at in rng.integers(array.size, size=20):
                wrong = array.copy()
                wrong.flat[at] += 1e-4
                other = network_numpy.prepare({**network.parameters, key: wrong}, architecture, 34)
                want = exact_outputs(network, x)
                found += (np.abs(network_compiled.run(other, x) - want.value) > SIGMAS * np.sqrt(want.variance)).any()
            assert found >= 1, key
            n_found, n_tried = n_found + found, n_tried + 20
    assert n_found > n_tried / 2


@pytest.mark.parametrize(("architecture", "n_bands"), CASES)
def test_odd_networks(architecture, n_bands, rng):
    agree(some_network(architecture, n_bands, rng), rng.normal(size=(2 * LANES + 3, n_bands)).astype(np.float32))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_architecture(data):
    def size(largest):
        return data.draw(st.integers(1, largest))

    architecture = Architecture((size(30), size(30)), (size(14), size(14)), size(9), size(45))
    n_bands = architecture.pool + size(40) - 1
    rng = np.random.default_rng(size(1000))
    agree(some_network(architecture, n_bands, rng), rng.normal(size=(size(40), n_bands)).astype(np.float32))


@pytest.mark.parametrize("n", [0, 1, LANES - 1, LANES, LANES + 1, 1000])
def test_any_number_of_rows(n, rng):
    agree(some_network(PAPER_ARCHITECTURES["mh_lw"], 34, rng), rng.normal(size=(n, 34)).astype(np.float32))


def test_a_row_depends_on_itself_alone_and_not_on_threads(rng):
    network = some_network(PAPER_ARCHITECTURES["log_age_lw"], 34, rng)
    x = rng.normal(size=(3 * network_compiled.ROWS_AT_A_TIME + 5, 34)).astype(np.float32)
    whole = network_compiled.run(network, x)
    np.testing.assert_array_equal(whole, network_compiled.run(network, x, threads=3))
    some = rng.permutation(len(x))[:77]
    np.testing.assert_array_equal(whole[some], network_compiled.run(network, x[some]))


def test_rows_of_nan_and_of_wild_numbers_spoil_no_others(rng):
    network = some_network(PAPER_ARCHITECTURES["log_age_lw"], 34, rng)
    x = rng.normal(size=(LANES, 34)).astype(np.float32)
    clean = network_compiled.run(network, x)
    x[3, 5], x[7, 33], x[9] = np.nan, np.nan, 1e30
    got = network_compiled.run(network, x)
    assert np.isnan(got[[3, 7]]).all()
    others = np.delete(np.arange(LANES), [3, 7, 9])
    np.testing.assert_array_equal(got[others], clean[others])


def test_inputs_of_other_types_and_orders(rng):
    network = some_network(PAPER_ARCHITECTURES["log_age_lw"], 34, rng)
    x = rng.normal(size=(34, 50))
    got = network_compiled.run(network, x.T)
    np.testing.assert_array_equal(got, network_compiled.run(network, np.ascontiguousarray(x.T, np.float32)))


def test_tiles_hold_all_units_and_none_is_too_large():
    for units in range(1, 70):
        edges = network_compiled.tile_edges(units, MOST_UNITS)
        sizes = np.diff(edges)
        assert edges[0] == 0
        assert edges[-1] == units
        assert sizes.min() >= 1
        assert sizes.max() <= MOST_UNITS
        assert len(sizes) == -(-units // MOST_UNITS)


def test_work_is_that_of_direct_convolution():
    """The count by which rates are given, with loops in place of the formula."""
    architecture, n_bands, multiplications = Architecture((3, 5), (4, 2), 3, 7), 11, 0
    for _ in range(n_bands):
        multiplications += 4 * 3
    for _ in range(3 * 3):  # the last two positions are not pooled
        multiplications += 2 * 3 * 5
    multiplications += 3 * 5 * 7 + 7
    network = some_network(architecture, n_bands, np.random.default_rng(0))
    assert network_compiled.direct_flops(network) == 2 * multiplications


def test_an_error_in_one_part_is_raised():
    def rows(start, stop):
        if start:
            raise ValueError("here")

    with pytest.raises(ValueError, match="here"):
        network_compiled.each_part(rows, 3 * network_compiled.ROWS_AT_A_TIME, 2)
