"""Folders of templates whose names say [alpha/Fe], in the styles of MILES and sMILES, made up here."""

import numpy as np
import pytest
from astropy.io import fits

from agez.errors import AgezError
from agez.spectra.alpha_names import alpha_fe_of, with_choice
from agez.spectra.templates import load_templates

MILES = "Mun1.30Z{mh}T{age:07.4f}_iTp{alpha:.2f}_Ep{alpha:.2f}.fits"
SMILES = "Mku1.30Z{mh}T{age:07.4f}_iTp0.00_aFep{alpha:.1f}.fits"


def write(folder, style, alphas):
    folder.mkdir(exist_ok=True)
    for alpha in alphas:
        for age in (1.0, 10.0):
            for mh in ("m0.25", "p0.06"):
                hdu = fits.PrimaryHDU(np.full(4000, 1.0 + alpha, dtype=np.float32))
                hdu.header.update({"CRVAL1": 3500.0, "CDELT1": 1.0, "CRPIX1": 1, "FWHM": 2.5, "AIRORVAC": "air"})
                hdu.writeto(folder / style.format(mh=mh, age=age, alpha=alpha))
    return folder


@pytest.mark.parametrize(
    ("name", "alpha"),
    [
        ("Mun1.30Zp0.06T10.0000_iTp0.40_Ep0.40.fits", 0.4), ("Mbi1.30Zp0.06T10.0000_iTp0.00_Ep0.00.fits", 0.0),
        ("Mun1.30Zp0.06T10.0000_iTp0.40_baseFe.fits", None), ("Eun1.30Zm0.40T00.0631_iPp0.00_baseFe.fits", None),
        ("Mku1.30Zp0.06T10.0000_iTp0.00_aFem0.2.fits", -0.2), ("sMILES_aFep04_Zp0.06T10.0000.fits", 0.4),
        ("SSP_Zp0.06T10.0000_aFe+0.6.fits", 0.6), ("SSP_Zp0.06T10.0000_aFe0.2.fits", 0.2),
    ],
)  # fmt: skip
def test_what_names_say(name, alpha):
    assert alpha_fe_of(name) == alpha


@pytest.mark.parametrize("style", [MILES, SMILES])
def test_a_folder_of_one_mixture_says_it_in_its_name(tmp_path, style):
    grid = load_templates(str(write(tmp_path / "miles", style, [0.4])))
    assert grid.name == "MILES-style folder miles, [alpha/Fe] +0.40"
    assert grid.mh.tolist() == [-0.25, 0.06]
    np.testing.assert_allclose(grid.log_age, [9.0, 10.0])


def test_of_several_mixtures_one_is_chosen(tmp_path):
    folder = write(tmp_path / "miles", MILES, [0.0, 0.4])
    with pytest.raises(AgezError, match=r"several \[alpha/Fe\] \(\+0.00, \+0.40\); choose one: .*:alpha=0.4") as error:
        load_templates(str(folder))
    assert "\n" not in str(error.value)
    for alpha in (0.0, 0.4):
        grid = load_templates(f"{folder}:alpha={alpha}")
        assert grid.name.endswith(f"[alpha/Fe] {alpha:+.2f}")
        np.testing.assert_allclose(grid.flux, 1.0 + alpha)
    with pytest.raises(AgezError, match=r"no files of \[alpha/Fe\] \+0.20; their names say: \+0.00, \+0.40"):
        load_templates(f"{folder}:alpha=0.2")


def test_choices_that_cannot_be(tmp_path):
    assert with_choice("a:b/c:alpha=-0.2") == ("a:b/c", -0.2)
    assert with_choice("emiles") == ("emiles", None)
    with pytest.raises(AgezError, match="alpha is 'much'; expected a number"):
        with_choice("folder:alpha=much")
    with pytest.raises(AgezError, match=r"chosen in a folder of MILES-style files; .*npz is none"):
        load_templates(f"{tmp_path}/x.npz:alpha=0.4")


def test_files_without_a_mixture_do_not_join_those_with_one(tmp_path):
    folder = write(tmp_path / "miles", MILES, [0.4])
    write(folder, "Mun1.30Z{mh}T{age:07.4f}_iTp0.00_baseFe.fits", [0.0])
    with pytest.raises(AgezError, match=r"\+0.40, none said"):
        load_templates(str(folder))
    assert load_templates(f"{folder}:alpha=0.4").flux[0, 0, 0] == np.float32(1.4)
