"""S-PLUS and J-PLUS have the same twelve names: who says which it is, for every command that reads or writes them."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from cli_road import done, refused
from made_up_sample import made_up_sample

import agez
from agez.images.read_images import read_images
from agez.images.scubes import read_photometric_cube
from agez.label_types import Sample
from agez.photometry.tables import read_photometry
from agez.samples.sample import read_sample, write_sample
from agez.spectra.label_files import write_labels
from agez.tables.prediction_files import read_prediction
from agez.types import Photometry

SETS = ("splus", "jplus")
FORMATS = ("fits", "ecsv", "csv", "parquet")
OTHER = {"splus": "jplus", "jplus": "splus"}
BANDS = {name: agez.load_filters(name).bands for name in SETS}


def sample_of(name):
    """A made-up sample in the bands of a set."""
    made = made_up_sample(40, n_galaxies=4, n_bands=12)
    old = made.photometry
    photometry = Photometry(
        BANDS[name], old.flux, old.flux_err, old.covered, old.rows, np.full(40, 0.02), old.flags, {}
    )  # fmt: skip
    return Sample(photometry, made.labels, made.r_re, made.galaxies, None, {})


def write_table(path, name, *, named):
    """Photometry in the bands of a set; the file says so, or not."""
    table = Table({"id": np.arange(3).astype(str), "redshift": np.full(3, 0.02)})
    for band, pivot in zip(BANDS[name].names, BANDS[name].pivot_angstrom, strict=True):
        table[f"flux_{band}"], table[f"flux_{band}_err"] = np.full(3, pivot / 50), np.full(3, pivot / 2000)
    if named:
        table.meta["FILTERS"] = name
        table["filter_set"] = name
    if path.suffix == ".csv":
        table.meta = {}
    table.write(path, overwrite=True)
    return path


@pytest.mark.parametrize(("name", "kind"), [("splus", "fits"), ("jplus", "csv")])
def test_predict(tmp_path, name, kind):
    out = tmp_path / "out.fits"
    said = write_table(tmp_path / f"said.{kind}", name, named=True)
    plain = write_table(tmp_path / f"plain.{kind}", name, named=False)
    for path in (said, plain):
        done("predict", path, "-o", out, "--model", name)
    expected = read_prediction(out)
    refused("predict", said, "-o", tmp_path / "no.fits", "--model", OTHER[name], says=("said", repr(name), "--filters"))
    done("predict", plain, "-o", out, "--model", OTHER[name])  # names alone: the model decides
    refused("predict", plain, "-o", tmp_path / "no.fits", "--model", name, "--filters", OTHER[name], says="--filters")
    done("predict", said, "-o", out, "--model", OTHER[name], "--filters", OTHER[name])  # the user knows better
    assert not np.allclose(read_prediction(out).log_age_lw, expected.log_age_lw)


def test_predict_with_a_model_of_another_set(tmp_path):
    path = write_table(tmp_path / "plain.fits", "splus", named=False)
    says = ("jplus or splus", "give --model jplus or --model splus")
    refused("predict", path, "-o", tmp_path / "no.fits", "--model", "jpas", says=says)
    refused(
        "predict",
        path,
        "-o",
        tmp_path / "no.fits",
        "--model",
        "jpas",
        "--filters",
        "splus",
        says="not those of the model",
    )


@pytest.mark.parametrize("name", SETS)
def test_sample(tmp_path, name):
    labels = tmp_path / "labels.fits"
    made = sample_of(name)
    write_labels(labels, made.labels.take(slice(0, 3)))
    out = tmp_path / "sample.fits"
    for kind in ("ecsv", "csv"):
        path = write_table(tmp_path / f"said.{kind}", name, named=True)
        table = Table.read(path)
        table["galaxy_id"] = made.rows.galaxy_id[:3]
        table.write(path, overwrite=True)
        done("sample", path, labels, "-o", out)
        assert read_sample(out).photometry.bands == BANDS[name]
        table.remove_column("filter_set")
        table.meta = {}
        table.write(path, overwrite=True)
        refused("sample", path, labels, "-o", tmp_path / "no.fits", says=("jplus, splus", "give --filters"))
        done("sample", path, labels, "-o", out, "--filters", name)
        assert read_sample(out).photometry.bands == BANDS[name]


def test_a_sample_takes_numbers_or_columns(tmp_path):
    made = sample_of("splus")
    write_labels(tmp_path / "labels.fits", made.labels.take(slice(0, 3)))
    path = write_table(tmp_path / "p.fits", "splus", named=True)
    table = Table.read(path)
    table.rename_columns(["redshift", "id"], ["zb", "number"])
    table["galaxy_id"], table["lo"], table["hi"], table["sfd"] = made.rows.galaxy_id[:3], 0.01, 0.03, [0.0, 0.1, 0.1]
    table.write(path, overwrite=True)
    out, command = tmp_path / "s.fits", ("sample", path, tmp_path / "labels.fits", "-o", tmp_path / "s.fits")
    answer = done(
        *command, "--redshift", "zb", "--redshift-err", "lo,hi", "--id", "number", "--ebv", "sfd", "--json"
    ).json
    found = read_sample(out).photometry
    assert found.redshift.tolist() == [0.02] * 3
    assert np.allclose(found.redshift_err, 0.01)
    assert found.flux[0, 0] < found.flux[1, 0] < 2 * found.flux[0, 0]
    assert answer["remarks"] == ["dereddened: E(B-V) sfd, median 0.100 mag"]
    remarks = done(*command, "--id", "number", "--json").json["remarks"]
    assert "--redshift zb" in remarks[0]
    assert np.isnan(read_sample(out).photometry.redshift).all()
    refused(*command, "--id", "nobody", says=("--id is 'nobody'", "p.fits"))
    refused(*command, "--id", "number", "--ebv", "dust", says="--ebv is 'dust', which is neither a number nor a column")
    refused(*command, "--no-recalibration", says="--ebv")


@pytest.mark.parametrize("name", SETS)
def test_train(tmp_path, name):
    write_sample(tmp_path / "sample.fits", sample_of(name))
    says = ("sample.fits", repr(name), f"--init of {OTHER[name]!r}")
    out = tmp_path / "model.safetensors"
    refused("train", tmp_path / "sample.fits", "-o", out, "--init", OTHER[name], says=says, output=out)
    assert agez.load_model(name).bands.filter_set == name


def test_synth(tmp_path, road):
    spectra = next(road.survey.glob("*.RSS.fits"))
    for kind, name in zip(FORMATS, (*SETS, *reversed(SETS)), strict=True):
        out = tmp_path / f"p.{kind}"
        done("synth", spectra, "-o", out, "--filters", name)
        back = read_photometry(out)
        assert back.bands.filter_set == name
        assert (back.redshift == 0).all()
        refused("predict", out, "-o", tmp_path / "no.fits", "--model", OTHER[name], says=repr(name))
    done("predict", out, "-o", tmp_path / "p.fits", "--model", name)
    refused("predict", spectra, "-o", tmp_path / "no.fits", "--model", "splus", "--filters", "jplus", says="--filters")


def images(folder, name, *, survey=None):
    """A small image in every band; the headers name the survey, or not."""
    folder.mkdir()
    for band in BANDS[name].names:
        header = fits.Header()
        header.update(
            CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRVAL1=150.0, CRVAL2=2.0, CRPIX1=8.5, CRPIX2=8.5,
            CDELT1=-0.55 / 3600, CDELT2=0.55 / 3600, FILTER=band, MAGZP=23.9,
        )  # fmt: skip
        if survey is not None:
            header["SURVEY"] = survey
        fits.PrimaryHDU(np.ones((16, 16), np.float32), header).writeto(folder / f"{band}.fits")
    return folder


@pytest.mark.parametrize("name", SETS)
def test_map_of_images(tmp_path, name):
    said = images(tmp_path / "said", name, survey={"splus": "S-PLUS", "jplus": "J-PLUS"}[name])
    plain = images(tmp_path / "plain", name)
    assert read_images(said).bands == read_images(said, model_set=OTHER[name]).bands == BANDS[name]
    for model in SETS:
        assert read_images(plain, model_set=model).bands == BANDS[model]
        assert read_images(plain, model_set=model, filters=name).bands == BANDS[name]
    with pytest.raises(agez.AgezError, match="do not say which survey"):
        read_images(plain)
    with pytest.raises(agez.AgezError, match="do not say which survey"):
        read_images(plain, model_set="alhambra")
    command = ("map", said, "-o", tmp_path / "m.fits", "--redshift", 0.02, "--model", OTHER[name])
    refused(*command, says=(repr(name), "--filters"))


@pytest.mark.parametrize("name", SETS)
def test_map_of_a_cube_of_bands(tmp_path, name):
    header = fits.Header()
    header.update(
        CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRVAL1=150.0, CRVAL2=2.0, CRPIX1=2.5, CRPIX2=2.5,
        CDELT1=-0.55 / 3600, CDELT2=0.55 / 3600, BUNIT="erg / (Angstrom s cm2)",
    )  # fmt: skip

    def cube(file, *, pivots, survey=None):
        columns = {"FILTER": list(BANDS[name].names)}
        if pivots:
            columns["PIVOTWAVE"] = list(BANDS[name].pivot_angstrom)
        parts = [fits.PrimaryHDU(), fits.ImageHDU(np.full((12, 4, 4), 1e-17), header, name="DATA"),
                 fits.ImageHDU(np.full((12, 4, 4), 1e-18), header, name="ERRORS"),
                 fits.BinTableHDU(Table(columns), name="METADATA")]  # fmt: skip
        if survey is not None:
            parts[0].header["SURVEY"] = survey
        fits.HDUList(parts).writeto(tmp_path / file)
        return tmp_path / file

    by_pivots = cube("pivots.fits", pivots=True)
    by_header = cube("header.fits", pivots=False, survey=name)
    plain = cube("plain.fits", pivots=False)
    for model in (*SETS, None):
        assert read_photometric_cube(by_pivots, model_set=model).bands == BANDS[name]
        assert read_photometric_cube(by_header, model_set=model).bands == BANDS[name]
        assert read_photometric_cube(plain, model_set=model).bands == BANDS[model or "splus"]
    assert read_photometric_cube(by_pivots, filters=OTHER[name]).bands == BANDS[OTHER[name]]
    command = ("map", by_pivots, "-o", tmp_path / "m.fits", "--redshift", 0.02, "--model", OTHER[name])
    refused(*command, says=(repr(name), "--filters"))


def test_identifiers_of_a_column_stay_as_they_are_written(tmp_path):
    path = write_table(tmp_path / "p.csv", "splus", named=False)
    path.write_text(
        path.read_text().replace("id,", "name,", 1).replace("\n0,", "\n007,").replace("\n1,", "\n18446744073709551615,")
    )
    wanted = ["007", "18446744073709551615", "2"]
    done("predict", path, "-o", tmp_path / "out.csv", "--model", "splus", "--id", "name")
    assert [line.split(",")[0].strip('"') for line in (tmp_path / "out.csv").read_text().splitlines()[1:]] == wanted
    done("predict", path, "-o", tmp_path / "out.fits", "--model", "splus", "--id", "NAME")
    assert read_prediction(tmp_path / "out.fits").rows.spec_id.tolist() == wanted
    assert read_photometry(path, id="name", filters="splus").rows.spec_id.tolist() == wanted


def test_a_table_of_another_survey_than_the_model_says_which_model_it_is_for(tmp_path):
    bands = BANDS["splus"].names
    path, out = tmp_path / "t.csv", tmp_path / "o.fits"
    table = Table({f"mag_{band}": np.full(2, 18.0) for band in bands})
    table["redshift"] = 0.05
    table.write(path)
    of_both = (
        "has 56 bands, of 'jpas', and the table's 12 (uJAVA, J0378, J0395, ...) are those of jplus or splus: give "
    )
    refused("predict", path, "-o", out, says=(f"{of_both}--model jplus or --model splus",), output=out)
    refused("predict", path, "-o", out, "--filters", "splus", says=("give --model splus", "has 56"), output=out)
    refused("predict", path, "-o", out, "--filters", "splus", "--model", "jplus",
            says=("give --model splus", "really are bands of 'jplus'", "--filters jplus"), output=out)  # fmt: skip
    for options in (("splus",), ("jplus",), ("splus", "--filters", "splus")):
        done("predict", path, "-o", out, "--model", *options)
