"""Tables as surveys' archives name their columns: whose photometry it is, which aperture, which redshifts and names.

The tables are made up; only the names of their columns are those of the archives.
"""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

import agez
from agez.apply.corrections import Corrections
from agez.catalogues.open_catalogue import open_catalogue
from agez.engine.answer import make_job, read
from agez.errors import AgezError, AgezWarning, UnclearFiltersError
from agez.photometry.survey_columns import survey_photometry
from agez.photometry.tables import table_to_photometry
from agez.surveys.javalambre import NARROW, TWELVE

SPLUS = ("u", "J0378", "J0395", "J0410", "J0430", "g", "J0515", "r", "J0660", "i", "J0861", "z")
SPLUS_DR1 = ("uJAVA", "F378", "F395", "F410", "F430", "g", "F515", "r", "F660", "i", "F861", "z")
SPLUS_F = ("U", *SPLUS_DR1[1:5], "G", "F515", "R", "F660", "I", "F861", "Z")
JPAS = ("uJAVA", *NARROW, "J1007", "iSDSS")
BANDS = {name: agez.load_filters(name).bands for name in ("splus", "jplus", "jpas")}
ORDER = {"splus": BANDS["splus"].names, "jplus": TWELVE, "jpas": JPAS}
#: Survey, names of its bands, and how the archive names values and errors; what else the table has.
VARIANTS = {
    "S-PLUS DR4 (splus.cloud)": ("splus", SPLUS, "{}_auto", "e_{}_auto", ["ID", "RA", "DEC", "s2n_r_auto"]),
    "S-PLUS DR4 in TAP's lower case": ("splus", [one.lower() for one in SPLUS], "{}_auto", "e_{}_auto", ["id"]),
    "S-PLUS point sources": ("splus", SPLUS, "{}_PStotal", "e_{}_PStotal", ["ID"]),
    "S-PLUS point sources in lower case": ("splus", [one.lower() for one in SPLUS], "{}_pstotal", "e_{}_pstotal", []),
    "S-PLUS 3 arcsec": ("splus", SPLUS, "{}_aper_3", "e_{}_aper_3", ["ID"]),
    "S-PLUS 6 arcsec": ("splus", SPLUS, "{}_aper_6", "e_{}_aper_6", ["ID"]),
    "S-PLUS Petrosian": ("splus", SPLUS, "{}_petro", "e_{}_petro", ["ID"]),
    "S-PLUS isophotal": ("splus", SPLUS, "{}_iso", "e_{}_iso", ["ID"]),
    "S-PLUS crossmatched by LSDB": ("splus", SPLUS, "{}_auto_dual", "e_{}_auto_dual", ["ID_dual", "_dist_arcsec"]),
    "S-PLUS single mode": ("splus", SPLUS, "{}_auto_single", "e_{}_auto_single", ["ID_single"]),
    "S-PLUS joined, with tables' names": ("splus", SPLUS, "dual.{}_auto", "dual.e_{}_auto", ["dual.ID"]),
    "S-PLUS DR1 (NOIRLab)": ("splus", SPLUS_DR1, "{}_auto", "e{}_auto", ["ID", "s2n_F378_auto"]),
    "S-PLUS iDR3": ("splus", SPLUS_F, "{}_auto", "e_{}_auto", ["ID", "PhotoFlagDet"]),
    "S-PLUS in capitals": ("splus", SPLUS_F, "{}_PETRO", "E_{}_PETRO", ["FIELD"]),
    "J-PLUS, a column an element": ("jplus", TWELVE, "MAG_AUTO_{}", "MAG_ERR_AUTO_{}", ["TILE_ID", "NUMBER"]),
    "J-PLUS in TAP's lower case": ("jplus", TWELVE, "mag_auto_{}", "mag_err_auto_{}", ["tile_id", "number"]),
    "J-PLUS by SExtractor's names": ("jplus", TWELVE, "MAG_AUTO_{}", "MAGERR_AUTO_{}", ["NUMBER"]),
    "J-PLUS, corrected apertures": ("jplus", TWELVE, "MAG_APER_COR_3_0_{}", "MAG_ERR_APER_3_0_{}", ["NUMBER"]),
    "J-PLUS by band first": ("jplus", TWELVE, "{}_auto", "e_{}_auto", ["NUMBER"]),
    "J-PLUS with a table's name": ("jplus", TWELVE, "MagABDualObj.MAG_PSFCOR_{}", "MagABDualObj.MAG_ERR_PSFCOR_{}", []),
    "J-PAS, a column an element": ("jpas", JPAS, "MAG_AUTO_{}", "MAG_ERR_AUTO_{}", ["TILE_ID", "NUMBER"]),
    "J-PAS, magnitudes without the word": ("jpas", JPAS, "APER_COR_3_0_{}", "ERR_APER_COR_3_0_{}", ["MAG_G", "MAG_W1"]),
    "miniJPAS": ("jpas", JPAS, "MAG_PETRO_{}", "MAGERR_PETRO_{}", ["TILE_ID", "NUMBER"]),
}  # fmt: skip


