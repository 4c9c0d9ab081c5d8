"""Tables of photometry: round trips, survey codes, units, names, and bad input."""

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.table import MaskedColumn, Table
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import agez
from agez.errors import AgezError, AgezWarning
from agez.flags import Flag, has_flag
from agez.photometry.tables import photometry_to_table, read_photometry, table_to_photometry, write_photometry
from agez.tables.table_columns import is_code, is_nines
from agez.types import Photometry, Rows

BANDS = agez.load_filters("jpas").bands.select(["uJAVA", "J0400", "J0500"])


def example(flux: object, err: object, **changes: object) -> Photometry:
    values = np.atleast_2d(np.asarray(flux, dtype=float))
    n = len(values)
    ids = np.array([f"s{i:03d}" for i in range(n)])
    rows = Rows(ids, np.full(n, "NGC 1"), np.arange(n) * 1.0, -np.arange(n) * 1.0)
    parts = {
        "bands": BANDS, "flux": values, "flux_err": np.atleast_2d(np.asarray(err, dtype=float)),
        "covered": np.isfinite(values), "rows": rows, "redshift": np.full(n, 0.01),
        "flags": np.zeros(n, dtype=np.int32),
    }  # fmt: skip
    return Photometry(**{**parts, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["fits", "fits.gz", "ecsv", "csv", "parquet"])
@pytest.mark.parametrize("magnitudes", [False, True])
def test_round_trip(tmp_path: Path, kind: str, magnitudes: bool) -> None:
    flux = [[1.5, 20.0, 300.0], [np.nan, 25.0, 310.0]]
    err = [[0.1, 0.2, 3.0], [np.nan, 0.3, np.nan]]
    phot = example(flux, err, flags=np.array([0, int(Flag.BAND_NOT_COVERED)], dtype=np.int32))
    path = tmp_path / f"phot.{kind}"
    write_photometry(path, phot, magnitudes=magnitudes)
    back = read_photometry(path)
    assert back.bands == phot.bands
    assert np.allclose(back.flux, phot.flux, rtol=1e-12, equal_nan=True)
    assert np.allclose(back.flux_err, phot.flux_err, rtol=1e-12, equal_nan=True)
    assert np.array_equal(back.covered, phot.covered)
    assert back.rows.spec_id.tolist() == ["s000", "s001"]
    assert back.rows.galaxy_id.tolist() == ["NGC 1", "NGC 1"]
    assert np.array_equal(back.rows.x, phot.rows.x)
    assert np.array_equal(back.redshift, phot.redshift)
    assert np.array_equal(back.flags, phot.flags)
    assert back.meta["redshift_known"]
    assert list(tmp_path.iterdir()) == [path]


def _is_code(value: float) -> bool:
    return value < 0 and bool(is_code(np.array(value)) | is_nines(np.array(value)))


fluxes = hnp.arrays(float, (4, 3), elements=st.floats(-1e6, 1e6).filter(lambda x: not _is_code(x)))


@given(fluxes, hnp.arrays(float, (4, 3), elements=st.floats(1e-6, 1e6)))
def test_any_flux_survives(flux: np.ndarray, err: np.ndarray) -> None:
    assume(not np.any((flux == err) & is_nines(flux)))  # nines in both columns are a placeholder
    back = table_to_photometry(photometry_to_table(example(flux, err)))
    assert np.array_equal(back.flux, flux)
    assert np.array_equal(back.flux_err, err)
    assert (back.flags == 0).all()


def test_bands_in_another_order_and_the_papers_names() -> None:
    table = Table({"JUNK": [1], "flux_JPAS5000_145": [5.0], "flux_j0400": [4.0], "flux_J0348": [3.0]})
    phot = table_to_photometry(table)
    assert phot.bands == BANDS
    assert phot.flux.tolist() == [[3.0, 4.0, 5.0]]
    assert np.isnan(phot.flux_err).all()
    assert phot.flags.tolist() == [int(Flag.REDSHIFT_UNKNOWN)]
    assert np.isnan(phot.redshift).all()
    assert not phot.meta["redshift_known"]
    assert table_to_photometry(table, redshift=0.3).redshift.tolist() == [0.3]
    assert table_to_photometry(table, redshift=0.0).flags.tolist() == [0]


def test_units() -> None:
    table = Table({"flux_J0400": [4.0] * u.nJy, "flux_J0400_err": [1.0] * u.microjansky})
    table["flux_J0500"] = [1e-29] * u.erg / u.s / u.cm**2 / u.Hz
    phot = table_to_photometry(table)
    assert np.allclose(phot.flux, [[0.004, 1.0]])
    assert np.allclose(phot.flux_err[0, 0], 1.0)


def test_error_without_a_unit_has_that_of_its_flux() -> None:
    phot = table_to_photometry(Table({"flux_J0400": [4.0] * u.nJy, "flux_J0400_err": [1.0]}))
    assert np.allclose(phot.flux_err, 0.001)


def test_codes_in_fluxes() -> None:
    table = Table(
        {"flux_J0400": [-99.0, -999.0, 99.0, 99.0, np.nan, 5.0], "flux_J0400_err": [1.0, -999.0, 99.0, 2.0, 1.0, -99.0]}
    )
    phot = table_to_photometry(table)
    assert phot.covered[:, 0].tolist() == [False, False, False, True, False, True]
    assert np.isnan(phot.flux_err[5, 0])  # a code as the error: unknown
    assert has_flag(phot.flags, Flag.NO_DATA).tolist() == [True, True, True, False, True, False]
    assert not has_flag(phot.flags, Flag.BAD_ERROR).any()


def test_codes_and_limits_in_magnitudes() -> None:
    table = Table(
        {"mag_J0400": [20.0, 99.0, 99.0, -99.0, -999.0, np.nan], "mag_J0400_err": [0.1, 23.9, 99.0, -99.0, 0.1, 0.1]}
    )
    phot = table_to_photometry(table)
    assert phot.covered[:, 0].tolist() == [True, True, False, False, False, False]
    assert np.isclose(phot.flux[0, 0], 10 ** (0.4 * 3.9))
    assert phot.flux[1, 0] == 0.0  # not detected, with a limit of 23.9, which is 1 microjansky
    assert np.isclose(phot.flux_err[1, 0], 1.0)


def test_a_flux_below_zero_becomes_a_limit_in_magnitudes() -> None:
    table = photometry_to_table(example([[-1.0, 2.0, 3.0]], [[1.0, 1.0, 1.0]]), magnitudes=True)
    assert table["mag_uJAVA"][0] == 99.0
    assert np.isclose(table["mag_uJAVA_err"][0], 23.9)


def test_masked_and_bad_errors_and_infinities() -> None:
    table = Table({"flux_J0400": MaskedColumn([1.0, 2.0, 3.0, 4.0, np.inf], mask=[1, 0, 0, 0, 0])})
    table["flux_J0400_err"] = [1.0, -1.0, 0.0, np.inf, 1.0]
    table["flux_J0500"] = 1.0
    phot = table_to_photometry(table)
    assert not phot.covered[:, 0].any()
    assert phot.covered[:, 1].all()
    assert has_flag(phot.flags, Flag.BAD_ERROR).tolist() == [False, True, True, True, False]
    assert has_flag(phot.flags, Flag.NON_FINITE).tolist() == [False] * 4 + [True]


def test_chunks_are_the_table() -> None:
    table = photometry_to_table(example(np.arange(12.0).reshape(4, 3), np.ones((4, 3))))
    whole = table_to_photometry(table)
    parts = Photometry.concatenate([table_to_photometry(table[:1]), table_to_photometry(table[1:])])
    assert np.array_equal(parts.flux, whole.flux)
    assert parts.rows.spec_id.tolist() == whole.rows.spec_id.tolist()


def test_identifiers_stay_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,flux_J0400\n007,1.0\n,2.0\n")
    assert read_photometry(tmp_path / "a.csv").rows.spec_id.tolist() == ["007", ""]


def test_other_sets() -> None:
    table = Table({"mag_uJAVA": [20.0], "mag_J0395": [20.0], "mag_zSDSS": [20.0]})
    with pytest.warns(AgezWarning, match="jplus, splus, and the file does not say which it is.*taken as jplus"):
        assert table_to_photometry(table).bands.filter_set == "jplus"
    with pytest.raises(AgezError, match="give --filters, one of them"):
        table_to_photometry(table, ask=True)
    assert table_to_photometry(table, model=agez.load_filters("splus").bands).bands.filter_set == "splus"
    assert table_to_photometry(table, filters="splus").bands.filter_set == "splus"
    assert table_to_photometry(Table({"flux_F458W": [1.0]})).bands.names == ("A457M",)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (Table({"flux_J0400": [], "id": []}), "the table is empty"),
        (Table({"id": ["a"], "J0400": [1.0]}), "no column flux_<band> or mag_<band>; its columns are id, J0400"),
        (Table({"flux_J0401": [1.0], "FLUX_RADIUS": [1.0]}), "no column flux_<band> .* did you mean flux_J0400"),
        (Table({"flux_J0400": [1.0], "mag_J0400": [1.0]}), "columns flux_J0400 and mag_J0400 are both of band J0400"),
        (Table({"flux_J0400": ["x"]}), "column flux_J0400, row 1 is 'x'; expected a number"),
        (Table({"flux_J0400": [1.0] * u.m}), "column flux_J0400 is in m, which is no flux density"),
        (Table({"flux_J0400": [[1.0, 2.0]]}), "holds .* values a row"),
    ],
)
def test_bad_tables(table: Table, message: str) -> None:
    with pytest.raises(AgezError, match=message) as caught:
        table_to_photometry(table, source="in.fits")
    assert str(caught.value).startswith("in.fits: ")


