"""All that a catalogue needs, from training SEDs to tables: units, sums, redshifts, a part of the targets."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up_sample import made_up_sample

from agez.distributions.marginals import marginal_cdf
from agez.distributions.mixture import moments
from agez.distributions.redshift_mixture import RedshiftMixture
from agez.errors import AgezError
from agez.flags import Flag, has_flag
from agez.mixture_network.mixture_kind import MixtureKind
from agez.mixture_network.mixture_model import ensemble
from agez.models.features import normalised
from agez.models.luminosity import log_luminosity
from agez.models.predict import predict
from agez.onnx.onnx_graph import Graph
from agez.onnx.onnx_posterior import add_to_graph
from agez.photometry.filters import load_filters
from agez.photometry.redshift_columns import with_redshifts
from agez.populations.truth import TRUTHS, truths_of
from agez.spectra.templates import made_up_grid
from agez.tables.prediction_files import prediction_to_table, read_prediction, write_prediction
from agez.targets import CATALOGUE_TARGETS, KNOWN_TARGETS, Target, zero_limits
from agez.training.mixture_fit import FitSettings
from agez.training.recipes import Recipe
from agez.training.sample_batches import sample_rows
from agez.training.sed_batches import labels_as_seen
from agez.training.shipped_training import finished_model, trained_network
from agez.training_seds.libraries import library_of
from agez.training_seds.observe import Survey, observe
from agez.training_seds.seds import make_training_seds
from agez.types import Photometry, Rows

NAMES = ("log_age_lw", "mh_lw", "redshift_phot", "log_mass", "log_ssfr", "absmag_r", "ew_ha", "log_t50")
MAIN = ("log_age_lw", "mh_lw", "log_mass")
SURVEY = Survey(snr=(20.0, 200.0), redshift_known=0.5, redshift_unknown=0.25)
RANGE = (0.02, 0.2)


def made_seds(n, seed):
    filters = load_filters("jpas").select(tuple(f"J0{k}" for k in range(420, 860, 40)))
    return make_training_seds(
        filters, [library_of(made_up_grid())], n, np.random.default_rng(seed), redshift_range=RANGE, age_margin=1.1,
        targets=[KNOWN_TARGETS[name] for name in NAMES],
    )  # fmt: skip


@pytest.fixture(scope="module")
def model():
    import agez.training.recipe_seds as recipe_seds
    import agez.training.shipped_training as training

    recipe = Recipe(
        "small", "jpas", targets=NAMES, main_targets=MAIN, redshift_range=RANGE, hidden=(64, 48), components=3,
        first_targets=4, further_hidden=(48,), further_steps=400, tell_library=True, libraries={"made-up": 1.0},
        members=1, settings=FitSettings(700, 256, 3e-3), survey=SURVEY, n_seds=6000, n_calibration=4000,
    )  # fmt: skip
    patch = pytest.MonkeyPatch()
    with patch.context() as one:
        for module in (training, recipe_seds):
            one.setattr(module, "seds_of_recipe", lambda recipe, n, rng: made_seds(n, int(rng.integers(100))))
        one.setattr(training, "star_seds", lambda filters, rng: None)
        return finished_model(recipe, (trained_network(recipe),))


@pytest.fixture(scope="module")
def truth():
    return made_seds(1500, 77)


def as_photometry(seds, *, snr=100.0, scale=50.0, known=True):
    """Rows in microjansky whose flux scale is ``scale``."""
    rng, n = np.random.default_rng(3), len(seds)
    flux = scale * seds.flux * (1 + rng.standard_normal(seds.flux.shape) / snr)
    redshift = seds.redshift if known else np.full(n, np.nan)
    return Photometry(
        seds.bands, flux, scale * seds.flux / snr, np.ones(flux.shape, bool), Rows.numbered(n), redshift,
        np.zeros(n, np.int32), redshift_err=np.zeros(n),
    )  # fmt: skip


def decided(one, other):
    """Rows of which the same band is left out, or none: where two subspaces fit equally well rounding decides."""
    same = one.worst_band == other.worst_band
    assert same.mean() > 0.99
    return same


def test_masses_and_magnitudes_are_those_of_the_rows_fluxes(model, truth):
    bright, faint = (
        predict(model, as_photometry(truth, scale=scale), targets=["log_mass", "absmag_r", "log_ssfr"], compiled=False)
        for scale in (500.0, 5.0)
    )
    clear = decided(bright, faint)
    np.testing.assert_allclose((bright.log_mass - faint.log_mass)[clear], 2.0, atol=1e-5)
    np.testing.assert_allclose((bright.absmag_r - faint.absmag_r)[clear], -5.0, atol=2e-5)
    np.testing.assert_allclose(bright.log_ssfr[clear], faint.log_ssfr[clear], atol=1e-5)
    expected = truth.labels[:, NAMES.index("log_mass")] + log_luminosity(np.full(len(truth), 500.0), truth.redshift)
    off = bright.log_mass - expected
    assert abs(np.median(off)) < 0.05
    assert 1.4826 * np.median(np.abs(off)) < 0.2
    magnitude = truth.labels[:, NAMES.index("absmag_r")] - 2.5 * log_luminosity(
        np.full(len(truth), 500.0), truth.redshift
    )
    assert np.median(np.abs(bright.absmag_r - magnitude)) < 0.1


def test_most_intervals_hold_the_truth_with_and_without_a_redshift(model, truth):
    for known in (True, False):
        answer = predict(model, as_photometry(truth, known=known), targets=NAMES, compiled=False)
        log_scale = log_luminosity(np.full(len(truth), 50.0), truth.redshift)
        for t, name in enumerate(NAMES):
            value = truth.labels[:, t] + KNOWN_TARGETS[name].per_flux * log_scale
            low, high = (getattr(answer, f"{name}_{end}") for end in ("p16", "p84"))
            if name == "redshift_phot" and known:
                continue  # learned with an error of 0.001
            assert 0.5 < np.mean((value >= low) & (value <= high)) < 0.86, (name, known)


def test_sums_hold_in_every_draw(model, truth):
    rows = as_photometry(truth.take(slice(0, 20)))
    answer = predict(model, rows, targets=["log_sfr_100", "log_ssfr", "log_mass"], compiled=False)
    draws = answer.sample(30000, np.random.default_rng(0))
    assert set(draws) == {"log_mass", "log_ssfr", "log_sfr_100"}
    assert set(predict(model, rows, targets="log_ssfr", compiled=False).sample(2, np.random.default_rng(0))) == {
        "log_ssfr"
    }
    np.testing.assert_allclose(draws["log_mass"] - draws["log_sfr_100"], -draws["log_ssfr"])
    np.testing.assert_allclose(draws["log_sfr_100"].mean(axis=1), answer.log_sfr_100, atol=0.05)
    # the intervals of tables have the calibration's tails beyond one sigma, and draws have not
    np.testing.assert_allclose(np.quantile(draws["log_sfr_100"], 0.84, axis=1), answer.log_sfr_100_p84, atol=0.1)


def test_tables_have_the_main_targets_or_those_asked_for(model, truth, tmp_path):
    rows = as_photometry(truth.take(slice(0, 30)))
    table = prediction_to_table(predict(model, rows, compiled=False))
    assert [name for name in table.colnames if name in NAMES] == list(MAIN)
    # a sum brings its parts along
    asked = predict(model, rows, targets=iter(["ew_ha", "log_sfr_100", "ew_ha"]), compiled=False)
    write_prediction(tmp_path / "some.fits", asked)
    read = read_prediction(tmp_path / "some.fits")
    assert [target.name for target in read.targets] == ["log_mass", "log_ssfr", "ew_ha", "log_sfr_100"]
    np.testing.assert_allclose(read.ew_ha, asked.ew_ha)
    one, other = (some.sample(20000, np.random.default_rng(4)) for some in (read, asked))
    for name in ("log_mass", "log_ssfr", "ew_ha", "log_sfr_100"):
        np.testing.assert_allclose(np.median(one[name], axis=1), np.median(other[name], axis=1), rtol=1e-3, atol=1e-3)
    assert (asked.ew_ha_p84 >= asked.ew_ha_p16).all()


def test_a_part_of_the_targets_has_the_answers_of_all(model, truth):
    rows = as_photometry(truth.take(slice(0, 200)))
    part, whole = (predict(model, rows, targets=targets, compiled=False) for targets in (MAIN, NAMES))
    assert part.mixture.n_targets == 3
    for name in MAIN:
        np.testing.assert_allclose(getattr(part, name), getattr(whole, name), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(getattr(part, f"{name}_err"), getattr(whole, f"{name}_err"), rtol=1e-3)


def test_compiled_answers_are_those_of_numpy(model, truth):
    pytest.importorskip("numba", reason="numba is not installed: pip install 'agez[fast]'")
    rows = as_photometry(truth.take(slice(0, 300)), known=False)
    plain, fast = (predict(model, rows, targets=NAMES, compiled=compiled) for compiled in (False, True))
    clear = decided(plain, fast)
    for name in NAMES:
        width = getattr(plain, f"{name}_err")
        assert np.max((np.abs(getattr(plain, name) - getattr(fast, name)) / width)[clear]) < 1e-3, name


def test_without_a_distance_there_is_an_age_and_no_mass(model, truth):
    rows = as_photometry(truth.take(slice(0, 10)))
    rows = replace(rows, redshift=np.full(10, 0.0))
    network = replace(model, header={**model.header, "redshift_range": [0.0, 0.2]})
    answer = predict(network, rows, targets=["log_mass", "log_sfr_100", "log_age_lw", "log_ssfr"], compiled=False)
    assert answer.answered.all()
    assert np.isnan(answer.log_mass).all()
    assert np.isnan(answer.log_sfr_100_p84).all()
    assert np.isfinite(answer.log_ssfr).all()
    draws = answer.sample(5, np.random.default_rng(0))
    assert np.isnan(draws["log_mass"]).all()
    assert np.isnan(draws["log_sfr_100"]).all()
    assert np.isfinite(draws["log_age_lw"]).all()


def test_only_rows_of_unknown_redshift_are_estimated(model, truth):
    """A redshift that was made up, as that of spectra in the rest frame, stays a fault."""
    rows = as_photometry(truth.take(slice(0, 4)))
    flags = np.full(4, int(Flag.REDSHIFT_UNKNOWN), np.int32)
    z = np.where(np.arange(4) < 2, np.nan, rows.redshift)
    answer = predict(model, replace(rows, redshift=z, flags=flags), compiled=False)
    assert has_flag(answer.flags, Flag.REDSHIFT_ESTIMATED).tolist() == [True, True, False, False]
    assert has_flag(answer.flags, Flag.REDSHIFT_UNKNOWN).tolist() == [False, False, True, True]


def test_a_band_that_says_nothing_leaves_the_mass_where_it_is(model, truth):
    rows = as_photometry(truth.take(slice(0, 50)))
    flux_err = np.array(rows.flux_err)
    flux_err[:, 3] = 30 * rows.flux[:, 3]
    flux = np.array(rows.flux)
    flux[:, 3] *= 4.0
    odd = predict(model, replace(rows, flux=flux, flux_err=flux_err), targets=["log_mass"], compiled=False)
    plain = predict(model, rows, targets=["log_mass"], compiled=False)
    assert np.median(np.abs(odd.log_mass - plain.log_mass)) < 0.15


def test_samples_of_users_do_not_teach_masses():
    with pytest.raises(AgezError, match="target log_mass: what scales with the flux"):
        sample_rows(made_up_sample(40), targets=[KNOWN_TARGETS["log_age_lw"], KNOWN_TARGETS["log_mass"]])


def test_an_onnx_file_names_what_it_gives_in_its_unit(model):
    pytest.importorskip("onnx", reason="onnx is not installed: pip install 'agez[onnx]'")
    graph = Graph()
    description = add_to_graph(graph, model)
    assert "log_age_lw, mh_lw (n)" in description  # of the first stage's targets
    assert "redshift_phot, log_mass are there as networks learn them" in description


def test_a_target_that_the_model_lacks_is_refused(model, truth):
    with pytest.raises(AgezError, match=r"'dn4000' is none of model 'small'; it has log_age_lw.*log_sfr_100"):
        predict(model, as_photometry(truth.take(slice(0, 2))), targets=["dn4000"])


def test_what_is_learned_of_a_mass_does_not_depend_on_the_flux(model, truth):
    seds = normalised(*observe(truth.flux, truth.present, np.array(truth.bands.pivot_angstrom),
                               np.random.default_rng(0), survey=replace(SURVEY, complete=1.0)))  # fmt: skip
    values = labels_as_seen(truth, seds, truth.redshift, np.zeros(len(truth)), RANGE, np.random.default_rng(1))
    assert isinstance(model.kind, MixtureKind)
    answer = ensemble(model.kind.network.members, seds, truth.redshift, np.zeros(len(truth)))
    t = NAMES.index("log_mass")
    off = (answer.weights * answer.mean[..., t]).sum(axis=1) - values[:, t]
    assert abs(np.median(off)) < 0.05


def test_every_catalogue_target_has_a_truth():
    assert len(truths_of(CATALOGUE_TARGETS)) == len(CATALOGUE_TARGETS) == len(TRUTHS)
    with pytest.raises(AgezError, match=r"targets luck: .*no from_history"):
        truths_of([CATALOGUE_TARGETS[0], Target("luck")])


def test_what_means_zero_is_known_of_log_ssfr_alone():
    limits = zero_limits(CATALOGUE_TARGETS)
    assert [(one.name, limit) for one, limit in zip(CATALOGUE_TARGETS, limits, strict=True) if limit > -np.inf] == [
        ("log_ssfr", -12.5)
    ]
    own = Target("luck", zero_below=-3.0)
    assert Target.from_dict(own.to_dict()).zero_below == -3.0
    for name in ("log_mass", "ew_ha", "log_sfr_100"):
        with pytest.raises(AgezError, match=f"target '{name}': zero_below"):
            replace(KNOWN_TARGETS[name], zero_below=0.0)


def test_the_page_has_every_target():
    page = (Path(__file__).parents[2] / "docs" / "targets.md").read_text(encoding="utf-8")
    for target in KNOWN_TARGETS.values():
        assert f"| `{target.name}` | {target.unit or '-'} | {target.description} |" in page, target.name


def two_redshifts(seds, rng, *, error=0.004):
    """A redshift as measured and another one; the weight of each is the probability that it is the right one."""
    n = len(seds)
    weight = rng.uniform(0.15, 0.85, n)
    first = (rng.uniform(size=n) < weight)[:, None]
    pair = np.stack([seds.redshift + error * rng.standard_normal(n), rng.uniform(RANGE[0] + 0.01, RANGE[1], n)], axis=1)
    means = np.where(first, pair, pair[:, ::-1])
    return RedshiftMixture.mixture(np.stack([weight, 1 - weight], axis=1), means, np.full((n, 2), error), exact=True)


@pytest.mark.parametrize("compiled", [False, True])
def test_each_component_of_a_redshift_has_its_own_distance(model, truth, compiled):
    if compiled:
        pytest.importorskip("numba")
    n = 40
    photometry = as_photometry(truth.take(slice(0, n)))
    mixture = RedshiftMixture.mixture(*(np.tile(one, (n, 1)) for one in ([0.4, 0.6], [0.05, 0.15], [0.0, 0.001])))
    wanted = ["log_mass", "log_sfr_100", "ew_ha", "absmag_r", "log_mass_library_spread"]
    found = predict(model, with_redshifts(photometry, mixture), targets=wanted, compiled=compiled)
    parts = [
        predict(model, replace(photometry, redshift=np.full(n, z), redshift_err=np.full(n, err)), targets=wanted)
        for z, err in ((0.05, 0.0), (0.15, 0.001))
    ]
    assert found.targets == parts[0].targets
    np.testing.assert_allclose(found.mean, 0.4 * parts[0].mean + 0.6 * parts[1].mean, rtol=1e-3, atol=2e-3)
    spread = [part.library_spread for part in parts]
    np.testing.assert_allclose(found.library_spread, 0.4 * spread[0] + 0.6 * spread[1], rtol=1e-3, atol=1e-6)
    at = [target.name for target in found.targets].index("log_mass")
    cdf = sum(w * marginal_cdf(part.mixture, found.log_mass_p50, at) for w, part in zip((0.4, 0.6), parts, strict=True))
    np.testing.assert_allclose(cdf, 0.5, atol=0.05)  # of networks whose median is calibrated
    mean, sigma, _ = moments(found.mixture)
    np.testing.assert_allclose(mean[:, at], found.log_mass, atol=1e-6)
    each = np.stack([moments(part.mixture)[1][:, at] for part in parts])
    between = 0.24 * (parts[0].log_mass - parts[1].log_mass) ** 2
    np.testing.assert_allclose(sigma[:, at] ** 2, 0.4 * each[0] ** 2 + 0.6 * each[1] ** 2 + between, rtol=0.02)


def test_answers_for_two_redshifts_are_right_as_often_as_they_say(model, truth):
    """Of the columns and of the distribution that is kept; with the Gaussian of same mean and width they are not."""
    rng, names = np.random.default_rng(5), [target.name for target in truth.targets]
    photometry = with_redshifts(as_photometry(truth, snr=30.0), two_redshifts(truth, rng))
    wanted = ["log_mass", "redshift_phot", "absmag_r"]
    found = predict(model, photometry, targets=wanted)
    blurred = predict(model, replace(photometry, redshift_mixture=None), targets=wanted)
    distance = log_luminosity(np.full(len(truth), 50.0), truth.redshift)
    true_mass = truth.labels[:, names.index("log_mass")] + distance
    true_magnitude = truth.labels[:, names.index("absmag_r")] - 2.5 * distance
    for name, true in (("log_mass", true_mass), ("redshift_phot", truth.redshift), ("absmag_r", true_magnitude)):
        inside = [np.mean((getattr(one, f"{name}_p16") < true) & (true < getattr(one, f"{name}_p84")))
                  for one in (found, blurred)]  # fmt: skip
        assert inside[0] == pytest.approx(0.683, abs=0.05)
        assert inside[1] < inside[0] - 0.04
        at = [target.name for target in found.targets].index(name)
        pit = marginal_cdf(found.mixture, true, at)
        assert np.mean(np.abs(pit - 0.5) < 0.3413) == pytest.approx(0.683, abs=0.05)


def test_a_component_without_a_distance_leaves_it_to_the_others(model, truth):
    seen = replace(model, header={**model.header, "redshift_range": [0.0, RANGE[1]]})
    photometry = as_photometry(truth.take(slice(0, 5)))
    mixture = RedshiftMixture.mixture(*(np.tile(one, (5, 1)) for one in ([0.3, 0.7], [0.0, 0.1], [0.0, 0.0])))
    found = predict(seen, with_redshifts(photometry, mixture), targets=MAIN)
    alone = predict(seen, replace(photometry, redshift=np.full(5, 0.1), redshift_err=np.zeros(5)), targets=MAIN)
    np.testing.assert_allclose(found.mean, alone.mean, atol=1e-4)
