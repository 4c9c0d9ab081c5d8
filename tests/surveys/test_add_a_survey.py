"""One record adds a survey: its filters, spellings, tables, synthetic photometry, vectors, images and recipe."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

import agez
from agez.catalogues.open_catalogue import open_catalogue
from agez.catalogues.read_partition import partition_photometry
from agez.errors import AgezError
from agez.images.band_of_file import filter_set_of
from agez.images.read_images import read_images
from agez.photometry.names import canonical_band_name, find_band
from agez.photometry.profiles import full_width_half_maximum, pivot_wavelength
from agez.surveys import registry
from agez.surveys.record import ColumnForm, ImageFacts, ShippedModel, SurveyRecord, TableFacts, VectorOrder
from agez.training.recipes import recipe
from agez.types import Rows, Spectra

PAGE = Path(__file__).parents[2] / "docs" / "surveys.md"
#: A survey of three bands: all that is needed to add it.
TRIO = SurveyRecord(
    name="trio",
    title="TRIO-X",
    bands=("b450", "v550", "r650"),
    nominal=((4500.0, 200.0), (5500.0, 300.0), (6500.0, 400.0)),
    source="made up for a test",
    aliases={"G": "b450", "visual": "v550"},
    vector_orders=(VectorOrder("TRIO DR1", ("r650", "b450", "v550")),),
    table_units={"TRIOPHOT": "nJy"},
    images=ImageFacts(
        telescopes=("triplet",), band=("TRIOBAND",), psf_fwhm=("TRIOSEE",), psf_beta=("TRIOBETA",),
        zero_point=("TRIOZP",),
    ),
    model=ShippedModel(bands=("b450", "r650"), limits=("Anything real.",)),
)  # fmt: skip
#: Another one with as many bands.
OTHER = SurveyRecord(
    name="other3",
    title="OTHER",
    bands=("x1", "x2", "x3"),
    nominal=((4600.0, 200.0), (5600.0, 300.0), (6600.0, 400.0)),
    aliases={"G": "x1"},
    vector_orders=(VectorOrder("OTHER", ("x1", "x2", "x3")),),
)


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is forgotten."""
    monkeypatch.setattr(registry, "_RECORDS", dict(registry._RECORDS))


@pytest.fixture
def trio() -> None:
    agez.register_survey(TRIO)


@pytest.fixture
def both(trio: None) -> None:
    agez.register_survey(OTHER)


@pytest.mark.usefixtures("trio")
def test_its_filters_load_by_name() -> None:
    filters = agez.load_filters("trio")
    assert filters.names == TRIO.bands
    assert filters.source == "made up for a test"
    for curve, (centre, width) in zip(filters.curves, TRIO.nominal, strict=True):
        assert abs(pivot_wavelength(*curve) - centre) < 0.02
        assert abs(full_width_half_maximum(*curve) - width) < 0.3


def test_without_its_record_it_is_unknown() -> None:
    with pytest.raises(AgezError, match="'trio' is unknown; choose jpas, jplus, splus, alhambra, or"):
        agez.load_filters("trio")
    agez.register_survey(TRIO)
    with pytest.raises(AgezError, match="choose jpas, jplus, splus, alhambra, trio, or"):
        agez.load_filters("quartet")


@pytest.mark.usefixtures("both")
def test_names_and_aliases_are_understood() -> None:
    for spelled in ("b450", "B450", "TRIO_b450", "trio-x.b450"):
        assert canonical_band_name(spelled) == "b450"
    assert canonical_band_name("Visual") == "v550"
    assert canonical_band_name("G") == "gSDSS", "a spelling of several surveys is that of the first"
    assert [find_band("g", names) for names in (TRIO.bands, OTHER.bands, agez.load_filters("jplus").names)] == [
        "b450", "x1", "gSDSS",
    ]  # fmt: skip
    assert find_band("visual", OTHER.bands) is None