def made_up(survey: str, names: object, value: str, error: str, more: object = (), n: int = 4) -> Table:
    """Magnitudes of 17 to 19, other ones in each band, with their errors."""
    table = Table({name: np.arange(n) + 100 for name in more})  # type: ignore[attr-defined]
    for k, name in enumerate(names):  # type: ignore[arg-type]
        table[value.format(name)] = 17 + 0.03 * k + 0.1 * np.arange(n)
        table[error.format(name)] = np.full(n, 0.02 + 0.001 * k)
    return table


def expected(found: agez.Photometry, survey: str) -> list[float]:
    """Fluxes [microjansky] of the first row, in the order of the bands that were found."""
    magnitudes = {name: 17 + 0.03 * k for k, name in enumerate(ORDER[survey])}
    return [10 ** (0.4 * (23.9 - magnitudes[name])) for name in found.bands.names]


def by_catalogue(path: Path, model: str, **options: object) -> agez.Photometry:
    """What ``agez predict`` answers, and its remarks."""
    catalogue = open_catalogue(path)
    job = make_job(catalogue, model, **options)
    photometry, _ = read(job, catalogue.partitions[0])
    photometry.meta["remarks"] = list(job.remarks)
    return photometry


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kind", ["csv", "fits"])
def test_columns_of_the_archives(tmp_path: Path, variant: str, kind: str) -> None:
    survey, names, value, error, more = VARIANTS[variant]
    path = tmp_path / f"table.{kind}"
    made_up(survey, names, value, error, more).write(path)
    whole = agez.read_photometry(path, model=BANDS[survey])
    parts = by_catalogue(path, survey)
    for found in (whole, parts):
        assert found.bands.filter_set == survey
        assert len(found.bands) >= (56 if survey == "jpas" else 12)
        np.testing.assert_allclose(found.flux[0], expected(found, survey), rtol=1e-5)
        order = [ORDER[survey].index(name) for name in found.bands.names]
        np.testing.assert_allclose(
            found.flux_err[0] / found.flux[0], 0.4 * np.log(10) * (0.02 + 0.001 * np.array(order)), rtol=1e-4
        )
        assert sum(line.startswith("photometry: columns of") for line in found.meta["remarks"]) == 1
    np.testing.assert_array_equal(whole.rows.spec_id, parts.rows.spec_id)


@pytest.mark.parametrize("kind", ["csv", "fits", "parquet", "ecsv", "vot"])
def test_every_format_has_the_same_columns(tmp_path: Path, kind: str) -> None:
    table = made_up(*VARIANTS["S-PLUS crossmatched by LSDB"])
    table["zb_"], table["zb_Min_"], table["zb_Max_"], table["ID_"] = 0.05, 0.04, 0.07, ["a", "b", "c", "d"]
    path = tmp_path / f"t.{kind}"
    table.write(path, **({"format": "votable"} if kind == "vot" else {}))
    for found in (agez.read_photometry(path, model=BANDS["splus"]), by_catalogue(path, "splus")):
        assert len(found.bands) == 12
        np.testing.assert_allclose(found.redshift, 0.05)
        np.testing.assert_allclose(found.redshift_err, 0.015)
        assert found.rows.spec_id.tolist() == ["a", "b", "c", "d"]


