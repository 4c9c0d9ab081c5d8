"""``agez predict`` and ``agez sample`` on tables as surveys' archives give them, with no option but ``--model``."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from cli_road import agez, done, refused
from made_up_sample import made_up_sample

from agez.photometry.tables import read_photometry
from agez.samples.sample import read_sample
from agez.spectra.label_files import write_labels
from agez.tables.prediction_files import read_prediction

BANDS = ("u", "J0378", "J0395", "J0410", "J0430", "g", "J0515", "r", "J0660", "i", "J0861", "z")
#: Magnitudes of a galaxy such as there are, made up.
MAGNITUDES = (18.9, 18.7, 18.4, 18.0, 17.7, 17.2, 17.0, 16.6, 16.5, 16.2, 16.1, 16.0)


def survey_table(**more: object) -> Table:
    table = Table({"ID_": ["a", "b", "c"], "zb_": [0.05, 0.06, 0.07]})
    table["zb_Min_"], table["zb_Max_"] = table["zb_"] - 0.01, table["zb_"] + 0.01
    for band, magnitude in zip(BANDS, MAGNITUDES, strict=True):
        for way, less in (("auto", 0.0), ("PStotal", 0.4)):
            table[f"{band}_{way}"], table[f"e_{band}_{way}"] = np.full(3, magnitude + less), np.full(3, 0.03)
    for name, values in more.items():
        table[name] = values
    return table


def test_a_survey_table_needs_only_its_model(tmp_path):
    path, out = tmp_path / "t.csv", tmp_path / "out.fits"
    survey_table(EBV=0.1).write(path)
    answer = done("predict", path, "-o", out, "--model", "splus", "--json").json
    alone = read_prediction(out)
    assert alone.rows.spec_id.tolist() == ["a", "b", "c"]
    assert [line.split(":")[0] for line in answer["remarks"][:4]] == ["photometry", "redshift", "id", "E(B-V)"]
    assert answer["corrections"]["ebv"]["column"] == "EBV"
    options = ("--redshift", "zb_", "--redshift-err", "zb_Min_,zb_Max_", "--id", "ID_", "--ebv")
    said = done("predict", path, "-o", out, "--model", "splus", *options, "EBV", "--json").json
    np.testing.assert_array_equal(read_prediction(out).log_age_lw, alone.log_age_lw)
    assert len(said["remarks"]) == 2  # of the photometry, and of the dust
    done("predict", path, "-o", out, "--model", "splus", "--ebv", "0")
    assert not np.allclose(read_prediction(out).log_age_lw, alone.log_age_lw)
    done("predict", path, "-o", out, "--model", "splus", "--aperture", "pstotal", "--columns", "all")
    fainter = read_prediction(out)
    done("predict", path, "-o", out, "--model", "splus", "--columns", "all")
    np.testing.assert_allclose(read_prediction(out).log_mass - fainter.log_mass, 0.16, atol=0.03)


def test_what_is_refused(tmp_path):
    path, out = tmp_path / "t.csv", tmp_path / "no.fits"
    survey_table().write(path)
    refused("predict", path, "-o", out, "--model", "jplus", says=("t.csv", "'splus'", "not those of the model"))
    refused("predict", path, "-o", out, "--model", "jpas", says=("t.csv", "'splus'", "not those of the model"))
    refused("predict", path, "-o", out, "--model", "splus", "--aperture", "kron", says=("kron", "auto, PStotal"))
    refused("predict", path, "-o", out, "--model", "splus", "--unit", "furlong", says=("furlong", "no flux density"))
    table = survey_table()
    for band in BANDS:
        table.rename_column(f"{band}_auto", f"{band}mag")
        table.remove_columns([f"e_{band}_auto", f"{band}_PStotal", f"e_{band}_PStotal"])
    table.write(tmp_path / "u.csv")
    refused(
        "predict", tmp_path / "u.csv", "-o", out, "--model", "splus", says=("look like photometry: umag", "python -c")
    )


def test_dust_that_is_left_in_is_said_of_observed_photometry(tmp_path):
    path, out = tmp_path / "t.csv", tmp_path / "out.fits"

    def told(*options, **columns):
        survey_table(**columns).write(path, overwrite=True)
        remarks = done("predict", path, "-o", out, "--model", "splus", *options, "--json").json["remarks"]
        return [line for line in remarks if line.startswith("not dereddened")]

    assert told() == ["not dereddened: the Milky Way's dust is left in; --ebv COLUMN or a number takes it out"]
    assert "--ebv mw_ebv, a column of the table, takes it out" in told(mw_ebv=0.1)[0]
    assert told("--ebv", "0.1") == told("--ebv", "0") == told(EBV=0.1) == told("--redshift", "0") == []


def test_a_run_that_answers_no_row_fails_and_leaves_the_flags(tmp_path):
    path, out = tmp_path / "t.csv", tmp_path / "out.fits"
    table = survey_table()
    for band in BANDS:
        table[f"{band}_auto"] = table[f"e_{band}_auto"] = 99.0
    table.write(path)
    answer = agez("predict", path, "-o", out, "--model", "splus", "--json")
    assert answer.status == 1
    assert "none of the 3 rows is answered: most have NO_DATA 3, TOO_FEW_BANDS 3" in answer.err
    assert (answer.json["n_rows"], answer.json["n_answered"]) == (3, 0)
    assert read_prediction(out).flags.all()
    table[0:1] = survey_table()[0:1]
    table.write(path, overwrite=True)
    assert done("predict", path, "-o", out, "--model", "splus", "--json").json["n_answered"] == 1


def test_a_sample_of_a_survey_table(tmp_path):
    made = made_up_sample(40, n_galaxies=4, n_bands=12)
    write_labels(tmp_path / "labels.fits", made.labels.take(slice(0, 3)))
    table = survey_table(galaxy_id=made.rows.galaxy_id[:3])
    table["ID_"] = made.rows.spec_id[:3]
    table.write(tmp_path / "t.fits")
    out = tmp_path / "s.fits"
    for aperture, magnitude in (("auto", 18.9), ("PStotal", 19.3)):
        done("sample", tmp_path / "t.fits", tmp_path / "labels.fits", "-o", out, "--aperture", aperture)
        found = read_sample(out).photometry
        assert found.bands.filter_set == "splus"
        np.testing.assert_allclose(found.flux[:, 0], 10 ** (0.4 * (23.9 - magnitude)), rtol=1e-6)
        np.testing.assert_allclose(found.redshift, [0.05, 0.06, 0.07])


def test_a_real_table_of_splus(tmp_path, shared_data):
    path = shared_data / "sky" / "splus" / "splus_dr4_dual.csv"
    if not path.exists():
        pytest.skip(f"no {path}")
    few = tmp_path / "few.csv"
    few.write_text("".join(path.read_text().splitlines(keepends=True)[:301]))
    options = ("--redshift", "zb_", "--redshift-err", "zb_Min_,zb_Max_", "--id", "ID_")
    written = []
    for name, more in (("a.fits", ()), ("b.fits", options)):
        done("predict", few, "-o", tmp_path / name, "--model", "splus", *more)
        written.append(Path(tmp_path / name).read_bytes())
    assert written[0] == written[1]
    found = read_prediction(tmp_path / "a.fits")
    assert found.answered.mean() > 0.98
    assert found.rows.spec_id[0].startswith("SPLUS.")


UNKNOWN = {
    "m_{}": "dm_{}", "{}": "e_{}", "MAG {}": "MAG {}_err", "{}mag": "e_{}mag", "{}_mag": "{}_magerr", "f_{}": "df_{}",
}  # fmt: skip


@pytest.mark.parametrize("value", UNKNOWN)
def test_the_command_that_renames_columns_makes_a_table_that_is_answered(tmp_path, monkeypatch, value):
    monkeypatch.chdir(tmp_path)
    table = Table({"objname": ["a", "b"], "zp": [0.05, 0.06]})
    for band, magnitude in zip(BANDS, MAGNITUDES, strict=True):
        flux = 10 ** (0.4 * (23.9 - magnitude))
        table[value.format(band)] = np.full(2, flux if value.startswith("f") else magnitude)
        table[UNKNOWN[value].format(band)] = np.full(2, 0.03 * flux if value.startswith("f") else 0.03)
    table.write("t.csv")
    options = ("-o", "o.fits", "--model", "splus", "--redshift", "zp", "--id", "objname")
    answer = refused(
        "predict", "t.csv", *options, says=("no column flux_<band> or mag_<band>", "the same command with")
    )
    assert "--model" not in answer.err  # the user's options are the user's
    subprocess.run([sys.executable, "-c", answer.err.split('python -c "')[1].split('"')[0]], check=True)
    renamed = read_photometry("renamed-t.fits", filters="splus")
    assert np.isfinite(renamed.flux_err).all()
    assert len(renamed.bands) == 12
    assert done("predict", "renamed-t.fits", *options, "--json").json["n_answered"] == 2


def test_a_table_of_other_columns_is_told_the_bands_of_the_model(tmp_path):
    path, out = tmp_path / "t.csv", tmp_path / "o.fits"
    table = Table({f"column_{k}": [1.0, 2.0] for k in range(12)})
    table.write(path)
    for model, band in (("jplus", "J0395"), ("jpas", "J0390")):
        answer = refused("predict", path, "-o", out, "--model", model, says=("mag_<band>_err", model, band), output=out)
        assert answer.err.startswith(f"agez: error: {path}: no column flux_<band>")
    table["wave"] = [1.0, 2.0]
    table.write(path, overwrite=True)  # may be a spectrum
    refused("predict", path, "-o", out, "--model", "jplus", says=("flux", "Nor is it a catalogue"), output=out)


@pytest.mark.parametrize("option", ["--redshift", "--ebv", "--keep", "--id", "--redshift-err"])
def test_a_column_that_is_nearly_meant_is_named_however_many_there_are(tmp_path, option):
    path, out = tmp_path / "t.csv", tmp_path / "o.fits"
    survey_table(redshift=0.05, **{f"c{k}": 0.0 for k in range(30)}, zphot=0.05).write(path)
    arguments = ("predict", path, "-o", out, "--model", "splus", option)
    refused(*arguments, "zphott", says=("zphott", "more; did you mean zphot?"), output=out)
    done(*arguments, "zphot")


def test_a_redshift_column_that_is_not_there_names_those_that_look_like_one(tmp_path):
    path, out = tmp_path / "t.csv", tmp_path / "o.fits"
    survey_table(**{f"c{k}": 0.0 for k in range(30)}).write(path)
    arguments = ("predict", path, "-o", out, "--model", "splus", "--redshift")
    refused(*arguments, "specific", says="redshifts by their names: zb_", output=out)


def test_an_option_that_is_nearly_meant_is_named(tmp_path):
    answer = agez("predict", tmp_path / "t.csv", "-o", tmp_path / "o.fits", "--redshfit", "zb_", "--xyzzy")
    assert answer.status == 2
    assert "unrecognized arguments: --redshfit zb_ --xyzzy; did you mean --redshift?" in answer.err
    assert "did you mean" not in agez("models", "--xyzzy").err