@pytest.mark.usefixtures("both")
def test_a_table_is_read() -> None:
    table = Table(
        {"flux_B450": [1.0, 2.0], "flux_visual": [3.0, np.nan], "mag_r650": [23.9, 26.4], "redshift": [0.0, 0.1]}
    )
    found = agez.read_photometry(table)
    assert found.bands == agez.load_filters("trio").bands
    np.testing.assert_allclose(found.flux, [[1.0, 3.0, 1.0], [2.0, np.nan, 0.1]])
    assert found.covered.tolist() == [[True] * 3, [True, False, True]]
    by_alias = agez.read_photometry(Table({"flux_g": [1.0], "redshift": [0.0]}), filters="other3")
    assert by_alias.bands.names == ("x1",)


@pytest.mark.usefixtures("trio")
def test_what_it_writes_names_it(tmp_path: Path) -> None:
    written = agez.read_photometry(Table({"flux_b450": [1.0], "flux_b450_err": [0.1], "redshift": [0.0]}))
    for name in ("p.fits", "p.csv"):
        agez.write_photometry(tmp_path / name, written)
        assert agez.read_photometry(tmp_path / name).bands == written.bands


@pytest.mark.usefixtures("trio")
def test_synthetic_photometry_of_a_flat_spectrum_is_flat() -> None:
    wave = np.arange(4000.0, 7500.0, 2.0)
    f_lambda = 2.99792458e18 / wave**2 * 1e-29  # 1 microjansky
    spectra = Spectra(
        wave, f_lambda[None], 0.01 * f_lambda[None], np.zeros((1, len(wave)), bool), "vacuum", Rows.numbered(1),
        np.zeros(1), np.full(len(wave), 2.0), "erg / (s cm2 Angstrom)", np.zeros(1, np.int32), {},
    )  # fmt: skip
    made = agez.synthesize(spectra, "trio")
    assert made.bands == agez.load_filters("trio").bands
    np.testing.assert_allclose(made.flux, 1.0, rtol=1e-4)


def vectors(**meta: Any) -> Table:
    table = Table({"MAG_AUTO": [[20.0, 21.0, 22.0]], "MAG_ERR_AUTO": [[0.1, 0.1, 0.1]]})
    table.meta.update(meta)
    return table


def by_partition(path: Path, filters: str | None = None) -> agez.Photometry:
    catalogue = open_catalogue(path, filters=filters)
    return partition_photometry(catalogue, catalogue.partitions[0], filters=filters)


READERS = (by_partition, lambda path, filters=None: agez.read_photometry(path, filters=filters))


@pytest.mark.parametrize("read", READERS)
def test_vectors_by_the_number_of_bands(tmp_path: Path, read: Callable[..., agez.Photometry]) -> None:
    vectors().write(tmp_path / "t.fits")
    with pytest.raises(AgezError, match=r"3 values a row, and no survey .* \(J-PAS: 56, .* J-PLUS: 12\)"):
        read(tmp_path / "t.fits")
    agez.register_survey(TRIO)
    found = read(tmp_path / "t.fits")
    assert found.bands == agez.load_filters("trio").bands
    np.testing.assert_allclose(-2.5 * np.log10(found.flux) + 23.9, [[21.0, 22.0, 20.0]])


@pytest.mark.usefixtures("both")
@pytest.mark.parametrize("read", READERS)
def test_vectors_of_two_surveys_with_as_many_bands(tmp_path: Path, read: Callable[..., agez.Photometry]) -> None:
    vectors().write(tmp_path / "t.fits")
    with pytest.raises(
        AgezError, match=r"several surveys have as many bands \(TRIO DR1: 3, OTHER: 3\); give --filters trio or other3"
    ):
        read(tmp_path / "t.fits")
    for name in ("trio", "other3"):
        assert read(tmp_path / "t.fits", filters=name).bands == agez.load_filters(name).bands
        vectors(FILTERS=name).write(tmp_path / f"said-{name}.fits")
        vectors(SURVEY=name).write(tmp_path / f"header_{name}x.fits")
        vectors().write(tmp_path / f"{name}_dr1.fits")
        for file in (f"said-{name}.fits", f"header_{name}x.fits", f"{name}_dr1.fits"):
            assert read(tmp_path / file).bands == agez.load_filters(name).bands, file