def test_99_is_not_detected_and_errors_of_nothing_are_said() -> None:
    table = made_up("splus", SPLUS, "{}_auto", "e_{}_auto")
    table["J0378_auto"][0] = table["e_J0378_auto"][0] = 99.0
    table.remove_column("e_z_auto")
    found = table_to_photometry(table)
    assert not found.covered[0, 1]
    assert found.covered[1:].all()
    assert np.isnan(found.flux_err[:, -1]).all()
    assert "z_auto: no column of errors" in found.meta["remarks"]


def test_which_survey_is_meant() -> None:
    def survey(names: list[str], **options: object) -> str:
        found = survey_photometry(names, **options)  # type: ignore[arg-type]
        assert found is not None
        return found.survey.name

    shared = ["J0378_auto", "J0410_auto", "J0430_auto", "J0660_auto"]
    assert survey([*shared, "g_auto", "r_auto"]) == "splus"
    assert survey([*shared, "gSDSS_auto", "rSDSS_auto"]) == "jplus"
    for name in ("splus", "jplus"):
        assert survey(shared, model=BANDS[name]) == name
        assert survey(shared, filters=name) == name
        assert survey(shared, meta={"FILTERS": name}) == name
        assert survey(shared, source=f"folder/{name}_dr4.csv") == name
    with pytest.raises(UnclearFiltersError, match=r"tables of jplus, splus.*add --model jplus --filters jplus"):
        survey(shared, source="t.csv")
    with pytest.warns(AgezWarning, match="taken as jplus"):
        assert table_to_photometry(Table({name: [18.0] for name in shared})).bands.filter_set == "jplus"
    assert survey_photometry(["s2n_r_auto", "r_auto_mask", "auto", "r", "FLUX_RADIUS_50", "zb_Min_"]) is None


def test_a_survey_other_than_the_models_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    made_up(*VARIANTS["S-PLUS DR4 (splus.cloud)"]).write(path)
    with pytest.raises(AgezError, match=r"t\.csv: its bands are those of 'splus', not those of the model \(--model of"):
        make_job(open_catalogue(path), "jplus")
    job = make_job(open_catalogue(path), "jplus", filters="jplus")  # the user knows better
    assert read(job, open_catalogue(path).partitions[0])[0].bands == BANDS["jplus"]


@pytest.mark.parametrize("name", ["splus", "jplus"])
def test_the_model_settles_whose_bands_agezs_columns_are(name: str) -> None:
    for bands in (["uJAVA"], ["uJAVA", "J0378", "g"], list(TWELVE)):
        table = Table({f"mag_{band}": [18.0] for band in bands})
        assert table_to_photometry(table, model=BANDS[name]).bands.filter_set == name


def test_the_recommended_aperture_and_others(tmp_path: Path) -> None:
    table = Table()
    for k, way in enumerate(("PStotal", "aper_3", "aper_6", "iso", "petro", "auto")):
        for band in SPLUS:
            table[f"{band}_{way}"], table[f"e_{band}_{way}"] = [17.0 + k], [0.01]
    path = tmp_path / "t.fits"
    table.write(path)
    found = table_to_photometry(table)
    np.testing.assert_allclose(found.flux, 10 ** (0.4 * (23.9 - 22)))
    (said,) = [line for line in found.meta["remarks"] if line.startswith("photometry")]
    assert "auto (" in said
    assert "also there: petro, iso, aper_6, aper_3, PStotal (--aperture)" in said
    for k, way in enumerate(("pstotal", "APER_3", "aper_6")):
        np.testing.assert_allclose(table_to_photometry(table, aperture=way).flux, 10 ** (0.4 * (23.9 - 17 - k)))
        catalogue = open_catalogue(path, photometry=way)
        job = make_job(catalogue, "splus")
        np.testing.assert_allclose(read(job, catalogue.partitions[0])[0].flux, 10 ** (0.4 * (23.9 - 17 - k)))
    there = "--aperture is 'kron', which is not there; there are auto, petro, iso, aper_6, aper_3, PStotal"
    with pytest.raises(AgezError, match=there):
        table_to_photometry(table, aperture="kron")
    with pytest.raises(AgezError, match=there):
        make_job(open_catalogue(path, photometry="kron"), "splus")
    with pytest.raises(AgezError, match="--aperture is 'auto', but no columns are named as a survey's apertures"):
        table_to_photometry(Table({"mag_g": [18.0]}), filters="splus", aperture="auto")


