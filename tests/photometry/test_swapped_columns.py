"""Magnitudes in columns of fluxes and fluxes in columns of magnitudes; honest fluxes of the same size pass."""

import numpy as np
import pytest
from astropy.table import Table
from cli_road import done, refused

from agez.errors import AgezError
from agez.photometry.tables import table_to_photometry

BANDS = ("uJAVA", "J0378", "J0395", "J0410", "J0430", "gSDSS", "J0515", "rSDSS", "J0660", "iSDSS", "J0861", "zSDSS")
#: Colours of a galaxy such as there are, made up [AB magnitudes].
COLOURS = np.array((1.7, 1.5, 1.2, 0.8, 0.5, 0.0, -0.2, -0.6, -0.7, -1.0, -1.1, -1.2))
MICROJANSKY = 23.9
RNG = np.random.default_rng


def magnitudes(n: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """(n, 12) magnitudes and errors of galaxies, whose noise is that of the sky and 1 %."""
    rng = RNG(seed)
    value = rng.uniform(16.0, 19.0, (n, 1)) + COLOURS + rng.normal(0.0, 0.1, (n, 12))
    return value, np.hypot(0.01, 0.03 * 10 ** (0.4 * (value - 18.0)))


def fluxes(n: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    value, error = magnitudes(n, seed)
    flux = 10 ** (0.4 * (MICROJANSKY - value))
    return flux, flux * error * 0.4 * np.log(10)


def table(value: np.ndarray, error: np.ndarray | None, kind: str) -> Table:
    made = Table({"redshift": np.full(len(value), 0.05)})
    for k, band in enumerate(BANDS):
        made[f"{kind}_{band}"] = value[:, k]
        if error is not None:
            made[f"{kind}_{band}_err"] = error[:, k]
    return made


def read(made: Table, **options: str) -> list[str]:
    return table_to_photometry(made, filters="splus", **options).meta["remarks"]


@pytest.mark.parametrize("n", [10, 300])
def test_magnitudes_in_columns_of_fluxes_are_refused(n):
    made = table(*magnitudes(n), "flux")
    with pytest.raises(AgezError, match=r"flux_uJAVA.*AB magnitudes; name them mag_uJAVA, .* or give --unit mag"):
        read(made)
    assert read(table(*magnitudes(n), "mag")) == read(made, unit="mag") == read(made, unit="uJy") == []
    made["flux_gSDSS"][0] = made["flux_J0378"][3] = -99.0  # codes are no fluxes
    with pytest.raises(AgezError, match="AB magnitudes"):
        read(made)


SMALL = magnitudes(3)
EITHER = {
    "few rows": SMALL,
    "no errors": (magnitudes(30)[0], None),
    "one error": (magnitudes(30)[0], np.full((30, 12), 0.02)),
}


@pytest.mark.parametrize(("value", "error"), EITHER.values(), ids=EITHER)
def test_what_may_be_either_is_a_remark(value, error):
    (told,) = read(table(value, error, "flux"))
    assert "microjansky; if they are AB magnitudes, name them mag_uJAVA" in told


def honest(kind: str, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    flux, error = fluxes(n, seed)
    rng = RNG(seed)
    if kind == "galaxies":
        scale = 17.0 / np.median(flux)
    elif kind == "one brightness":
        scale = 17.0 / np.median(flux, axis=1, keepdims=True)
    elif kind == "normalised in each band":
        scale = 17.0 / np.median(flux, axis=0)
    elif kind == "flat":
        scale = 17.0 / flux * rng.normal(1.0, 0.03, flux.shape)
    else:  # microjansky between 15 and 20 with errors of 0.3
        return rng.uniform(15.0, 20.0, (n, 1)) + rng.normal(0.0, 0.3, flux.shape), np.full(flux.shape, 0.3)
    return flux * scale, error * scale


@pytest.mark.parametrize("kind", ["galaxies", "one brightness", "normalised in each band", "flat", "mock"])
def test_honest_fluxes_of_the_size_of_magnitudes_are_never_refused(kind):
    for seed in range(8):
        for n in (1, 3, 10, 200):
            read(table(*honest(kind, n, seed), "flux"))


def test_fluxes_in_columns_of_magnitudes_are_refused(tmp_path):
    made = table(*fluxes(30), "mag")
    with pytest.raises(
        AgezError, match=r"mag_uJAVA.*beyond 40; if they are fluxes, name them flux_uJAVA, .*--unit uJy"
    ):
        read(made)
    path, out = tmp_path / "t.csv", tmp_path / "out.fits"
    made.write(path)
    refused("predict", path, "-o", out, "--model", "splus", says=("t.csv", "name them flux_uJAVA"), output=out)
    assert done("predict", path, "-o", out, "--model", "splus", "--unit", "uJy", "--json").json["n_answered"] == 30
    table(*magnitudes(30), "flux").write(path, overwrite=True)
    refused("predict", path, "-o", tmp_path / "o.fits", "--model", "splus", says=("t.csv", "name them mag_uJAVA"),
            output=tmp_path / "o.fits")  # fmt: skip


def test_rows_of_99_are_magnitudes_that_were_not_observed():
    value, error = magnitudes(30)
    value[:20], error[:20] = 99.0, 99.0
    assert read(table(value, error, "mag")) == []


def test_fluxes_that_rise_with_wavelength_as_depth_falls_are_fluxes():
    """One SED for all rows: across bands errors rise with fluxes as those of magnitudes would, within none."""
    rng, wave = RNG(7), np.linspace(0.35, 0.9, 12)
    value = 12.0 * (wave / 0.35) ** 0.75 * rng.normal(1.0, 0.03, (100, 12))
    error = 0.08 * (wave / 0.35) ** 2.6 * rng.normal(1.0, 0.02, (100, 12))
    table_to_photometry(table(value, error, "flux"), filters="splus")