@pytest.mark.usefixtures("both")
def test_vectors_whose_names_two_surveys_share(tmp_path: Path) -> None:
    """The one that has an order is meant, as it is with J-PLUS and S-PLUS."""
    agez.register_survey(replace(OTHER, name="twin", title="TWIN", vector_orders=()))
    order = Table({"filter_id": [1, 2, 3], "name": ["x3", "x2", "x1"]})
    order.write(tmp_path / "order.csv")
    vectors(SURVEY="other3").write(tmp_path / "t.fits")
    catalogue = open_catalogue(tmp_path / "t.fits", filter_table=tmp_path / "order.csv")
    found = partition_photometry(catalogue, catalogue.partitions[0])
    assert found.bands == agez.load_filters("other3").bands
    np.testing.assert_allclose(-2.5 * np.log10(found.flux) + 23.9, [[22.0, 21.0, 20.0]])


@pytest.mark.usefixtures("trio")
def test_fluxes_of_its_tables_have_its_unit(tmp_path: Path) -> None:
    Table({"FLUX_AUTO": [[1000.0, 2000.0, 3000.0]], "FLUX_ERR_AUTO": [[10.0, 10.0, 10.0]]}).write(
        tmp_path / "TrioPhot.fits"
    )
    found = agez.read_photometry(tmp_path / "TrioPhot.fits")
    np.testing.assert_allclose(found.flux, [[2.0, 3.0, 1.0]])
    np.testing.assert_allclose(found.flux_err, 0.01)


def test_its_tables_are_read_as_its_archive_names_them(tmp_path: Path) -> None:
    facts = TableFacts(
        forms=(ColumnForm("{aperture}Mag{band}", ("{aperture}Err{band}",)),), apertures=("kron", "psf"),
        band_names={"B": "b450", "V": "v550", "R": "r650"}, photometric=("zTrio",), ids=("trioName",),
        redshift_errors={"zTrio": "zTrioSigma"},
    )  # fmt: skip
    agez.register_survey(replace(TRIO, tables=facts))
    table = Table({"trioName": ["x"], "zTrio": [0.1], "zTrioSigma": [0.02]})
    for k, band in enumerate("BVR"):
        table[f"kronMag{band}"], table[f"kronErr{band}"], table[f"psfMag{band}"] = [20.0 + k], [0.1], [25.0]
    found = agez.read_photometry(table)
    assert found.bands == agez.load_filters("trio").bands
    np.testing.assert_allclose(-2.5 * np.log10(found.flux[0]) + 23.9, [20, 21, 22])
    assert np.isfinite(found.flux_err).all()
    assert (found.redshift.tolist(), found.redshift_err.tolist()) == ([0.1], [0.02])
    assert found.rows.spec_id.tolist() == ["x"]
    np.testing.assert_allclose(agez.read_photometry(table, aperture="PSF").flux, 10 ** (0.4 * (23.9 - 25)))


@pytest.mark.usefixtures("both")
def test_its_images_are_read(tmp_path: Path) -> None:
    for band in TRIO.bands:
        header = fits.Header()
        header.update(
            CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRVAL1=150.0, CRVAL2=2.0, CRPIX1=8.5, CRPIX2=8.5,
            CDELT1=-0.55 / 3600, CDELT2=0.55 / 3600, TELESCOP="The Triplet", TRIOBAND=band, TRIOZP=21.4, TRIOSEE=1.2,
            TRIOBETA=3.0,
        )  # fmt: skip
        fits.PrimaryHDU(np.ones((16, 16), np.float32), header).writeto(tmp_path / f"{TRIO.bands.index(band)}.fits")
    images = read_images(tmp_path)
    assert images.bands == agez.load_filters("trio").bands
    np.testing.assert_allclose(images.flux, 10.0, rtol=1e-6)
    assert images.psf_fwhm_arcsec.tolist() == [1.2] * 3
    assert images.meta["psf_beta"] == dict.fromkeys(TRIO.bands, 3.0)
    assert filter_set_of([Path("ngc1_trio-x_v550.fits")], [[{}]]) == "trio"
    assert filter_set_of([Path("ngc1_v550.fits")], [[{}]]) == "trio", "only one survey has this band"