def test_dual_mode_before_single_and_half_an_aperture_counts_less() -> None:
    table = Table()
    for band in SPLUS:
        for way, magnitude in (("auto_single", 15.0), ("auto_dual", 16.0)):
            table[f"{band}_{way}"] = [magnitude]
    assert np.allclose(table_to_photometry(table).flux, 10 ** (0.4 * 7.9))
    assert np.allclose(table_to_photometry(table, aperture="auto_single").flux, 10 ** (0.4 * 8.9))
    few = Table({"r_auto": [15.0], **{f"{band}_petro": [16.0] for band in SPLUS}})
    found = table_to_photometry(few)
    assert len(found.bands) == 12
    assert np.allclose(found.flux, 10 ** (0.4 * 7.9))


def test_agezs_own_columns_stay_as_they_are() -> None:
    own = {f"mag_{band}": [20.0] for band in TWELVE}
    found = table_to_photometry(Table({**own, "r_auto": [15.0], "zspec": [0.1], "ID": [1]}), filters="splus")
    assert np.allclose(found.flux, 10 ** (0.4 * 3.9))
    assert np.isnan(found.redshift).all()  # no survey's table: redshifts are asked for
    # magnitudes of another survey beside those of all bands
    joined = made_up("splus", SPLUS, "{}_auto", "e_{}_auto")
    joined["FLUX_G"], joined["FLUX_R"] = 1.0, 1.0
    found = table_to_photometry(joined)
    assert len(found.bands) == 12
    assert "FLUX_G, FLUX_R: left out, since S-PLUS's own columns are of more bands" in found.meta["remarks"]


def remarks_of(found: agez.Photometry, word: str) -> list[str]:
    return [line for line in found.meta["remarks"] if line.startswith(word)]


@pytest.mark.parametrize(
    ("columns", "redshift", "error", "said"),
    [
        ({"zb_": 0.1, "zb_Min_": 0.08, "zb_Max_": 0.12}, 0.1, 0.02, "zb_, photometric, errors zb_Min_,zb_Max_"),
        ({"zb": 0.1, "zb_Min": 0.08, "zb_Max": 0.12, "zml": 0.3, "odds": 0.9}, 0.1, 0.02, "zb, .*also there: zml"),
        ({"zb_dual": 0.1, "zb_Min_dual": 0.08, "zb_Max_dual": 0.12}, 0.1, 0.02, "zb_dual, .*zb_Min_dual,zb_Max_dual"),
        ({"zml": 0.3, "odds": 0.9}, 0.3, np.nan, "zml, photometric"),
        ({"zml_": 0.3}, 0.3, np.nan, "zml_"),
        ({"zphot": 0.3, "e_zphot": 0.01}, 0.3, 0.01, "zphot, photometric, errors e_zphot"),
        ({"z_phot": 0.3, "z_phot_err": 0.01}, 0.3, 0.01, "z_phot"),
        ({"PHOTOZ": 0.3, "PHOTOZ_ERR": 0.01, "Z_ML": 0.2}, 0.3, 0.01, "PHOTOZ, "),
        ({"zspec": 0.2, "zb": 0.1}, 0.2, np.nan, r"zspec, spectroscopic.*--redshift zb\)"),
        ({"z_spec": 0.2}, 0.2, np.nan, "z_spec"), ({"specz": 0.2}, 0.2, np.nan, "specz"),
        ({"redshift": 0.4, "zspec": 0.2}, 0.4, np.nan, None),
    ],
)  # fmt: skip
def test_redshifts_by_the_names_of_surveys(
    tmp_path: Path, columns: dict[str, float], redshift: float, error: float, said: str | None
) -> None:
    survey = "jplus" if "PHOTOZ" in columns else "splus"
    variant = "J-PLUS, a column an element" if survey == "jplus" else "S-PLUS DR4 (splus.cloud)"
    table = made_up(*VARIANTS[variant])
    for name, value in columns.items():
        table[name] = np.full(len(table), value)
    path = tmp_path / "t.parquet"
    table.write(path)
    for found in (table_to_photometry(table, model=BANDS[survey]), by_catalogue(path, survey)):
        np.testing.assert_allclose(found.redshift, redshift)
        np.testing.assert_allclose(found.redshift_err, error)
        lines = remarks_of(found, "redshift: column")
        assert len(lines) == (said is not None)
        if said is not None:
            assert re.search(f"redshift: column {said}", lines[0])


