"""Files that are wrong: each is one clear line that names the file and what is wrong in it, or a flagged row."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from cli_road import agez, done, refused, write_spectrum

from agez.flags import Flag
from agez.photometry.tables import read_photometry
from agez.spectra.label_files import read_labels
from agez.tables.prediction_files import read_prediction

WAVE = np.arange(3500.0, 7500.0, 2.0)


def with_value(values, index, value):
    changed = np.array(values, dtype=float)
    changed[index] = value
    return changed


BAD_SPECTRA = {
    "wrong_flux_unit": ({"flux_unit": "K"}, "K"),
    "wrong_wave_unit": ({"wave_unit": "s"}, "s"),
    "decreasing": ({"wavelength": with_value(WAVE, 100, 3600.0)}, "increas"),
    "duplicate": ({"wavelength": with_value(WAVE, 100, WAVE[99])}, "duplicate"),
    "nan_wavelength": ({"wavelength": with_value(WAVE, 5, np.nan)}, "wavelength"),
    "empty_table": ({"rows": 0}, "empty"),
    "one_pixel": ({"rows": 1}, "pixel"),
}


@pytest.mark.parametrize("command", ["synth", "label", "predict"])
@pytest.mark.parametrize("fault", BAD_SPECTRA)
def test_bad_spectra(tmp_path, road, command, fault):
    changes, words = BAD_SPECTRA[fault]
    path, out = write_spectrum(tmp_path / f"{fault}.ecsv", **changes), tmp_path / "out.fits"
    options = {"synth": (), "label": ("--templates", "made-up"), "predict": ("--model", road.model)}[command]
    refused(command, path, "-o", out, *options, says=(path.name, words), output=out)


@pytest.mark.parametrize("command", ["synth", "label", "predict"])
def test_missing_and_cut_files_of_spectra(tmp_path, road, command):
    whole = sorted(road.survey.glob("*.RSS.fits"))[0].read_bytes()
    out = tmp_path / "out.fits"
    options = {"synth": (), "label": ("--templates", "made-up"), "predict": ("--model", road.model)}[command]
    refused(command, tmp_path / "none.fits", "-o", out, *options, says=("none.fits", "no such file"), output=out)
    for name, content in (("nothing", b""), ("head", whole[:2000]), ("half", whole[: len(whole) // 2]),
                          ("noise", bytes(range(256)) * 50), ("words", b"these are not spectra\n")):  # fmt: skip
        (tmp_path / f"{name}.fits").write_bytes(content)
        refused(command, tmp_path / f"{name}.fits", "-o", out, *options, says=f"{name}.fits", output=out)


@pytest.mark.parametrize("command", ["synth", "label"])
def test_a_wrong_file_among_many_is_named(tmp_path, command):
    for name in ("a", "b", "d"):
        write_spectrum(tmp_path / f"{name}.ecsv")
    write_spectrum(tmp_path / "c.ecsv", wavelength=np.sort(WAVE)[::-1] * 0 + 5000.0)
    options = ("--templates", "made-up") if command == "label" else ()
    out = tmp_path / "out.fits"
    answer = refused(command, *sorted(tmp_path.glob("?.ecsv")), "-o", out, *options, says="c.ecsv", output=out)
    assert "a.ecsv" not in answer.err


def test_a_label_fit_that_cannot_reach_names_its_file(tmp_path):
    write_spectrum(tmp_path / "a.ecsv")
    write_spectrum(tmp_path / "red.ecsv", wavelength=WAVE + 5000)
    out = tmp_path / "out.fits"
    files = (tmp_path / "a.ecsv", tmp_path / "red.ecsv")
    refused("label", *files, "-o", out, "--templates", "made-up", says="red.ecsv", output=out)


def test_bad_pixels_are_flagged_and_left_out(tmp_path, road):
    good = np.full(len(WAVE), 0.02)
    flux = 1.0 + 0.2 * np.sin(WAVE / 100)
    # 80 A of bad pixels far from the edges make one narrow band uncertain, and no number wrong
    bad = slice(700, 705)
    cases = {
        "nan": ({"flux": with_value(flux, bad, np.nan)}, Flag.NON_FINITE),
        "infinite": ({"flux": with_value(flux, bad, np.inf)}, Flag.NON_FINITE),
        "zero_error": ({"flux_err": with_value(good, bad, 0.0)}, Flag.BAD_ERROR),
        "negative_error": ({"flux_err": with_value(good, bad, -1.0)}, Flag.BAD_ERROR),
    }
    done("synth", write_spectrum(tmp_path / "good.ecsv"), "-o", tmp_path / "good.fits")
    expected = read_photometry(tmp_path / "good.fits")
    for name, (changes, flag) in cases.items():
        path, out = write_spectrum(tmp_path / f"{name}.ecsv", **changes), tmp_path / f"{name}.fits"
        counts = done("synth", path, "-o", out, "--json").json["flags"]
        assert counts[flag.name] == 1
        got = read_photometry(out)
        assert got.flags[0] & flag
        both = got.covered & expected.covered
        assert both.sum() > 25
        np.testing.assert_allclose(got.flux[both], expected.flux[both], rtol=0.05)
        done("predict", path, "-o", out, "--model", road.model)
        assert read_prediction(out).flags[0] & flag
        done("label", path, "-o", out, "--templates", "made-up")
        assert read_labels(out).flags[0] & flag


def nothing_answered(path, out, model):
    """The rows are written and flagged, and the run fails."""
    answer = agez("predict", path, "-o", out, "--model", model, "--json")
    assert answer.status == 1
    assert "none of the 1 rows is answered: most have " in answer.err
    assert answer.json["n_answered"] == 0
    assert answer.err.count("\n") == 1


def test_spectra_without_any_good_pixel_are_rows_without_numbers(tmp_path, road):
    path = write_spectrum(tmp_path / "none.ecsv", flux=np.full(len(WAVE), np.nan))
    out = tmp_path / "out.fits"
    refused("synth", path, "-o", out, says=("none.ecsv", "no pixel", "not finite"), output=out)
    nothing_answered(path, out, road.model)
    got = read_prediction(out)
    assert np.isnan([got.log_age_lw[0], got.mh_lw[0], got.log_age_lw_err[0]]).all()
    assert got.flags[0] & (Flag.NO_DATA | Flag.TOO_FEW_BANDS)
    done("label", path, "-o", out, "--templates", "made-up")
    assert read_labels(out).flags[0] & Flag.NO_DATA
    assert np.isnan(read_labels(out).log_age_lw[0])


def test_a_spectrum_that_covers_no_band(tmp_path, road):
    far = write_spectrum(tmp_path / "infrared.ecsv", wavelength=WAVE + 20000)
    out = tmp_path / "out.fits"
    refused("synth", far, "-o", out, says=("infrared.ecsv", "cover no band of 'jpas'"), output=out)
    nothing_answered(far, out, road.model)
    got = read_prediction(out)
    assert np.isnan(got.log_age_lw[0])
    assert got.flags[0] & (Flag.NO_DATA | Flag.TOO_FEW_BANDS)
    # beside one that does, it is a row without numbers
    done("synth", write_spectrum(tmp_path / "optical.ecsv"), far, "-o", out)
    both = read_photometry(out)
    assert both.covered.any(axis=1).tolist() == [True, False]
    assert both.flags[1] & Flag.NO_DATA


def test_a_folder_without_spectra(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "note.txt").write_text("nothing here")
    out = tmp_path / "out.fits"
    for command in ("synth", "label"):
        refused(command, tmp_path / "folder", "-o", out, says=("folder", "no file of spectra"), output=out)


BAD_PHOTOMETRY = {
    "empty": (lambda t: t[:0], "empty"),
    "metres": (lambda t: _unit(t, "m"), ("flux_J0400", "is in m")),
    "vega": (lambda t: _unit(t, "mag(Vega)"), ("flux_J0400", "mag(Vega)", "AB")),
    "misspelled": (
        lambda t: _renamed(t["id", "flux_J0400", "flux_J0500"], "flux_J0400", "flux_J040"),
        ("lacks", "flux_J040 matches no band", "did you mean flux_J0400"),
    ),
    "words": (lambda t: _words(t), ("flux_J0400", "expected a number")),
    "few_bands": (lambda t: t["id", "flux_J0400", "flux_J0500"], "lacks"),
    "no_bands": (lambda t: t["id", "x", "y"], "infrared" if False else ""),
}


def _renamed(table, name, new):
    table.rename_column(name, new)
    return table


def _unit(table, unit):
    table["flux_J0400"].unit = unit
    return table


def _words(table):
    table["flux_J0400"] = np.full(len(table), "bright")
    return table


@pytest.mark.parametrize("fault", BAD_PHOTOMETRY)
def test_bad_tables_of_photometry(tmp_path, road, fault):
    change, words = BAD_PHOTOMETRY[fault]
    path, out = tmp_path / f"{fault}.ecsv", tmp_path / "out.fits"
    change(Table.read(road.photometry)).write(path, format="ascii.ecsv")
    words = (words,) if isinstance(words, str) else words
    named = () if fault == "few_bands" else (path.name,)
    refused("predict", path, "-o", out, "--model", road.model, says=(*named, *words), output=out)


def test_missing_and_cut_tables(tmp_path, road):
    whole, out = road.photometry.read_bytes(), tmp_path / "out.fits"
    (tmp_path / "cut.fits").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "nothing.fits").write_bytes(b"")
    for name, words in (("cut.fits", "cut"), ("nothing.fits", "empty"), ("none.fits", "no such file")):
        path = tmp_path / name
        refused("predict", path, "-o", out, "--model", road.model, says=(name, words), output=out)
        refused("sample", path, road.labels, "-o", out, says=name, output=out)
        refused("gradient", path, "-o", out, "--re", 5, says=name, output=out)
        refused("train", path, "-o", tmp_path / "m.safetensors", says=name, output=tmp_path / "m.safetensors")
    for end in (0.3, 0.7, 0.98):
        for source, command in ((road.labels, ("sample", road.photometry)), (road.sample, ("train",))):
            content = source.read_bytes()
            (tmp_path / "short.fits").write_bytes(content[: int(end * len(content))])
            target = tmp_path / ("m.safetensors" if command == ("train",) else "out.fits")
            refused(*command, tmp_path / "short.fits", "-o", target, says="short.fits", output=target)


def test_bad_values_in_a_row_are_flagged_and_spoil_no_neighbour(tmp_path, road):
    table = Table.read(road.photometry)
    table["flux_J0500"][0] = np.nan
    table["flux_J0500"][1] = np.inf
    table["flux_J0500_err"][2] = -0.1
    table["flux_J0500_err"][3] = 0.0
    table["flux_J0500"][4] = -99.0
    table["flux_J0500_err"][4] = -99.0
    path, out = tmp_path / "bad.fits", tmp_path / "out.fits"
    table.write(path)
    done("predict", path, "-o", out, "--model", road.model)
    got, expected = read_prediction(out), read_prediction(road.predictions)
    assert [bool(flag & Flag.NON_FINITE) for flag in got.flags[:5]] == [False, True, False, False, False]
    assert [bool(flag & Flag.BAD_ERROR) for flag in got.flags[:5]] == [False, False, True, True, False]
    assert all(flag & Flag.BAND_FILLED for flag in got.flags[:5])
    assert np.array_equal(got.log_age_lw[5:], expected.log_age_lw[5:])


def test_files_that_are_something_else(tmp_path, road):
    out, model = tmp_path / "out.fits", tmp_path / "m.safetensors"
    refused("train", road.labels, "-o", model, says=("labels.fits", "no table SPECTRA"), output=model)
    refused("train", road.photometry, "-o", model, says="photometry.fits", output=model)
    refused("train", road.model, "-o", model, says="model.safetensors", output=model)
    refused("train", road.survey, "-o", model, says="is a folder", output=model)
    refused("sample", road.labels, road.labels, "-o", out, says="labels.fits", output=out)
    refused("sample", road.photometry, road.photometry, "-o", out, says="photometry.fits", output=out)
    refused("sample", road.photometry, road.labels, road.model, "-o", out, says="model.safetensors", output=out)
    mixed = ("sample", road.photometry, road.labels, "-o", out, "--truth")
    refused(*mixed, road.labels, says=("labels.fits", "not a t"), output=out)
    refused("gradient", road.model, "-o", out, "--re", 5, says="model.safetensors", output=out)
    refused("reproduce", "--sample", road.labels, "-o", tmp_path / "run", says="labels.fits")
    assert not (tmp_path / "run" / "summary.json").exists()


def test_models_that_are_none(tmp_path, road):
    out, whole = tmp_path / "out.fits", road.model.read_bytes()
    for name, content in (("cut", whole[:-100]), ("head", whole[:50]), ("text", b"hello, world, this is text")):
        (tmp_path / f"{name}.safetensors").write_bytes(content)
        options = ("--model", tmp_path / f"{name}.safetensors")
        refused("predict", road.photometry, "-o", out, *options, says=f"{name}.safetensors", output=out)
    changed = bytearray(whole)
    changed[-1000] ^= 1
    (tmp_path / "changed.safetensors").write_bytes(bytes(changed))
    options = ("--model", tmp_path / "changed.safetensors")
    refused("predict", road.photometry, "-o", out, *options, says="checksum", output=out)
    options = ("--model", road.photometry)
    refused("predict", road.photometry, "-o", out, *options, says="photometry.fits", output=out)
    refused("predict", road.photometry, "-o", out, "--model", "vega", says="no model is called 'vega'", output=out)
    missing = tmp_path / "none.safetensors"
    refused("predict", road.photometry, "-o", out, "--model", missing, says="no such file", output=out)


def test_labels_and_photometry_of_different_surveys(tmp_path, road):
    other, out = Table.read(road.photometry), tmp_path / "out.fits"
    other["galaxy_id"] = [f"OTHER{i % 7}" for i in range(len(other))]
    other.write(tmp_path / "other.fits")
    words = ("no (galaxy_id, spec_id) is in both", "OTHER0", "MOCK0001")
    refused("sample", tmp_path / "other.fits", road.labels, "-o", out, says=words, output=out)
    twice = Table.read(road.photometry)
    twice["id"][1], twice["galaxy_id"][1] = twice["id"][0], twice["galaxy_id"][0]
    twice.write(tmp_path / "twice.fits")
    refused("sample", tmp_path / "twice.fits", road.labels, "-o", out, says="occurs twice", output=out)


def test_galaxy_tables_that_are_wrong(tmp_path, road):
    out = tmp_path / "out.fits"
    for name, content, words in (
        ("noid", "title,re_arcsec\nA,3\n", "no column galaxy_id"),
        ("text", "galaxy_id,re_arcsec\nA,wide\n", "row 1 is 'wide'"),
        ("twice", "galaxy_id,re_arcsec\nA,1\nA,2\n", "twice"),
        ("norows", "galaxy_id,re_arcsec\n", "no rows"),
    ):
        (tmp_path / f"{name}.csv").write_text(content)
        refused("sample", road.photometry, road.labels, tmp_path / f"{name}.csv", "-o", out, says=words, output=out)


def test_galaxies_that_are_too_few_to_split(tmp_path, road):
    files = sorted(road.survey.glob("*.RSS.fits"))[:2]
    done("synth", *files, "-o", tmp_path / "p.fits")
    done("sample", tmp_path / "p.fits", road.labels, "-o", tmp_path / "s.fits")
    out = tmp_path / "m.safetensors"
    refused("train", tmp_path / "s.fits", "-o", out, says=("2 galaxies are too few", "--split within"), output=out)


def test_a_gradient_from_what_is_no_table_of_positions(tmp_path, road):
    out = tmp_path / "g.fits"
    galaxy = ("--galaxy", "MOCK0001", "--re", 8)
    refused("gradient", road.predictions, "-o", out, "--re", 8, says="holds 6 galaxies", output=out)
    refused("gradient", road.predictions, "-o", out, "--re", 8, "--galaxy", "M31", says="no galaxy 'M31'", output=out)
    refused("gradient", road.predictions, "-o", out, *galaxy, "--column", "mass", says="no column 'mass'", output=out)
    refused("gradient", road.predictions, "-o", out, *galaxy, "--pa", 3, says="--inclination", output=out)
    tiny = ("--galaxy", "MOCK0001", "--re", 1e-6)
    refused("gradient", road.predictions, "-o", out, *tiny, says="at least 3 needed", output=out)
    fits.PrimaryHDU(np.zeros((3, 3))).writeto(tmp_path / "image.fits")
    refused("gradient", tmp_path / "image.fits", "-o", out, "--re", 8, says=("image.fits", "no table"), output=out)
