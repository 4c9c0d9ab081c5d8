"""The whole experiment on a tiny survey: every file is there, numbers agree with the files, the same seed repeats."""

import json
from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table

from agez.analysis.metrics import sigma_mad
from agez.errors import AgezError
from agez.experiments import presets
from agez.experiments.catalogue import EXPERIMENTS
from agez.experiments.reproduce import reproduce
from agez.models.model_file import load_model
from agez.report.captions import CAPTIONS
from agez.samples.sample import read_sample, write_sample
from agez.types import Bands


@pytest.fixture(scope="module")
def tiny():
    """The quick preset, made tiny."""
    with pytest.MonkeyPatch.context() as patch:
        quick = presets.PRESETS["quick"]
        small = replace(
            quick, n_galaxies=8, n_spectra=400, training=replace(quick.training, max_epochs=3),
            diversity=replace(quick.diversity, n_spectra=80),
        )  # fmt: skip
        patch.setitem(presets.PRESETS, "quick", small)
        yield small


@pytest.fixture(scope="module")
def run(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return folder, reproduce(folder, preset="quick", seed=5, templates="made-up", workers=1)


def test_everything_is_written(run):
    folder, _ = run
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    figures = {f"figures/figure_{key}.png" for key in CAPTIONS}
    files = {"summary.json", "report.html", "sample.fits", "predictions.fits", "work/run.json"}
    assert {f"figures/figure_{number}.png" for number in range(1, 15)} < figures
    files |= {f"experiments/{experiment.key}.json" for experiment in EXPERIMENTS}
    networks = {name for name in names if name.startswith(("work/networks/", "work/search/"))}
    assert networks
    assert names - networks == figures | files | {"models/set_a.safetensors", "models/set_b.safetensors"}


def test_summary_agrees_with_the_files(run):
    folder, _ = run
    summary = json.loads((folder / "summary.json").read_text())
    sample, rows = read_sample(folder / "sample.fits"), Table.read(folder / "predictions.fits")
    assert summary["sample"] == {
        "source": "mock", "n_spectra": len(sample), "n_galaxies": 8, "n_early": 2, "n_late": 6, "n_bands": 34,
    }  # fmt: skip
    for name in ("set_a", "set_b"):
        for word, column in (("age", "log_age_lw"), ("metallicity", "mh_lw")):
            difference = np.asarray(rows[f"{name}_{column}"]) - np.asarray(rows[f"label_{column}"])
            assert summary[name][word]["sigma_mad"] == pytest.approx(sigma_mad(difference))
            assert summary[name][word]["n"] == np.isfinite(difference).sum()
    seconds = summary["seconds"]
    assert seconds["total"] >= seconds["mock"] + seconds["synth"] + seconds["label"] + seconds["train"]
    assert summary["peak_rss_mb"] > 50


def test_set_b_folds_hold_whole_galaxies_and_set_a_folds_parts(run):
    rows = Table.read(run[0] / "predictions.fits")
    for galaxy in np.unique(rows["galaxy_id"]):
        own = rows[rows["galaxy_id"] == galaxy]
        assert len(np.unique(own["set_b_fold"])) == 1
        assert len(np.unique(own["set_a_fold"])) == 4


def test_the_models_predict(run):
    folder, _ = run
    sample = read_sample(folder / "sample.fits")
    prediction = load_model(folder / "models" / "set_b.safetensors").predict(sample.photometry)
    assert np.isfinite(prediction.log_age_lw).all()
    assert (prediction.log_age_lw_err > 0).all()


def test_the_same_seed_gives_the_same_figures_from_a_sample_file(run, tiny, tmp_path):
    """Given the first run's sample, all that follows repeats to the bit, and bands that are not used do not count."""
    folder, first = run
    sample = read_sample(folder / "sample.fits")
    bands, more = sample.photometry.bands, np.full((len(sample), 1), np.nan)
    wider = replace(
        sample.photometry,
        bands=Bands(("J0660", *bands.names), (6600.0, *bands.pivot_angstrom), (145.0, *bands.fwhm_angstrom), "jpas"),
        flux=np.hstack([more, sample.photometry.flux]),
        flux_err=np.hstack([more, sample.photometry.flux_err]),
        covered=np.hstack([more > 0, sample.photometry.covered]),
    )
    write_sample(tmp_path / "wider.fits", replace(sample, photometry=wider))
    second = reproduce(tmp_path, preset="quick", seed=5, sample=tmp_path / "wider.fits", workers=1)
    for key in ("sample", "set_a", "set_b", "random_baseline", "against_truth"):
        assert second.summary[key] == first.summary[key]


@pytest.mark.parametrize("name", ["fig3", "fig5"])
def test_a_figure_of_the_sets_alone(run, tiny, tmp_path, name):
    found = reproduce(
        tmp_path, preset="quick", seed=5, sample=run[0] / "sample.fits", only=(name,), workers=1
    )  # fmt: skip
    drawn = {path.stem.removeprefix("figure_") for path in (tmp_path / "figures").iterdir()}
    assert {"3", "4", "5", "6", "7", "8", "9"} < drawn
    assert "13" not in drawn
    assert set(found.summary["set_details"]) == {"labels", "set_a", "set_b"}
    assert all(claim["section"] for claim in found.summary["claims"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "huge"}, "preset 'huge'"),
        ({"seed": -1}, "seed"),
        ({"templates": "nothing"}, "templates 'nothing'"),
        ({"sample": "no-such.fits"}, "no-such"),
        ({"sample": "s.fits", "templates": "made-up"}, "one of the two"),
        ({"workers": 0, "templates": "made-up"}, "workers"),
    ],
)
def test_bad_options_are_refused_before_the_work(tmp_path, options, message):
    with pytest.raises(AgezError, match=message):
        reproduce(tmp_path / "out", **options)
