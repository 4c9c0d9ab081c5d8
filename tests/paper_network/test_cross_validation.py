"""Cross-validation: every row predicted by networks that never saw it, and nothing of a test row leaks."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_sample import made_up_cross_validation, made_up_sample

from agez.analysis.metrics import evaluate
from agez.errors import AgezError
from agez.flags import Flag, has_flag
from agez.paper_network import cross_validation as module
from agez.paper_network import network_numpy
from agez.paper_network.cross_validation import cross_validate
from agez.paper_network.jobs import TrainingSettings
from agez.paper_network.normalisation import learn_normalisation, normalise
from agez.paper_network.prepared import choose_bands
from agez.targets import PAPER_TARGETS
from agez.types import Bands


def test_it_learns_and_predicts_every_row():
    sample, cv = made_up_cross_validation()
    too_few = (~sample.photometry.covered).sum(axis=1) > 2
    np.testing.assert_array_equal(np.isnan(cv.predicted).all(axis=1), too_few)
    np.testing.assert_array_equal(has_flag(cv.flags, Flag.TOO_FEW_BANDS), too_few)
    np.testing.assert_array_equal(
        has_flag(cv.flags, Flag.BAND_FILLED), ~sample.photometry.covered.all(axis=1) & ~too_few
    )
    for t, target in enumerate(PAPER_TARGETS):
        label = getattr(sample.labels, target)
        assert evaluate(cv.predicted[:, t], label).sigma_mad < 0.5 * np.std(label)
    assert 0 < np.mean(has_flag(cv.flags, Flag.OUT_OF_DISTRIBUTION)) <= 0.011
    assert [(n.tags["fold"], n.tags["target"]) for n in cv.networks] == [
        (f, t) for f in range(4) for t in PAPER_TARGETS
    ]


def test_no_galaxy_is_tested_in_two_folds():
    sample, cv = made_up_cross_validation()
    for galaxy in sample.galaxies.galaxy_id:
        assert len(set(cv.fold[sample.rows.galaxy_id == galaxy])) == 1


def test_predictions_are_those_of_the_fold_that_tested_the_row():
    sample, cv = made_up_cross_validation()
    photometry = sample.photometry
    for row in (3, 400):
        fold = cv.fold[row]
        rows = normalise(cv.normalisations[fold], photometry.flux[[row]], photometry.covered[[row]], max_missing=2)
        network = cv.networks[2 * fold + 1]
        output = network_numpy.forward(network.parameters, rows.inputs, network.architecture)[0]
        expected = output * cv.label_scale[fold, 1] + cv.label_center[fold, 1]
        assert cv.predicted[row, 1] == pytest.approx(expected, abs=1e-5)


def test_normalisation_comes_from_training_rows_alone():
    sample, cv = made_up_cross_validation()
    photometry, train = sample.photometry, cv.splits[0].train
    alone = learn_normalisation(photometry.flux[train], photometry.covered[train])
    for name, array in alone.to_arrays().items():
        np.testing.assert_array_equal(array, cv.normalisations[0].to_arrays()[name])
    labels = np.stack([getattr(sample.labels, t) for t in PAPER_TARGETS], axis=1)
    np.testing.assert_allclose(cv.label_center[0], labels[train[np.isfinite(cv.predicted[train, 0])]].mean(axis=0))


def test_changing_test_rows_changes_no_training(monkeypatch):
    """The jobs of a fold are the same, on their own rows, whatever the test rows hold."""
    seen = []

    def stop(jobs, **_):
        seen.append(jobs[0])
        raise AgezError("enough")

    monkeypatch.setattr(module, "train_many", stop)
    sample, cv = made_up_cross_validation()
    test = cv.splits[0].test
    flux, age = sample.photometry.flux.copy(), sample.labels.log_age_lw.copy()
    flux[test] *= np.linspace(0.5, 2.0, flux.shape[1])
    age[test] += 3.0
    other = replace(
        sample, photometry=replace(sample.photometry, flux=flux), labels=replace(sample.labels, log_age_lw=age)
    )
    for one in (sample, other):
        with pytest.raises(AgezError, match="enough"):
            cross_validate(one, split="by-galaxy", max_missing=2, seed=7)
    a, b = seen
    for rows in (a.train, a.validation):
        np.testing.assert_array_equal(a.inputs[rows], b.inputs[rows])
        np.testing.assert_array_equal(a.target[rows], b.target[rows])
    np.testing.assert_array_equal(a.train, b.train)
    assert a.seed == b.seed


def test_learning_curves_are_in_dex():
    _, cv = made_up_cross_validation()
    curve, network = cv.curves[3], cv.networks[3]
    assert (curve.target, curve.fold) == ("mh_lw", 1)
    np.testing.assert_allclose(curve.validation_mse, network.validation_mse * cv.label_scale[1, 1] ** 2)


def test_which_bands():
    from agez.photometry.names import PAPER_BANDS

    sample = made_up_sample(40)
    assert choose_bands(sample, None) == sample.photometry.bands.names
    assert choose_bands(sample, ["B3780"]) == ("B3780",)
    names = (*PAPER_BANDS, "J0660", "J0670")[::-1]
    bands = Bands(names, tuple(range(36)), tuple(range(36)), "jpas")
    wide = np.ones((40, 36))
    photometry = replace(sample.photometry, bands=bands, flux=wide, flux_err=wide, covered=wide > 0)
    assert choose_bands(replace(sample, photometry=photometry), None) == PAPER_BANDS
    at = names.index("J0730")
    for missing, left in ((30, PAPER_BANDS), (39, tuple(name for name in PAPER_BANDS if name != "J0730"))):
        flux, covered = wide.copy(), wide > 0
        flux[:missing, at], covered[:missing, at] = np.nan, False
        fewer = replace(photometry, flux=flux, covered=covered)
        assert choose_bands(replace(sample, photometry=fewer)) == left


def test_bands_that_most_rows_lack_are_not_learned_from():
    """J-PLUS has bands that no CALIFA spectrum reaches."""
    sample = made_up_sample(40)
    flux, covered = sample.photometry.flux.copy(), sample.photometry.covered.copy()
    covered[:, 0], covered[3:, 1], covered[:15, 2] = False, False, False
    photometry = replace(sample.photometry, flux=np.where(covered, flux, np.nan), covered=covered)
    few = replace(sample, photometry=photometry)
    assert choose_bands(few) == sample.photometry.bands.names[2:]
    cv = cross_validate(few, split="within", settings=TrainingSettings(max_epochs=1), max_missing=1, workers=1)
    assert cv.bands.names == sample.photometry.bands.names[2:]
    assert np.isfinite(cv.predicted).all()
    nothing = replace(photometry, flux=np.full_like(flux, np.nan), covered=np.zeros_like(covered))
    with pytest.raises(AgezError, match="none of its"):
        choose_bands(replace(sample, photometry=nothing))


def test_bad_arguments():
    sample = made_up_sample(40)
    with pytest.raises(AgezError, match="split is 'random'"):
        cross_validate(sample, split="random")
    with pytest.raises(AgezError, match="J0999"):
        cross_validate(sample, split="within", bands=["J0999"])
    with pytest.raises(AgezError, match="fewer than the pooling length"):
        cross_validate(sample, split="within", bands=sample.photometry.bands.names[:5])