def test_options_come_before_what_would_be_taken() -> None:
    table = made_up(*VARIANTS["S-PLUS DR4 (splus.cloud)"])
    table["zspec"], table["zb"], table["name"] = 0.2, 0.1, ["a", "b", "c", "d"]
    found = table_to_photometry(table, redshift="zb", redshift_err=0.03, id="name")
    assert found.redshift.tolist() == [0.1] * 4
    assert found.redshift_err.tolist() == [0.03] * 4
    assert found.rows.spec_id.tolist() == ["a", "b", "c", "d"]
    assert (table_to_photometry(table, redshift=0.0).redshift == 0).all()
    assert table_to_photometry(table, redshift_err=0.01).redshift_err.tolist() == [0.01] * 4


def test_few_spectroscopic_redshifts_are_passed_over(tmp_path: Path) -> None:
    table = made_up(*VARIANTS["S-PLUS DR4 (splus.cloud)"])
    table["zspec"], table["zml"] = [0.2, np.nan, -99.0, 0.0], 0.1
    table.write(tmp_path / "t.fits")
    for found in (table_to_photometry(table), by_catalogue(tmp_path / "t.fits", "splus")):
        assert found.redshift.tolist() == [0.1] * 4
        assert remarks_of(found, "zspec has values in few of the first rows: --redshift zspec takes it")


@pytest.mark.parametrize("suffix", ["", "_", "_photoz"])
def test_distributions_of_splus_come_before_photometric_numbers(suffix: str) -> None:
    table = made_up(*VARIANTS["S-PLUS DR4 (splus.cloud)"])
    table[f"PDF_Weights{suffix}"] = [[0.5, 0.5]] * 4
    table[f"PDF_Means{suffix}"], table[f"PDF_STDs{suffix}"] = [[0.1, 0.3]] * 4, [[0.01, 0.02]] * 4
    table["zml"] = 0.1
    found = table_to_photometry(table)
    assert found.redshift_mixture is not None
    np.testing.assert_allclose(found.redshift, 0.2)
    table["zspec"] = 0.15
    found = table_to_photometry(table)
    assert found.redshift_mixture is None
    assert found.redshift.tolist() == [0.15] * 4
    assert any(f"--redshift PDF_Weights{suffix} takes them" in line for line in found.meta["remarks"])


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (["ID"], "7"), (["ID_"], "7"), (["ID_dual"], "7"), (["TILE_ID", "NUMBER"], "7-8"), (["NUMBER"], "7"),
        (["id", "ID_dual"], "7"), (["ID_", "ID_dual"], "7"), ([], "0"),
    ],
)  # fmt: skip
def test_identifiers_by_the_names_of_surveys(tmp_path: Path, columns: list[str], expected: str) -> None:
    survey = "jplus" if "TILE_ID" in columns else "splus"
    variant = "J-PLUS, a column an element" if survey == "jplus" else "S-PLUS DR4 (splus.cloud)"
    table = made_up(*VARIANTS[variant][:4], n=1)
    for k, name in enumerate(columns):
        table[name] = [7 + k]
    table.write(tmp_path / "t.csv")
    for found in (table_to_photometry(table, model=BANDS[survey]), by_catalogue(tmp_path / "t.csv", survey)):
        assert found.rows.spec_id.tolist() == [expected]
        assert len(remarks_of(found, "id: column")) == (bool(columns) and "id" not in columns)
    if expected == "7-8":
        assert table_to_photometry(table, model=BANDS[survey], id="number,tile_id").rows.spec_id.tolist() == ["8-7"]
        with pytest.raises(AgezError, match="--id is 'none', which is no column"):
            table_to_photometry(table, model=BANDS[survey], id="NUMBER,none")


