"""``--redshift auto``, and files that do not say their redshift, through label, synth, predict and map."""

import re
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from cli_road import agez, done, refused
from label_cubes import cube_file
from spectra_factory import light_fractions, observe

from agez.errors import AgezError
from agez.flags import Flag, has_flag
from agez.labelling import input_files
from agez.labelling.input_files import few_remarks
from agez.photometry.tables import read_photometry
from agez.spectra.label_files import read_labels
from agez.spectra.readers import write_rss
from agez.spectra.templates import made_up_grid
from agez.tables.maps_files import read_maps

TOY = ("--templates", "made-up", "--workers", 1)
Z = 0.03


@pytest.fixture(autouse=True)
def finder_knows_the_invented_stars(monkeypatch):
    monkeypatch.setattr(input_files, "load_templates", lambda name: made_up_grid())


def spectra_of(n=3, redshift=Z, seed=1):
    grid, rng = made_up_grid(), np.random.default_rng(seed)
    return observe(
        replace(grid, fwhm_angstrom=6.0), light_fractions(grid, n, rng), velocity_kms=np.zeros(n),
        sigma_kms=np.full(n, 100.0), snr=30.0, rng=rng, redshift=redshift,
    )  # fmt: skip


@pytest.fixture
def silent(tmp_path):
    """A file of three spectra that does not say its redshift, and one that says a wrong one."""
    spectra = spectra_of()
    write_rss(tmp_path / "silent.fits", replace(spectra, redshift=np.full(3, np.nan)))
    write_rss(tmp_path / "wrong.fits", replace(spectra, redshift=np.full(3, 0.1)))
    return tmp_path / "silent.fits", tmp_path / "wrong.fits"


def test_labels_of_files_that_say_none_or_a_wrong_one(silent, tmp_path):
    for path, options in ((silent[0], ()), (silent[0], ("--redshift", "auto")), (silent[1], ("--redshift", "auto"))):
        out = tmp_path / "l.fits"
        answer = done("label", path, "-o", out, *options, *TOY, "--json").json
        (said,) = (one for one in answer["remarks"] if "found from the spectra" in one)
        assert re.match(rf"{path.name}: redshift 0\.0(29|30)\d\d \+- 0\.000\d\d found", said)
        labels = read_labels(out)
        assert np.abs(labels.redshift - Z).max() < 3e-4
        assert np.all((labels.redshift_err > 0) & (labels.redshift_err < 5e-4))
        assert has_flag(labels.flags, Flag.REDSHIFT_FOUND).all()
        assert labels.good.all()
        assert answer["flags"]["REDSHIFT_FOUND"] == 3
    done("label", silent[1], "-o", tmp_path / "l.fits", "--redshift", Z, *TOY)
    known = read_labels(tmp_path / "l.fits")
    assert np.all(known.redshift == Z)
    assert np.isnan(known.redshift_err).all()
    assert np.abs(known.log_age_lw - labels.log_age_lw).max() < 0.05


def test_chunks_do_not_change_what_is_found(silent, tmp_path, monkeypatch):
    from agez.labelling import label_galaxy

    done("label", silent[0], "-o", tmp_path / "a.fits", *TOY)
    monkeypatch.setitem(label_galaxy.CHUNK, "agez", 1)
    done("label", silent[0], "-o", tmp_path / "b.fits", *TOY)
    assert np.array_equal(read_labels(tmp_path / "a.fits").redshift, read_labels(tmp_path / "b.fits").redshift)


def test_photometry_is_that_of_the_right_redshift(silent, tmp_path):
    out = tmp_path / "p.fits"
    done("synth", silent[1], "-o", out, "--source-redshift", Z)
    right = read_photometry(out)
    for path, options in ((silent[0], ()), (silent[1], ("--source-redshift", "auto"))):
        answer = done("synth", path, "-o", out, *options, "--json").json
        assert any("found from the spectra" in remark for remark in answer["remarks"])
        got = read_photometry(out)
        assert np.array_equal(got.covered, right.covered)
        assert np.nanmax(np.abs(got.flux / right.flux - 1)) < 0.01
        assert has_flag(got.flags, Flag.REDSHIFT_FOUND).all()