@pytest.mark.usefixtures("trio")
def test_a_model_of_it_has_a_recipe() -> None:
    made = recipe("trio")
    assert made.filters().names == ("b450", "r650")
    assert made.n_seds == recipe("jplus").n_seds, "few bands, a small network"


def test_curves_of_the_users_own(tmp_path: Path) -> None:
    for name, low in (("b450", 4400), ("v550", 5400), ("r650", 6400)):
        (tmp_path / f"{name}.dat").write_text(
            f"# counting: photon\n{low} 0\n{low + 50} 1\n{low + 150} 1\n{low + 200} 0\n"
        )
    agez.register_survey(replace(TRIO, nominal=(), curves=tmp_path))
    assert [round(pivot, -1) for pivot in agez.load_filters("trio").bands.pivot_angstrom] == [4500, 5500, 6500]
    agez.register_survey(replace(TRIO, nominal=(), curves=tmp_path, bands=("b450", "v550", "y900"), model=None))
    with pytest.raises(AgezError, match="no curve for y900 of 'trio'; found b450, v550, r650"):
        agez.load_filters("trio")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "my survey"}, "a name of letters"),
        ({"bands": ("b450", "b450", "r650")}, "different bands"),
        ({"bands": ("b450", "r650")}, "2 nominal bands, found 3"),
        ({"nominal": ((4500.0, 200.0), (5500.0, 300.0), (400.0, 6500.0))}, "FWHM < centre"),
        ({"nominal": ()}, "one of nominal, profiles and curves"),
        ({"curves": Path("curves")}, "one of nominal, profiles and curves"),
        ({"part_of": "jpas"}, "or else part_of"),
        ({"aliases": {"K": "k2200"}}, "of its own bands, found k2200"),
        ({"aliases": {"R650": "b450"}}, "R650 is two bands"),
        ({"model": ShippedModel(bands=("k2200",))}, "of its own bands, found k2200"),
        ({"vector_orders": (VectorOrder("one", ("b450",)),)}, "orders of different bands"),
        ({"tables": TableFacts(forms=(ColumnForm("mag_{band}"),), apertures=("auto",))}, "forms of columns with"),
        ({"tables": TableFacts(forms=(ColumnForm("{band}_{aperture}"),))}, "apertures, or neither"),
        ({"tables": TableFacts(band_names={"K": "k2200"})}, "of its own bands, found k2200"),
    ],
)
def test_records_that_contradict_themselves(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(AgezError, match=message):
        replace(TRIO, **wrong)


def test_names_that_are_taken() -> None:
    with pytest.raises(AgezError, match="'jpas' comes with agez"):
        agez.register_survey(replace(TRIO, name="jpas"))
    with pytest.raises(AgezError, match="'trio' is part of 'quartet'; there are jpas, "):
        agez.register_survey(replace(TRIO, nominal=(), part_of="quartet"))


def block(mark: str) -> str:
    found = re.search(rf"<!-- {mark} -->\n```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert found is not None
    return found[1]


def test_the_worked_example_of_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    exec(compile(block("record"), str(PAGE), "exec"), names)
    exec(compile(block("use"), str(PAGE), "exec"), names)
    assert capsys.readouterr().out.splitlines() == ["40 4550.0 ('NB455', 'NB845')", "paus (2, 40)"]
    bands = agez.load_filters("paus").bands
    assert np.diff(bands.pivot_angstrom).tolist() == [100.0] * 39
    assert bands.fwhm_angstrom == (130.0,) * 40
    assert filter_set_of([Path("a.fits")], [[{"INSTRUME": "PAUCam"}]]) == "paus"


def test_every_field_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [
        name for name in SurveyRecord.__dataclass_fields__ if f"`{name}`" not in text and f"{name}=" not in text
    ] == []