@pytest.mark.parametrize("name", ["EBV", "E_BV", "ebv", "EBV_SFD", "ebv_sch"])
def test_the_milky_ways_dust_by_the_names_of_surveys(tmp_path: Path, name: str) -> None:
    table = made_up(*VARIANTS["S-PLUS DR4 (splus.cloud)"])
    table[name] = 0.05
    table.write(tmp_path / "t.fits")
    job = make_job(open_catalogue(tmp_path / "t.fits"), "splus")
    assert job.corrections.ebv == name
    assert any(line.startswith(f"E(B-V): column {name}; ") for line in job.remarks)
    said = table_to_photometry(table).meta["remarks"]
    assert f"E(B-V): column {name} is not used; fluxes are as in the table" in said
    for ebv in (0.0, 0.1, name):
        asked = make_job(open_catalogue(tmp_path / "t.fits"), "splus", corrections=Corrections(ebv=ebv))
        assert asked.corrections.ebv == ebv
        assert not any(line.startswith("E(B-V)") for line in asked.remarks)


def test_vectors_of_cefca_have_their_redshifts_and_names_too(tmp_path: Path) -> None:
    table = Table({"MAG_AUTO": np.full((2, 12), 18.0), "MAG_ERR_AUTO": np.full((2, 12), 0.1)})
    table["PHOTOZ"], table["PHOTOZ_ERR"], table["TILE_ID"], table["NUMBER"] = 0.1, 0.01, 5, [1, 2]
    table.write(tmp_path / "t.fits")
    for found in (table_to_photometry(table), by_catalogue(tmp_path / "t.fits", "jplus")):
        assert found.redshift.tolist() == [0.1] * 2
        assert found.redshift_err.tolist() == [0.01] * 2
        assert found.rows.spec_id.tolist() == ["5-1", "5-2"]


def test_relative_errors_and_units_of_fluxes() -> None:
    table = made_up("jplus", TWELVE, "FLUX_AUTO_{}", "FLUX_RELERR_AUTO_{}")
    for name in TWELVE:
        table[f"FLUX_AUTO_{name}"] = 100.0
        table[f"FLUX_RELERR_AUTO_{name}"] = 0.02
    with pytest.raises(AgezError, match=r"FLUX_AUTO_uJAVA says no unit.* --unit '1e-19 erg .*--unit '1e-30 erg"):
        table_to_photometry(table, model=BANDS["jplus"])
    found = table_to_photometry(table, model=BANDS["jplus"], unit="uJy")
    np.testing.assert_allclose(found.flux, 100.0)
    np.testing.assert_allclose(found.flux_err, 2.0)
    for name in TWELVE:
        table[f"FLUX_AUTO_{name}"].unit = "1e-30 erg / (s cm2 Hz)"
    found = table_to_photometry(table, model=BANDS["jplus"])
    np.testing.assert_allclose(found.flux, 10.0)
    np.testing.assert_allclose(found.flux_err, 0.2)
    with pytest.raises(AgezError, match="--unit is 'uJy', but no column of photometry is without a unit"):
        table_to_photometry(table, model=BANDS["jplus"], unit="uJy")