def test_predictions_of_spectra(silent, tmp_path):
    out = tmp_path / "o.fits"
    done("predict", silent[1], "-o", out, "--redshift", Z)
    right = Table.read(out)
    for path, options in ((silent[0], ()), (silent[1], ("--redshift", "auto"))):
        answer = done("predict", path, "-o", out, *options, "--json").json
        assert any("found from the spectra" in remark for remark in answer["remarks"])
        assert np.abs(Table.read(out)["log_age_lw"] - right["log_age_lw"]).max() < 0.1


def test_a_cube_that_does_not_say_its_redshift(tmp_path):
    path = cube_file(tmp_path, redshift=0.01)
    fits.delval(path, "MED_VEL")
    out = tmp_path / "l.fits"
    answer = done("label", path, "-o", out, "--no-bin", *TOY, "--json").json
    assert sum("found from the spectra" in remark for remark in answer["remarks"]) == 1
    labels = read_labels(out)
    assert np.ptp(labels.redshift) < 1e-12
    assert labels.redshift[0] == pytest.approx(0.01, abs=3e-4)
    assert labels.meta["redshift"] == labels.redshift[0]
    # what reads it again takes the same
    done("synth", path, "-o", tmp_path / "p.fits", "--bins", out)
    done("map", path, "-o", tmp_path / "m.fits", "--bins", "pixels", "--model", "jplus", "--redshift", "auto")
    assert fits.getheader(tmp_path / "m.fits")["REDSHIFT"] == pytest.approx(0.01, abs=3e-4)
    read_maps(tmp_path / "m.fits")
    # a table of galaxies comes first
    table = tmp_path / "g.csv"
    Table({"galaxy_id": [str(labels.rows.galaxy_id[0])], "redshift": [0.0105]}).write(table)
    done("label", path, "-o", out, "--no-bin", *TOY, "--galaxies", table)
    assert np.all(read_labels(out).redshift == 0.0105)
    done("label", path, "-o", out, "--no-bin", *TOY, "--galaxies", table, "--redshift", "auto")
    assert read_labels(out).redshift[0] == labels.redshift[0]


def test_without_templates_the_rest_frame_is_assumed_unless_auto_is_said(silent, tmp_path, monkeypatch):
    def missing(name):
        raise AgezError("templates 'emiles': not installed")

    monkeypatch.setattr(input_files, "load_templates", missing)
    answer = done("synth", silent[0], "-o", tmp_path / "p.fits", "--json").json
    assert any("rest-frame" in remark for remark in answer["remarks"])
    assert answer["flags"]["REDSHIFT_UNKNOWN"] == 3
    refused("synth", silent[0], "-o", tmp_path / "q.fits", "--source-redshift", "auto", says="not installed")


def test_words_that_are_no_redshift(silent, tmp_path):
    for command in (("label", silent[0], "--redshift"), ("synth", silent[0], "--source-redshift")):
        answer = agez(*command, "maybe", "-o", tmp_path / "x.fits")
        assert answer.status == 2
        assert "expected a number or auto" in answer.err
    refused("predict", silent[0], "-o", tmp_path / "x.fits", "--redshift", "zcol", says=("zcol", "number, or auto"))


def test_many_files_are_told_of_in_few_lines(tmp_path):
    for number in range(8):
        spectra = spectra_of(1, redshift=0.01 + 0.01 * number, seed=number)
        write_rss(tmp_path / f"{number}.fits", replace(spectra, redshift=np.full(1, np.nan)))
    files = sorted(tmp_path.glob("?.fits"))
    remarks = done("label", *files, "-o", tmp_path / "l.fits", *TOY, "--json").json["remarks"]
    assert [one.split(":")[0] for one in remarks[-6:]] == [*(f"{k}.fits" for k in range(5)), "3 more files"]
    assert np.abs(read_labels(tmp_path / "l.fits").redshift - 0.01 - 0.01 * np.arange(8)).max() < 5e-4
    assert few_remarks(["a", "b", "a"]) == ["a", "b"]
