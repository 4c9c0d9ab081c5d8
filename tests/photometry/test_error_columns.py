"""Columns of errors by the names that users give them, and those that only look like errors."""

import numpy as np
import pytest
from astropy.table import Table
from cli_road import agez, done, refused

from agez.catalogues.open_catalogue import open_table
from agez.engine.answer import make_job
from agez.engine.inputs import catalogue_remarks
from agez.engine.reports import Counts
from agez.photometry.tables import table_to_photometry
from agez.tables.table_columns import PlainTable

BANDS = {"u": "uJAVA", "J0378": "J0378", "g": "gSDSS", "r": "rSDSS", "i": "iSDSS", "z": "zSDSS"}


def table(error: str, *, kind: str = "mag", bands: tuple[str, ...] = tuple(BANDS), **more: list[float]) -> Table:
    made = Table({"redshift": [0.1, 0.2]})
    for k, band in enumerate(BANDS):
        made[f"{kind}_{band}"] = [18.0 - k, 18.5 - k]
        if band in bands:
            made[error.format(band=band)] = [0.01 * (k + 1), 0.02]
    for name, values in more.items():
        made[name] = values
    return made


def errors_of(made: Table, **options: str) -> list[float]:
    return np.round(table_to_photometry(made, filters="splus", **options).flux_err[0], 6).tolist()


@pytest.mark.parametrize("kind", ["mag", "flux"])
@pytest.mark.parametrize(
    "error",
    ["e_KIND_{band}", "KINDerr_{band}", "KIND_err_{band}", "err_{band}", "{band}_err", "dKIND_{band}", "e_{band}",
     "KIND_{band}_error", "sigma_KIND_{band}", "KINDERR_{band}", "err_KIND_{band}"],
)  # fmt: skip
def test_the_usual_names_of_errors_are_taken_and_told(error, kind):
    options = {} if kind == "mag" else {"unit": "uJy"}
    expected = errors_of(table(f"{kind}_{{band}}_err", kind=kind), **options)
    assert all(np.isfinite(expected))
    made = table(error.replace("KIND", kind), kind=kind)
    assert errors_of(made, **options) == expected
    (told,) = table_to_photometry(made, filters="splus", **options).meta["remarks"]
    assert told.startswith("errors: columns")
    assert made.colnames[2] in told


def test_a_column_of_its_own_name_comes_first():
    made = table("mag_{band}_err", e_u=[0.5, 0.5], err_g=[0.5, 0.5])
    assert errors_of(made) == errors_of(table("mag_{band}_err"))
    assert table_to_photometry(made, filters="splus").meta["remarks"] == []


@pytest.mark.parametrize("name", ["z_err", "e_z", "err_z", "z_sigma"])
def test_the_error_of_a_redshift_is_none_of_band_z(name):
    made = table("mag_{band}_err", bands=("u", "J0378", "g", "r", "i"), **{name: [0.02, 0.02]})
    assert np.isfinite(errors_of(made)).tolist() == [True] * 5 + [False]
    assert table_to_photometry(made, filters="splus").meta["remarks"] == []


def test_a_misspelt_column_of_errors_is_told():
    made = table("mag_{band}_err")
    made.rename_column("mag_J0378_err", "mag_J0378_er")
    (told,) = table_to_photometry(made, filters="splus").meta["remarks"]
    assert "no errors for mag_J0378" in told
    assert "rename mag_J0378_er to mag_J0378_err" in told
    catalogue = open_table(PlainTable.of(made), source="t", filters="splus")
    job = make_job(catalogue, "splus", filters="splus")
    assert told in catalogue_remarks(catalogue, job, Counts())


def test_columns_that_look_like_errors_are_told_and_not_taken():
    made = table("flux_ivar_{band}", kind="flux")
    (told,) = table_to_photometry(made, filters="splus", unit="uJy").meta["remarks"]
    assert "no errors for flux_u" in told
    assert "flux_ivar_u" in told
    assert np.isnan(errors_of(made, unit="uJy")).all()


def test_nothing_is_said_of_other_columns():
    made = table("mag_{band}_err", bands=("u",), size_r=[1.0, 2.0], r50=[3.0, 4.0], mag_J0395_err=[0.1, 0.1])
    assert table_to_photometry(made, filters="splus").meta["remarks"] == []


def zero(made: Table, rows: slice = slice(None)) -> Table:
    for name in made.colnames:
        if name.endswith("_err"):
            made[name][rows] = 0.0
    return made


def test_errors_of_zero_are_refused_and_a_floor_takes_their_place(tmp_path):
    path, out = tmp_path / "t.csv", tmp_path / "out.fits"
    zero(table("mag_{band}_err")).write(path)
    words = ("t.csv", "mag_u_err, mag_J0378_err", "--error-floor 0.05")
    refused("predict", path, "-o", out, "--model", "splus", says=words, output=out)
    answer = done("predict", path, "-o", out, "--model", "splus", "--error-floor", "0.05", "--json").json
    assert answer["n_answered"] == 2
    assert not {"BAD_ERROR", "ERROR_ASSUMED"} & set(answer["flags"])


def test_a_row_with_errors_of_zero_is_flagged_or_gets_the_floor(tmp_path):
    path, out = tmp_path / "t.csv", tmp_path / "out.fits"
    zero(table("mag_{band}_err"), slice(0, 1)).write(path)
    answer = done("predict", path, "-o", out, "--model", "splus", "--json").json
    assert (answer["n_answered"], answer["flags"]["BAD_ERROR"]) == (1, 1)
    answer = done("predict", path, "-o", out, "--model", "splus", "--error-floor", "0.05", "--json").json
    assert answer["n_answered"] == 2
    told = table_to_photometry(zero(table("mag_{band}_err")), filters="splus").meta["remarks"]
    assert "0 or negative" in told[0]


def test_a_floor_makes_no_measurement_of_an_empty_entry(tmp_path):
    made = table("flux_{band}_err", kind="flux")
    made["flux_u"], made["flux_u_err"] = 0.0, 0.0
    made.write(tmp_path / "t.csv")
    options = ("--model", "splus", "--unit", "uJy", "--error-floor", "0.05", "--json")
    answer = agez("predict", tmp_path / "t.csv", "-o", tmp_path / "o.fits", *options).json
    assert answer["flags"] == {"BAD_ERROR": 2, "TOO_FEW_BANDS": 2}  # five bands are left of twelve


def test_names_that_do_not_say_of_what_the_error_is_need_one_column_a_band():
    """Of a flux and a magnitude of one band ``e_u`` is the error of either."""
    made = table("e_{band}", kind="flux")
    assert errors_of(made, unit="uJy")[0] == 0.01
    for band in BANDS:
        made[band] = [18.0, 19.0]
    assert np.isnan(errors_of(made, unit="uJy")).all()


def test_bands_without_errors_or_later_rows_keep_a_table_with_errors_of_zero(tmp_path):
    one = zero(table("mag_{band}_err", bands=("u",), mag_J0430=[17.0, 17.5]))
    one.write(tmp_path / "one.csv")
    done("predict", tmp_path / "one.csv", "-o", tmp_path / "one.fits", "--model", "splus", "--filters", "splus")
    many = table("mag_{band}_err")
    many = Table({name: np.tile(np.array(many[name]), 300) for name in many.colnames})
    zero(many, slice(0, 400)).write(tmp_path / "many.csv")
    answer = done("predict", tmp_path / "many.csv", "-o", tmp_path / "many.fits", "--model", "splus", "--json").json
    assert answer["flags"]["BAD_ERROR"] == 400
    assert "are 0 or negative in all of the first rows" in " ".join(answer["remarks"])
