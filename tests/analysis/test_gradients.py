"""Radial gradients: an oracle that loops, gradients put in and found again, the real spaxels of NGC 4047."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import agez
from agez.analysis.gradients import compare_gradients, galaxy_gradients, radial_gradient
from agez.errors import AgezError


def slow_gradients(galaxy_id, r_re, value, *, seed, n_subsets=100, fraction=0.75):
    """The same in loops: one random key a point, np.polyfit on the round(0.75 n) smallest keys of each galaxy."""
    ids = np.unique(galaxy_id)
    points = {}
    for g in ids:
        here = (galaxy_id == g) & np.isfinite(r_re) & np.isfinite(value)
        inside = np.flatnonzero(here & (r_re <= 1))
        if len(inside) >= 25 and np.any(here & (r_re > 1)):
            points[g] = inside
    fits = {g: [] for g in points}
    rng = np.random.default_rng(seed)
    for _ in range(n_subsets):
        for g, inside in points.items():
            keys = rng.random(len(inside))
            subset = inside[np.argsort(keys)[: round(fraction * len(inside))]]
            fits[g].append(np.polyfit(r_re[subset], value[subset], 1))
    out = np.full((len(ids), 3), np.nan)
    for i, g in enumerate(ids):
        if g in fits:
            fit = np.array(fits[g])
            out[i] = fit[:, 0].mean(), fit[:, 0].std(ddof=1), fit[:, 1].mean()
    return out


def made_up_spaxels(rng, n_galaxies=12, n=1500):
    """Galaxies of very different numbers of spaxels, in mixed order."""
    weight = rng.dirichlet(np.full(n_galaxies, 0.6))
    galaxy = np.array([f"g{i:02d}" for i in rng.choice(n_galaxies, n, p=weight)])
    r = 1.6 * np.sqrt(rng.random(n))
    value = np.stack([9.5 - 0.3 * r, -0.1 - 0.2 * r], axis=1) + rng.normal(0, 0.1, (n, 2))
    return galaxy, r, value


def test_all_galaxies_at_once_equal_the_loop_over_polyfit(rng):
    galaxy, r, value = made_up_spaxels(rng)
    r[::97] = np.nan
    value[::31, 1] = np.nan
    table = galaxy_gradients(galaxy, r, value, rng=np.random.default_rng(5), names=["age", "mh"])
    seed = int(np.random.default_rng(5).integers(2**63))
    for k in range(2):
        slow = slow_gradients(galaxy, r, value[:, k], seed=seed)
        assert np.isfinite(slow[:, 0]).sum() >= 5
        assert np.isnan(slow[:, 0]).any()
        np.testing.assert_allclose(table.slope[:, k], slow[:, 0], atol=1e-10)
        np.testing.assert_allclose(table.slope_scatter[:, k], slow[:, 1], atol=1e-10)
        np.testing.assert_allclose(table.intercept[:, k], slow[:, 2], atol=1e-10)
        assert all(bool(reason) == np.isnan(s) for reason, s in zip(table.reason[:, k], slow[:, 0], strict=True))


def test_chunks_change_nothing(rng, monkeypatch):
    galaxy, r, value = made_up_spaxels(rng)
    whole = galaxy_gradients(galaxy, r, value, rng=np.random.default_rng(5))
    monkeypatch.setattr("agez.analysis.gradients._CHUNK", 5000)
    parts = galaxy_gradients(galaxy, r, value, rng=np.random.default_rng(5))
    np.testing.assert_array_equal(whole.slope, parts.slope)
    np.testing.assert_array_equal(whole.slope_err, parts.slope_err)


@settings(max_examples=25, deadline=None)
@given(st.floats(-2, 2), st.floats(-3, 11), st.integers(0, 2**32))
def test_a_line_is_found_again_without_error(slope, intercept, seed):
    r = 1.3 * np.random.default_rng(seed).random(60)
    found = agez.radial_gradient(np.append(r, 1.2), np.append(intercept + slope * r, 0.0))
    assert found.slope == pytest.approx(slope, abs=1e-9)
    assert found.intercept == pytest.approx(intercept, abs=1e-9)
    assert found.slope_err == pytest.approx(0, abs=1e-9)


def test_points_outside_do_not_pull_the_slope(rng):
    r = np.concatenate([rng.random(100), [1.1, 1.5, 3.0]])
    value = np.where(r <= 1, 1 - 0.4 * r, 77.0)
    found = radial_gradient(r, value, rng=rng)
    assert found.slope == pytest.approx(-0.4, abs=1e-9)
    assert (found.n_inside, found.n_outside) == (100, 3)


def test_error_is_the_sampling_error_times_the_known_factor(rng):
    """Scatter over subsets = sqrt((1 - f) / f) of the least-squares error, as the docstring says."""
    ratio = []
    for _ in range(40):
        r = np.append(rng.random(400), 1.5)
        value = -0.3 * r + rng.normal(0, 0.2, r.size)
        ols = 0.2 / np.sqrt(400 * np.var(r[:-1]))
        ratio.append(radial_gradient(r, value, rng=rng).slope_scatter / ols)
    assert np.mean(ratio) == pytest.approx(np.sqrt(0.25 / 0.75), rel=0.06)


def test_too_few_points_are_an_error_for_one_and_a_reason_in_a_table():
    r = np.linspace(0, 0.99, 24)
    with pytest.raises(AgezError, match="24 points with a value at R <= 1 Re; at least 25 needed"):
        radial_gradient(np.append(r, 2.0), np.zeros(25))
    with pytest.raises(AgezError, match="0 points with a value at R > 1 Re"):
        radial_gradient(np.linspace(0, 1, 30), np.zeros(30))
    with pytest.raises(AgezError, match="no spread"):
        radial_gradient(np.append(np.full(30, 0.5), 2.0), np.arange(31.0))
    with pytest.raises(AgezError, match="no points"):
        radial_gradient([], [])
    table = galaxy_gradients(np.full(25, "a"), np.append(r, 2.0), np.zeros((25, 1)), rng=np.random.default_rng())
    assert np.isnan(table.slope[0, 0])
    assert "24 points" in table.reason[0, 0]
    assert table.to_json()[0]["slope"] is None


def test_no_rows_give_an_empty_table(rng):
    assert len(galaxy_gradients(np.zeros(0, dtype=str), np.zeros(0), np.zeros((0, 2)), rng=rng)) == 0


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"n_subsets": 1}, "n_subsets"),
        ({"fraction": 0.0}, "fraction"),
        ({"fraction": 1.5}, "fraction"),
        ({"max_radius": -1.0}, "max_radius"),
        ({"min_inside": 2}, "min_inside"),
    ],
)
def test_options_out_of_range_are_refused(change, match):
    with pytest.raises(AgezError, match=match):
        radial_gradient(np.linspace(0, 2, 80), np.zeros(80), **change)


def test_shapes_and_negative_radii_are_refused(rng):
    with pytest.raises(AgezError, match="expected equal"):
        radial_gradient(np.zeros(3), np.zeros(4))
    with pytest.raises(AgezError, match="row 1 is negative"):
        radial_gradient([0.5, -0.5], [1.0, 1.0])
    with pytest.raises(AgezError, match="2 columns"):
        galaxy_gradients(["a"], [1.0], [[1.0, 2.0]], names=["age"], rng=rng)
    with pytest.raises(AgezError, match="expected"):
        galaxy_gradients(["a"], [1.0, 2.0], [[1.0, 2.0]], rng=rng)


def test_compared_gradients_share_points_and_subsets(rng):
    galaxy, r, label = made_up_spaxels(rng)
    predicted = label + 0.25 - 0.1 * r[:, None]
    predicted[::13, 0] = np.nan
    a, b = compare_gradients(galaxy, r, [label, predicted], names=["age", "mh"], rng=rng)
    np.testing.assert_array_equal(a.n_inside, b.n_inside)
    np.testing.assert_allclose(b.slope - a.slope, np.where(np.isnan(a.slope), np.nan, -0.1), atol=1e-10)
    np.testing.assert_allclose(b.intercept - a.intercept, np.where(np.isnan(a.slope), np.nan, 0.25), atol=1e-10)
    with pytest.raises(AgezError, match=r"expected \(n, 2\)"):
        compare_gradients(galaxy, r, [label, predicted[:, :1]], names=["age", "mh"], rng=rng)


def test_the_same_seed_gives_the_same_numbers(rng):
    galaxy, r, value = made_up_spaxels(rng)
    one, two = (galaxy_gradients(galaxy, r, value, rng=np.random.default_rng(9)) for _ in range(2))
    np.testing.assert_array_equal(one.slope, two.slope)
    other = galaxy_gradients(galaxy, r, value, rng=np.random.default_rng(10))
    assert not np.array_equal(one.slope, other.slope, equal_nan=True)


@pytest.mark.parametrize("code", [-99.0, 99.0, -999.0, 1e31])
def test_codes_are_no_values(rng, code):
    radius = rng.uniform(0, 2, 200)
    value = 9.5 - 0.3 * radius
    value[:20] = code
    assert radial_gradient(radius, value).slope == pytest.approx(-0.3)