def test_redshift_twice() -> None:
    with pytest.raises(AgezError, match="has a column redshift; drop the option"):
        table_to_photometry(Table({"flux_J0400": [1.0], "redshift": [0.1]}), redshift=0.2)
    with pytest.raises(AgezError, match="redshift is -3"):
        table_to_photometry(Table({"flux_J0400": [1.0]}), redshift=-3.0)


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(AgezError, match="no such file"):
        read_photometry(tmp_path / "none.fits")
    for name in ("empty.fits", "a.csv", "b.parquet"):
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(AgezError, match="is empty"):
            read_photometry(tmp_path / name)
    for name in ("a.fits", "a.ecsv", "a.parquet"):
        (tmp_path / name).write_bytes(b"this is not a table\n\x00\x01")
        with pytest.raises(AgezError, match="cannot be read as a") as caught:
            read_photometry(tmp_path / name)
        assert "\n" not in str(caught.value)
    (tmp_path / "a.xyz").write_text("1")
    with pytest.raises(AgezError, match=r"unknown kind of table '\.xyz'; use one of \.fits"):
        read_photometry(tmp_path / "a.xyz")


def test_truncated_fits(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    write_photometry(path, example(np.ones((500, 3)), np.ones((500, 3))))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(AgezError, match="cannot be read as a fits table"):
        read_photometry(path)


def test_output_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(AgezError, match="cannot be written"):
        write_photometry(tmp_path / "file" / "a.fits", example([[1.0, 1, 1]], [[1.0, 1, 1]]))


@pytest.mark.parametrize("kind", ["fits", "ecsv", "csv", "parquet"])
def test_errors_of_redshifts_survive(tmp_path: Path, kind: str) -> None:
    phot = example([[1.0, 2.0, 3.0]] * 3, [[0.1, 0.1, 0.1]] * 3, redshift_err=np.array([0.0, 0.003, np.nan]))
    path = tmp_path / f"phot.{kind}"
    write_photometry(path, phot)
    assert np.array_equal(read_photometry(path).redshift_err, phot.redshift_err, equal_nan=True)
    exact = example([[1.0, 2.0, 3.0]], [[0.1, 0.1, 0.1]])
    assert "redshift_err" not in photometry_to_table(exact).colnames


def test_errors_of_redshifts_that_say_nothing() -> None:
    table = Table({"flux_J0400": np.ones(6), "redshift": [0.1, 0.1, 0.1, 0.1, np.nan, 0.1]})
    table["redshift_err"] = [-99.0, -1.0, np.nan, np.inf, 0.01, 0.02]
    assert np.array_equal(table_to_photometry(table).redshift_err, [np.nan] * 5 + [0.02], equal_nan=True)


def test_one_error_for_all_redshifts() -> None:
    table = Table({"flux_J0400": [1.0, 2.0]})
    assert table_to_photometry(table, redshift=0.05, redshift_err=0.01).redshift_err.tolist() == [0.01, 0.01]
    with pytest.raises(AgezError, match="redshift_err is -1; expected a finite number"):
        table_to_photometry(table, redshift=0.05, redshift_err=-1)
    with pytest.raises(AgezError, match="errors of redshifts, but no redshifts"):
        table_to_photometry(table, redshift_err=0.01)
    table["redshift_err"] = [0.01, 0.02]
    with pytest.raises(AgezError, match="errors of redshifts, but no redshifts"):
        table_to_photometry(table)
    with pytest.raises(AgezError, match="has a column redshift_err; drop"):
        table_to_photometry(table, redshift=0.05, redshift_err=0.01)


@pytest.mark.parametrize("unit", ["km / s", "km s-1", "m/s"])
def test_velocities_are_no_redshifts(unit):
    """A column in km/s was taken for redshifts of thousands, and so for unknown ones."""
    table = Table({"flux_gSDSS": [1.0], "flux_rSDSS": [2.0], "cz": [6000.0]}, units={"cz": unit})
    with pytest.raises(AgezError, match=r"column cz is in k?m.*s.*, and a redshift has no unit"):
        read_photometry(table, filters="splus", redshift="cz")
    table["cz"] = [0.02]
    assert read_photometry(table, filters="splus", redshift="cz").redshift.tolist() == [0.02]
