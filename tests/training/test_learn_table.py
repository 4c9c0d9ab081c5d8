"""Training on a plain table: the exact posterior is found, by the command line and its evaluation, and told well."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table
from cli_road import agez, done, refused
from made_up_sample import made_up_model, made_up_sample
from toy_table import BANDS, toy_table

import agez as agez_package
from agez.bench.evaluation import evaluate_model
from agez.errors import AgezError
from agez.models.model_file import load_model
from agez.models.predict import predict
from agez.samples.labelled_table import labelled_of_sample, read_labelled_table
from agez.samples.sample_files import write_sample
from agez.samples.training_rows import row_digests
from agez.tables.table_files import read_table
from agez.training.learn_table import label_weights, learn_table, table_settings

N, N_TEST = 2400, 1500
OPTIONS = ("--filters", "splus", "--workers", 1)
QUICK = table_settings(400, steps=60, batch=64, learning_rate=5e-3)


@pytest.fixture(scope="module")
def road(tmp_path_factory):
    """A folder with a table, a test table, and the model that the command line makes of the first."""
    folder = tmp_path_factory.mktemp("table")
    for name, n, seed in (("mine", N, 1), ("test", N_TEST, 2)):
        toy_table(n, seed=seed, galaxies=n // 3)[0].write(folder / f"{name}.csv")
    answer = done(
        "train", folder / "mine.csv", "--labels", "log_age,mh", "--label-units", "mh=dex", "--hidden", "48", "--epochs",
        20, "--batch", 64, "--learning-rate", 0.004, "-o", folder / "toy.safetensors", *OPTIONS, "--json",
    )  # fmt: skip
    return folder, answer.json


def test_the_posterior_is_the_exact_one(road):
    folder, _ = road
    model = load_model(folder / "toy.safetensors")
    table, mean, sigma = toy_table(N_TEST, seed=2, galaxies=N_TEST // 3)
    test = read_labelled_table(table, ["log_age", "mh"], filters="splus")
    found = predict(model, test.photometry, compiled=False)
    off = (found.mean - mean) / sigma
    assert (np.sqrt(np.mean(off**2, axis=0)) < 0.3).all()
    assert (np.abs(off.mean(axis=0)) < 0.1).all()
    error = np.stack([found.log_age_err, found.mh_err], axis=1)
    np.testing.assert_allclose(error.mean(axis=0), sigma, rtol=0.15)
    inside = (np.abs(test.values - found.mean) < error).mean(axis=0)
    assert ((inside > 0.64) & (inside < 0.75)).all()
    # about one in twenty is flagged as unlike the training, and galaxies of another kind are
    assert 0.01 < np.mean(found.ood > 1) < 0.09
    odd = replace(test.photometry, flux=test.photometry.flux * np.where(np.arange(12) % 2, 1.5, 0.7))
    assert np.mean(predict(model, odd, compiled=False).ood > 1) > 0.95


def test_the_scores_of_the_cross_validation_are_told(road):
    folder, answer = road
    _, _, sigma = toy_table(3, seed=0)
    assert answer["n_spectra"] == N
    assert answer["n_galaxies"] == len(set(read_table(folder / "mine.csv")["galaxy_id"]))
    for one, exact in zip(("log_age", "mh"), sigma, strict=True):
        score = answer["scores"][one]
        assert exact * 0.9 < score["rmse"] < exact * 1.2
        assert score["coverage_68"] == pytest.approx(0.683, abs=0.04)


def test_losses_are_in_the_header_and_on_the_card(road):
    folder, _ = road
    header = load_model(folder / "toy.safetensors").header
    networks = header["training"]["losses"]["networks"]
    assert [(one["fold"], one["member"]) for one in networks] == [(k, m) for k in range(4) for m in range(2)]
    for one in networks:
        assert len(one["step"]) == len(one["training"]) == len(one["validation"])
        assert min(one["validation"]) == one["validation"][one["step"].index(one["kept"])]
        assert one["validation"][0] - min(one["validation"]) > 1
    shown = done("models", folder / "toy.safetensors").out
    assert f"{N} rows of {folder / 'mine.csv'}" in shown
    assert "of validation" in shown
    assert "| step | training | validation |" in shown
    assert header["training"]["hidden"] == [48]
    assert header["target_records"]["mh"]["unit"] == "dex"


def test_predict_answers_with_the_users_names(road, tmp_path):
    folder, _ = road
    done("predict", folder / "test.csv", "--model", folder / "toy.safetensors", "-o", tmp_path / "a.ecsv", *OPTIONS[2:])
    table = read_table(tmp_path / "a.ecsv")
    for name in ("log_age", "mh"):
        assert {name, *(f"{name}_{end}" for end in ("err", "p16", "p50", "p84"))} <= set(table.colnames)
    assert {"ood", "flags", "good"} <= set(table.colnames)
    assert table["mh"].unit == "dex"
    assert table["log_age"].description == "log_age, as labelled"


def test_an_evaluation_says_what_a_user_would_work_out(road, tmp_path):
    folder, _ = road
    model = folder / "toy.safetensors"
    answer = done("evaluate", model, folder / "test.csv", "-o", tmp_path / "e", "--filters", "splus", "--json").json
    table = read_table(folder / "test.csv")
    test = read_labelled_table(table, ["log_age", "mh"], filters="splus")
    found = predict(load_model(model), test.photometry)
    residual = found.log_age - table["log_age"]
    one = answer["targets"]["log_age"]
    assert one["scores"]["all"]["rmse"] == pytest.approx(np.sqrt(np.mean(residual**2)), rel=1e-6)
    inside = (table["log_age"] > found.log_age_p16) & (table["log_age"] < found.log_age_p84)
    assert one["overall"]["coverage_68"]["value"] == pytest.approx(inside.mean(), abs=0.005)
    wide = (table["log_age"] > found.log_age_p025) & (table["log_age"] < found.log_age_p975)
    assert one["overall"]["coverage_95"]["value"] == pytest.approx(wide.mean(), abs=0.008)
    assert set(one["bins"]) == {"snr", "label", "prediction"}  # of one redshift there are no bins
    assert sum(row["n"] for row in one["bins"]["label"]["bins"]) == N_TEST
    assert answer["in_training"] == 0
    saved = json.loads((tmp_path / "e" / "evaluation.json").read_text())
    assert saved["schema"] == "agez.evaluation/1"
    assert saved["targets"] == answer["targets"]
    page = (tmp_path / "e" / "evaluation.html").read_text()
    assert page.count('<img src="data:image/png;base64,') == 5  # two a target, and the losses
    assert "http" not in page.replace("http-equiv", "").split("</style>")[1]
    assert len(list((tmp_path / "e" / "figures").glob("*.png"))) == 5


def test_rows_of_the_training_are_told(road, tmp_path):
    folder, _ = road
    model = folder / "toy.safetensors"
    mixed = read_table(folder / "test.csv")[:300]
    seen = read_table(folder / "mine.csv")[:100]
    for band in BANDS.names:  # by magnitudes and under other ids, they are the same
        flux, error = (np.concatenate([seen[name], mixed[name][100:]]) for name in (f"flux_{band}", f"flux_{band}_err"))
        mixed[f"mag_{band}"] = 23.9 - 2.5 * np.log10(flux)
        mixed[f"mag_{band}_err"] = 2.5 / np.log(10) * error / flux
        mixed.remove_columns([f"flux_{band}", f"flux_{band}_err"])
    mixed.write(tmp_path / "mixed.fits")
    told = done("evaluate", model, tmp_path / "mixed.fits", "-o", tmp_path / "e", "--filters", "splus").out
    assert "warning: 100 of 300 rows are of the model's own training" in told
    assert "100 of 300" in (tmp_path / "e" / "evaluation.html").read_text()


def test_digests_tell_rows_and_not_units():
    photometry = read_labelled_table(toy_table(400)[0], ["mh"], filters="splus").photometry
    digests = row_digests(photometry, BANDS)
    assert len(set(digests.tolist())) == 400
    scaled = replace(photometry, flux=3.3 * photometry.flux, flux_err=3.3 * photometry.flux_err)
    np.testing.assert_array_equal(row_digests(scaled, BANDS), digests)
    changed = photometry.flux.copy()
    changed[:, 3] *= 1.01
    assert not np.isin(row_digests(replace(photometry, flux=changed), BANDS), digests).any()


def test_rows_with_large_label_errors_count_less():
    table, _, _ = toy_table(400, seed=5)
    rng = np.random.default_rng(0)
    spoilt = np.arange(400) % 2 == 0
    table["mh_err"] = np.where(spoilt, 2.0, 0.01)
    table["mh"] += np.where(spoilt, 1.0 * rng.standard_normal(400), 0.0)
    told = read_labelled_table(table, ["mh"], filters="splus")
    weight = label_weights(told.errors)
    assert weight[spoilt].max() < 0.9 * weight[~spoilt].min()
    assert label_weights(np.full((5, 2), np.nan)) is None
    assert label_weights(np.full((5, 1), 0.1)) is None
    assert label_weights(np.array([[1.0], [1.0], [3.0]])).tolist() == pytest.approx([1, 1, 0.2])
    del table["mh_err"]
    untold = read_labelled_table(table, ["mh"], filters="splus")
    test, _, _ = toy_table(600, seed=6)
    judged = read_labelled_table(test, ["mh"], filters="splus")
    errors = {}
    for name, one in (("told", replace(told, errors=np.where(told.errors > 1, 4.0, 0.1))), ("untold", untold)):
        model = learn_table(one, settings=QUICK, hidden=(32,), members=1, workers=1).model
        errors[name] = np.std(predict(model, judged.photometry, compiled=False).mh - judged.values[:, 0])
    assert errors["told"] < 0.97 * errors["untold"]


def test_a_model_without_redshifts_asks_for_none():
    table, _, _ = toy_table(400, seed=7, redshift=None)
    learned = learn_table(
        read_labelled_table(table, ["mh"], filters="splus"), settings=QUICK, hidden=(16,), members=1, workers=1
    )
    seds = read_labelled_table(toy_table(50, seed=8)[0], ["mh"], filters="splus").photometry
    found = [
        predict(learned.model, replace(seds, redshift=np.full(50, z)), compiled=False) for z in (np.nan, 0.02, 3.0)
    ]
    for one in found[1:]:
        np.testing.assert_array_equal(one.mean, found[0].mean)
    assert np.isfinite(found[0].mean).all()
    assert found[0].good.mean() > 0.6


def test_redshifts_known_of_some_rows_and_over_a_wide_range():
    table, _, _ = toy_table(320, seed=9)
    z = np.random.default_rng(2).uniform(0.1, 0.3, 320)
    z[::4] = np.nan
    table["redshift"] = z
    read = read_labelled_table(table, ["mh"], filters="splus")
    model = agez_package.train(read, steps=30, batch=64, hidden=(16,), workers=1)
    low, high = model.header["redshift_range"]
    assert (low, high) == pytest.approx((np.nanmin(z), np.nanmax(z)))
    found = predict(model, read.photometry, compiled=False)
    assert np.isfinite(found.mean).all()
    assert evaluate_model(model, read)["in_training"] == 320


def test_going_on_from_a_model_takes_its_labels_in_any_order(tmp_path):
    table, _, _ = toy_table(120, seed=10)
    table.write(tmp_path / "few.csv")
    labels = ("--labels", "mh_lw=mh,log_age_lw=log_age")
    few = ("train", tmp_path / "few.csv", "-o", tmp_path / "m.safetensors", "--init", "splus", "--workers", 1)
    done(*few, *labels, "--steps", 2)
    model = load_model(tmp_path / "m.safetensors")
    assert model.header["targets"] == ["log_age_lw", "mh_lw"]
    assert model.header["training"]["start"] == "splus"
    refused(*few, "--labels", "mh", says=("--init", "log_age_lw=COLUMN"))


def test_samples_and_models_of_the_papers_kind_are_evaluated():
    sample = made_up_sample(300, n_galaxies=10, missing=0.01, seed=4)
    model = made_up_model()
    block = evaluate_model(model, labelled_of_sample(sample, model.targets, source="sample"))
    assert block["distribution"] == "gaussian"
    assert block["in_training"] is None
    assert 0.3 < block["targets"]["log_age_lw"]["overall"]["coverage_68"]["value"] <= 1
    trained = agez_package.train(sample, network="paper", max_epochs=2, workers=1)
    losses = trained.header["training"]["losses"]
    assert losses["unit"] == "epoch"
    assert {one["member"] for one in losses["networks"]} == {"log_age_lw", "mh_lw"}
    assert all(len(one["validation"]) == 2 for one in losses["networks"])


BAD_TABLES = {
    "absent": (lambda t: None, "log_age,z50", ("z50", "no column")),
    "nan": (lambda t: t.replace_column("mh", np.full(len(t), np.nan)), "mh", ("mh", "no number in any row")),
    "codes": (lambda t: t.replace_column("mh", np.full(len(t), -99.0)), "mh", ("mh", "no number in any row")),
    "text": (lambda t: t.replace_column("mh", ["old"] * len(t)), "mh", ("mh", "row 1", "'old'")),
    "constant": (lambda t: t.replace_column("mh", np.full(len(t), 0.2)), "mh", ("mh is 0.2 in every row",)),
    "two rows": (lambda t: t.remove_rows(slice(2, None)), "mh", ("2 rows", "at least 300")),
    "errors": (lambda t: t.add_column(np.zeros(len(t)), name="mh_err"), "mh", ("not positive", "none of 400")),
    "no bands": (lambda t: t.remove_columns([n for n in t.colnames if n.startswith("flux")]), "mh", ()),
    "one band": (
        lambda t: t.remove_columns([n for n in t.colnames if n.startswith("flux") and "rSDSS" not in n]), "mh",
        ("1 band",),
    ),
    "reserved": (lambda t: t.rename_column("mh", "flags"), "flags", ("flags", "another column")),
    "mass": (lambda t: t.rename_column("mh", "log_mass"), "log_mass", ("log_mass", "my_log_mass=COLUMN")),
    "space": (lambda t: t.rename_column("mh", "m h"), "m h", ("m_h=m h",)),
    "twice": (lambda t: None, "mh,mh", ("each name once",)),
    "clash": (lambda t: t.rename_column("log_age", "mh_p16"), "mh,mh_p16", ("mh_p16", "rename")),
    "empty": (lambda t: None, ",", ("--labels",)),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD_TABLES)
def test_tables_that_cannot_teach(kind, tmp_path, monkeypatch):
    monkeypatch.setattr("agez.training.learn_table.cross_fit", lambda *_, **__: pytest.fail("trained"))
    table, _, _ = toy_table(400)
    spoil, labels, says = BAD_TABLES[kind]
    spoil(table)
    table.write(tmp_path / "bad.csv")
    out = tmp_path / "m.safetensors"
    refused("train", tmp_path / "bad.csv", "--labels", labels, "-o", out, *OPTIONS, says=says, output=out)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--filters", "nosuch"), "nosuch"),
        (("--hidden", "128,x"), "--hidden"),
        (("--hidden", "0"), "--hidden"),
        (("--hidden", "64", "--init", "splus"), "--hidden"),
        (("--epochs", "-1"), "--epochs"),
        (("--epochs", "3", "--steps", "3"), "--epochs"),
        (("--learning-rate", "nan"), "--learning-rate"),
        (("--batch", "0"), "--batch"),
        (("--network", "paper"), "--network paper"),
        (("--galaxy-id", "nosuch"), "--galaxy-id"),
        (("--label-units", "mh=banana"), "banana"),
        (("--label-units", "age=dex"), "--label-units"),
        (("--redshift", "nosuch"), "nosuch"),
        (("--learning-curve", "--init", "splus"), "--learning-curve"),
    ],
)
def test_options_that_cannot_be(options, says, tmp_path, monkeypatch):
    monkeypatch.setattr("agez.training.learn_table.cross_fit", lambda *_, **__: pytest.fail("trained"))
    toy_table(400)[0].write(tmp_path / "t.csv")
    filters = () if "--filters" in options else ("--filters", "splus")
    refused(
        "train", tmp_path / "t.csv", "--labels", "mh", "-o", tmp_path / "m.safetensors", *filters, *options, says=says
    )


def test_options_of_tables_are_refused_for_samples(tmp_path):
    write_sample(tmp_path / "s.fits", made_up_sample(60))
    toy_table(60)[0].write(tmp_path / "t.csv")
    out = ("-o", tmp_path / "m.safetensors")
    refused("train", tmp_path / "s.fits", *out, "--unit", "Jy", says=("--unit", "--labels"))
    refused("train", tmp_path / "s.fits", *out, "--labels", "mh", says=("--labels", "sample"))
    refused("train", tmp_path / "t.csv", *out, says=("t.csv", "--labels"))
    refused("train", tmp_path / "s.fits", *out, "--network", "paper", "--hidden", "3", says="--hidden")
    refused("evaluate", "splus", tmp_path / "t.csv", "-o", tmp_path / "e", says=("log_age_lw", "--labels"))
    refused("evaluate", "splus", tmp_path / "t.csv", "-o", tmp_path / "e", "--labels", "foo=mh", says="foo")
    assert not (tmp_path / "e").exists() or not list((tmp_path / "e").iterdir())


def test_the_bar_shows_both_losses(monkeypatch):
    import io

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setattr("agez.runtime.progress.BAR_DELAY", 0.0)
    monkeypatch.delenv("AGEZ_PROGRESS")
    read = read_labelled_table(toy_table(320)[0], ["mh"], filters="splus")
    agez_package.train(read, steps=400, hidden=(8,), workers=1)
    assert "training:" in shown.getvalue()
    assert "loss " in shown.getvalue()
    assert ", validation " in shown.getvalue()


def test_training_in_python_refuses_what_the_command_refuses():
    read = read_labelled_table(toy_table(320)[0], ["mh"], filters="splus")
    with pytest.raises(AgezError, match="--hidden"):
        agez_package.train(read, hidden=())
    with pytest.raises(AgezError, match="no column"):
        read_labelled_table(Table({"mag_gSDSS": [20.0], "mag_rSDSS": [19.0]}), ["age"], filters="splus")
    assert agez("train", "nosuch.csv", "--labels", "a", "-o", "m.safetensors").status == 1
