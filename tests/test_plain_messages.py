"""Messages that say what to do: misspelt options, folders where a file belongs, cubes without errors, odd curves."""

import numpy as np
import pytest
from astropy.io import fits
from cli_road import agez, refused

from agez.errors import AgezError
from agez.photometry.band_columns import named_columns
from agez.photometry.curves_io import read_curves
from agez.spectra.readers import is_spectra_file, read_spectra


def cube(path, *, error=""):
    header = fits.Header({"CTYPE3": "WAVE", "CUNIT3": "Angstrom", "CRPIX3": 1, "CRVAL3": 4000.0, "CDELT3": 2.0})
    flux = np.ones((50, 3, 3), np.float32)
    hdus = [fits.PrimaryHDU(), fits.ImageHDU(flux, header, name="FLUX")]
    hdus += [fits.ImageHDU(flux, name=error)] if error else []
    fits.HDUList(hdus).writeto(path)
    return path


def test_a_misspelt_option_is_told_with_its_command():
    said = agez("train", "t.csv", "-o", "x.safetensors", "--learning_rate", 0.01)
    assert said.status == 2
    assert said.err.startswith("usage: agez train")
    assert "--learning_rate 0.01; did you mean --learning-rate?" in said.err
    other = agez("check", "--nothing-like-it").err
    assert "unrecognized arguments: --nothing-like-it" in other
    assert "did you mean" not in other


def test_a_cube_without_errors_says_how_to_name_them_and_is_not_passed_over(tmp_path):
    alone, named = cube(tmp_path / "a.fits"), cube(tmp_path / "b.fits", error="MYERRORS")
    for path in (alone, named):
        with pytest.raises(AgezError, match=r"no extension of errors.*rename yours to ERROR.*ERRDATA = 'NAME'"):
            read_spectra(path)
        assert is_spectra_file(path)  # in a folder it is set aside with this reason
    image = tmp_path / "image.fits"
    fits.PrimaryHDU(np.ones((4, 4))).writeto(image)
    assert not is_spectra_file(image)


def test_several_cubes_go_into_a_folder(tmp_path):
    files = [cube(tmp_path / f"{name}.fits", error="ERROR") for name in "ab"]
    out = tmp_path / "labels"
    refused("label", *files, "-o", out, "--templates", "made-up", says=f"several cubes go into a folder: -o {out}/")
    assert not out.exists()


def test_a_folder_of_cubes_is_no_catalogue(tmp_path):
    cube(tmp_path / "a.fits", error="ERROR")
    refused("predict", tmp_path, "-o", tmp_path / "o.fits", says=("no Parquet file in this folder (a.fits)", "synth"))


def test_a_readme_beside_curves_is_none(tmp_path):
    (tmp_path / "README.txt").write_text("My curves, measured in the laboratory\n")
    with pytest.raises(AgezError, match=r"no file of this folder is a curve; .*# counting: photon"):
        read_curves(tmp_path)
    (tmp_path / "B1.dat").write_text("# counting: photon\n4000 0\n4100 1\n4200 0\n")
    assert list(read_curves(tmp_path)) == ["B1"]
    (tmp_path / "B2.dat").write_text("4000 0 1\n4100 1 1\n")
    with pytest.raises(AgezError, match=r"B2\.dat is no curve: it has 3 columns; a curve has two"):
        read_curves(tmp_path)


def test_bands_of_no_set_need_their_curves():
    how = {"source": "t.csv", "units": {}, "meta": {}}
    with pytest.raises(AgezError, match=r"flux_B1, flux_B2 are of no known filter set: --filters FOLDER\|FILE"):
        named_columns(["id", "flux_B1", "flux_B1_err", "flux_B2"], **how)
    with pytest.raises(AgezError, match="did you mean flux_J0400"):
        named_columns(["id", "flux_J0401"], **how)


def test_an_option_before_its_command_is_told_its_place():
    answer = agez("--json", "models")
    assert answer.status == 2
    assert "--json goes after the command: agez models ... --json" in answer.err
