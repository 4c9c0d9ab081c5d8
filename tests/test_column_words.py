"""Every column that agez writes says its unit, what it is and its UCD, whoever writes it; ``good`` stands by flags."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from cli_road import Road, done
from columns_said import check_columns, said_by_fits
from made_up_mixtures import made_up
from made_up_sample import made_up_sample

from agez.flags import FAULTS, Flag, is_good
from agez.photometry.zero_point_files import write_zero_points
from agez.photometry.zero_points import ZeroPoints
from agez.spectra.label_files import read_labels
from agez.tables.column_metadata import OF_PREDICTIONS, WORDS, words_of, words_of_components
from agez.tables.prediction_files import read_prediction, write_prediction
from agez.tables.table_columns import number_column
from agez.tables.table_files import read_table
from agez.targets import KNOWN_TARGETS, SHIPPED_TARGETS
from agez.types import Prediction, Rows

N = 6
ALL_COLUMNS = (
    *Prediction.required_columns(SHIPPED_TARGETS), *Prediction.wide_columns(SHIPPED_TARGETS), *Prediction.OPTIONAL,
)  # fmt: skip


@pytest.fixture(scope="module")
def prediction() -> Prediction:
    """Answers with all that a model may give, a row for each kind of flags."""
    rng = np.random.default_rng(3)
    flags = np.array([0, Flag.BAND_NOT_COVERED, Flag.LOW_SNR, Flag.NO_GEOMETRY | Flag.ERROR_ASSUMED,
                      Flag.OUT_OF_DISTRIBUTION | Flag.BAND_NOT_COVERED, Flag.REDSHIFT_UNKNOWN], np.int32)  # fmt: skip
    values = {name: rng.normal(size=N) for name in ALL_COLUMNS}
    rows = Rows.numbered(N, galaxy_id="G")
    return Prediction.of_columns(rows, SHIPPED_TARGETS, {**values, "flags": flags}, mixture=made_up(rng, N, 2))


@pytest.mark.parametrize("kind", ["fits", "ecsv", "parquet"])
def test_predictions(prediction, tmp_path, kind):
    path = tmp_path / f"p.{kind}"
    write_prediction(path, prediction)
    check_columns(path)
    table = read_table(path)
    assert "SED" in table["chi2"].description
    assert np.asarray(table["good"]).tolist() == [True, True, False, True, False, False]
    assert read_prediction(path).good.tolist() == prediction.good.tolist() == is_good(prediction.flags).tolist()


def test_csv_has_the_column_good(prediction, tmp_path):
    write_prediction(tmp_path / "p.csv", prediction)
    written = [str(one) for one in Table.read(tmp_path / "p.csv")["good"]]
    assert written == [str(bool(one)).lower() for one in prediction.good]


def test_every_file_of_the_road_through_the_commands(road: Road, tmp_path):
    files = sorted(
        [*road.folder.glob("*.fits"), road.folder / "survey" / "galaxies.fits", road.folder / "survey" / "truth.fits"]
    )
    assert len(files) == 6
    for path in files:
        check_columns(path)
        for extension, name in said_by_fits(path):
            if name == "flags":
                table = fits.getdata(path, extension)
                np.testing.assert_array_equal(table["good"], is_good(table["flags"]), err_msg=str(path))
    labels = read_labels(road.folder / "labels.fits")
    assert labels.good.tolist() == is_good(labels.flags).tolist()
    told = [road.answers[name]["n_good"] for name in ("synth", "label", "predict")]
    assert told == [
        int(fits.getdata(path, 1)["good"].sum()) for path in (road.photometry, road.labels, road.predictions)
    ]


@pytest.mark.parametrize("kind", ["fits", "ecsv", "parquet", "csv"])
def test_catalogues_keep_what_columns_of_others_say(road: Road, tmp_path, kind):
    """A column of the user's that is called as one of agez's is not agez's: nothing is made up for it."""
    table = read_table(road.photometry)[:20]
    mine = {"fwhm": np.ones(20), "pa": np.ones(20), "good": np.arange(20), "snr": np.ones(20)}
    for name, values in mine.items():
        table.remove_columns([name] if name in table.colnames else [])
        table[name] = values
    table["snr"].description, table["snr"].unit = "of the detection", "mag"
    source, out = tmp_path / f"in.{'csv' if kind == 'csv' else 'fits'}", tmp_path / f"out.{kind}"
    table.write(source)
    answer = done("predict", source, "-o", out, "--model", "jpas", "--keep", "fwhm,pa,good,snr", "--json").json
    back = read_table(out)
    assert answer["n_good"] == sum(str(one) == ("true" if kind == "csv" else "True") for one in back["good"])
    np.testing.assert_array_equal(number_column(back, "input_good", source="out"), np.arange(20))
    if kind != "csv":
        assert back["snr"].unit == "mag"
        back.remove_column("snr")
        back.write(tmp_path / "less.ecsv")
        check_columns(tmp_path / "less.ecsv", of_others=("fwhm", "pa", "input_good"))


def test_other_tables(tmp_path):
    sample = made_up_sample(40)
    bands = sample.photometry.bands
    one = np.ones(len(bands))
    write_zero_points(tmp_path / "z.fits", ZeroPoints(bands, one, 0.1 * one, 3 * one.astype(int), {}))
    rng = np.random.default_rng(1)
    r, phi = rng.uniform(0, 20, 200), rng.uniform(0, 6, 200)
    Table({"x": r * np.cos(phi), "y": r * np.sin(phi), "log_age_lw": 9.5 - 0.03 * r}).write(tmp_path / "in.ecsv")
    done("gradient", tmp_path / "in.ecsv", "-o", tmp_path / "g.fits", "--re", 10)
    for name in ("z.fits", "g.fits"):
        check_columns(tmp_path / name)


def test_words_are_short_and_consistent():
    for name, words in {**WORDS, **OF_PREDICTIONS}.items():
        assert words.comment, name
        assert words.ucd, name
        assert len(words.comment) <= 60, name
        assert words.comment.isascii(), name
    assert words_of("chi2", OF_PREDICTIONS).comment != words_of("chi2").comment
    assert words_of("mix2_var_mh_lw").unit == "dex2"
    assert words_of("mix2_mh_lw").unit == "dex"
    assert words_of("log_age_lw_scatter").ucd == "stat.mad;time.age"
    assert words_of("mixer_mh_lw") == words_of("mix1_size") == (None, "", "")


def test_components_say_what_they_are_of():
    ages, both = ([KNOWN_TARGETS[name] for name in names] for names in (("log_age_lw", "mh_lw"), ("av", "ew_ha")))
    assert words_of_components(3, ages) == {}
    words = words_of_components(2, both)
    assert words["mix2_ew_ha"][:2] == (None, "component 2: arcsinh of ew_ha")
    assert words["mix1_cov"][:2] == (None, "component 1: covariance of av and ew_ha")
    assert "mix1_av" not in words


def test_faults_are_those_that_leave_no_number_to_use():
    kept = {flag for flag in Flag if not int(flag) & int(FAULTS)}
    assert kept == {Flag.NON_FINITE, Flag.BAD_ERROR, Flag.BAND_NOT_COVERED, Flag.BAND_FILLED, Flag.KINEMATICS_FAILED,
                    Flag.NO_GEOMETRY, Flag.ERROR_ASSUMED, Flag.BAND_CONTRADICTED, Flag.REDSHIFT_ESTIMATED,
                    Flag.REDSHIFT_FOUND}  # fmt: skip