@pytest.mark.parametrize("read_it", ["whole", "catalogue"])
def test_names_that_do_not_tell_magnitudes_from_fluxes(tmp_path: Path, read_it: str) -> None:
    """J-PAS' flat tables: AUTO_iSDSS, fluxes in 1e-19 erg / (s cm2 Angstrom)."""

    def found(table: Table, **options: str) -> agez.Photometry:
        if read_it == "whole":
            return table_to_photometry(table, model=BANDS["jpas"], **options)
        table.write(tmp_path / "t.csv", overwrite=True)
        catalogue = open_catalogue(tmp_path / "t.csv", **options)
        return read(make_job(catalogue, "jpas"), catalogue.partitions[0])[0]

    table = made_up("jpas", JPAS, "AUTO_{}", "AUTO_ERR_{}", n=20)
    np.testing.assert_allclose(found(table).flux[0], expected(found(table), "jpas"), rtol=1e-5)
    flux = Table({name: np.full(20, 300.0 if "ERR" not in name else 5.0) for name in table.colnames})
    pivot = np.array(BANDS["jpas"].select(list(found(flux).bands.names)).pivot_angstrom)
    np.testing.assert_allclose(found(flux).flux[0], 3e-17 * pivot**2 / 2.99792458e18 * 1e29, rtol=1e-4)
    faint = Table({name: np.full(20, 20.0 if "ERR" not in name else 4.0) for name in table.colnames})
    with pytest.raises(
        AgezError, match=r"AUTO_uJAVA says no unit, and its numbers do not tell.*--unit mag, or --unit '1e"
    ):
        found(faint)
    np.testing.assert_allclose(found(faint, unit="mag").flux, 10 ** (0.4 * 3.9))


@pytest.mark.parametrize(
    ("factor", "unit"),
    [
        (1e-6, "Jy"), (1e-29, "erg / (s cm2 Hz)"), (1e-29 / 3.631e-20, "maggy"), (6e-17 / 50, "erg / (s cm2 Angstrom)"),
    ],
)  # fmt: skip
def test_units_that_are_far_off_are_refused(tmp_path: Path, factor: float, unit: str) -> None:
    table = Table({f"flux_{name}": [50.0 * factor] * 3 for name in TWELVE})
    table.write(tmp_path / "t.csv")
    message = (
        r"flux_uJAVA, \.\.\., without a unit, taken in microjansky, have a median magnitude of .* AB; expected 5 to 30"
    )
    read_it: list[Callable[..., object]] = [
        lambda **options: agez.read_photometry(tmp_path / "t.csv", model=BANDS["splus"], **options),
        lambda **options: make_job(open_catalogue(tmp_path / "t.csv", **options), "splus"),
    ]
    for one in read_it:
        with pytest.raises(AgezError, match=message) as error:
            one()
        assert f"--unit '{unit}'" in str(error.value)
        one(unit=unit)
    found = agez.read_photometry(tmp_path / "t.csv", model=BANDS["splus"], unit=unit)
    assert 5 < found.flux[0, 0] < 500


def test_fluxes_in_columns_of_magnitudes_are_refused() -> None:
    table = made_up("splus", SPLUS, "{}_auto", "e_{}_auto")
    for name in SPLUS:
        table[f"{name}_auto"] = 3e-16
    with pytest.raises(AgezError, match=r"columns u_auto, .* have a median magnitude of 0\.0 AB; expected 5 to 30"):
        table_to_photometry(table)


def test_what_looks_like_photometry_is_named_with_a_command(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    Table({"gmag": [18.0], "e_gmag": [0.1], "J0378mag": [19.0], "psfMag_r": [17.0], "z": [0.1], "r50": [3.0]}).write(
        path
    )
    with pytest.raises(
        AgezError, match="these look like photometry: gmag, e_gmag, J0378mag, psfMag_r; if they are"
    ) as error:
        open_catalogue(path)
    code = str(error.value).split('python -c "')[1].split('" and give')[0]
    written = tmp_path / "renamed-t.fits"
    exec(code.replace("'renamed-t.fits'", repr(str(written))), {})
    found = agez.read_photometry(written, filters="splus")
    assert found.bands.names == ("J0378", "gSDSS", "rSDSS")
    assert np.isfinite(found.flux_err[0, 1])
