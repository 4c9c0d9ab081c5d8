"""Redshifts, their errors, identifiers and names that look like redshifts, as options and columns say them."""

from pathlib import Path

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table
from cli_road import done, refused

import agez
from agez.errors import AgezError
from agez.flags import Flag, has_flag
from agez.photometry.filters import load_filters
from agez.photometry.row_values import bounds_like, like_redshifts
from agez.photometry.tables import read_photometry, table_to_photometry, write_photometry
from agez.types import Photometry

Z = (0.01, 0.02, -0.001, -1.0, -99.0, 99.0, 99.9, np.nan, np.inf, -0.5, 1e30)
KNOWN = [True, True, True] + [False] * 8


def table(**columns: object) -> Table:
    n = len(next(iter(columns.values()))) if columns else 3  # type: ignore[arg-type]
    return Table({"flux_J0400": np.ones(n), "flux_J0400_err": np.full(n, 0.1), **columns})


@pytest.mark.parametrize("name", ["redshift", "zb_"])
def test_numbers_that_are_no_redshifts_are_unknown_flagged_and_said(name: str) -> None:
    found = table_to_photometry(table(**{name: np.array(Z)}), redshift=None if name == "redshift" else name)
    assert np.isfinite(found.redshift).tolist() == KNOWN
    assert has_flag(found.flags, Flag.REDSHIFT_UNKNOWN).tolist() == [not one for one in KNOWN]
    assert found.meta["counted"]["redshift_unknown"] == 8
    assert any(line.startswith("8 rows have no redshift") for line in found.meta["remarks"])


def test_a_table_without_redshifts_names_what_looks_like_one() -> None:
    found = table_to_photometry(table(zb_=[0.1], zb_Min_=[0.05], zb_Max_=[0.15]))
    assert np.isnan(found.redshift).all()
    assert has_flag(found.flags, Flag.REDSHIFT_UNKNOWN).all()
    assert "--redshift zb_ --redshift-err zb_Min_,zb_Max_; --redshift 0 says" in found.meta["remarks"][0]
    nothing = table_to_photometry(table())
    assert "no column looks like one" in nothing.meta["remarks"][0]
    rest = table_to_photometry(table(), redshift=0)
    assert (rest.redshift == 0).all()
    assert not rest.flags.any()
    assert rest.meta["remarks"] == []


def test_names_that_look_like_redshifts() -> None:
    yes = ["z", "Z", "zb", "zb_", "Z_PHOT", "zphot", "z_spec", "photoz", "redshift_phot", "zml", "Z_BEST", "PHOTOZ",
           "specz", "zspec", "Redshift_1", "cat.z_phot", "z_phot_median", "ZMC", "z_helio"]  # fmt: skip
    no = ["mag_z", "zSDSS", "zb_Min_", "zb_Max_", "z_err", "photoz_err", "zwarning", "Z_FLAG", "z_auto_dual", "size",
          "zero_point", "x", "flux_zSDSS", "redshift_quality"]  # fmt: skip
    assert like_redshifts([*yes, *no]) == yes
    assert bounds_like("Z_PHOT", ["Z_PHOT", "Z_PHOT_L68", "Z_PHOT_U68"]) == "Z_PHOT_L68,Z_PHOT_U68"
    assert bounds_like("photoz", ["photoz", "photoz_err"]) == "photoz_err"
    assert bounds_like("z", ["z", "x"]) == ""


def test_errors_by_number_column_or_bounds() -> None:
    data = table(zb=[0.10, 0.2, 0.3], lo=[0.08, -99, 0.2], hi=[0.14, 0.3, np.nan], e=[0.01, -99.0, 0.02])
    read = table_to_photometry
    assert read(data, redshift="zb", redshift_err=0.03).redshift_err.tolist() == [0.03] * 3
    assert np.array_equal(
        read(data, redshift="zb", redshift_err="e").redshift_err, [0.01, np.nan, 0.02], equal_nan=True
    )
    bounds = read(data, redshift="zb", redshift_err="lo,hi")
    assert np.allclose(bounds.redshift_err, [0.03, np.nan, np.nan], equal_nan=True)
    assert bounds.meta["counted"]["redshift_err_unknown"] == 2
    assert any("2 rows have a redshift without an error" in line for line in bounds.meta["remarks"])
    assert np.isnan(read(data, redshift="zb").redshift_err).all()
    assert any("taken as exact; --redshift-err" in line for line in read(data, redshift="zb").meta["remarks"])
    endless = read(table(zb=[0.10, 0.2, 0.3], e=[0.01, np.inf, -np.inf]), redshift="zb", redshift_err="e")
    assert np.array_equal(endless.redshift, [0.10, np.nan, 0.3], equal_nan=True)
    assert np.array_equal(endless.redshift_err, [0.01, np.nan, np.nan], equal_nan=True)
    refused = {
        "hi,lo": "lo is below hi in every row", "lo,none": "--redshift-err is 'none'",
        "none": "neither a number nor a column of in.fits", -1.0: "redshift_err is -1",
    }  # fmt: skip
    for error, words in refused.items():
        with pytest.raises(AgezError, match=words):
            read(data, source="in.fits", redshift="zb", redshift_err=error)
    with pytest.raises(AgezError, match=r"errors of redshifts, but no redshifts.*like zb"):
        read(data, redshift_err="lo,hi")


def test_a_column_that_is_named_counts_before_the_tables_own() -> None:
    data = table(redshift=[0.1, 0.2], redshift_err=[0.01, 0.01], zspec=[0.03, 0.04])
    assert table_to_photometry(data, redshift="ZSPEC").redshift.tolist() == [0.03, 0.04]
    assert np.isnan(table_to_photometry(data, redshift="zspec").redshift_err).all()  # not that of another redshift
    assert table_to_photometry(data, redshift="redshift").redshift_err.tolist() == [0.01, 0.01]
    with pytest.raises(AgezError, match="has a column redshift; drop the option"):
        table_to_photometry(data, redshift=0.0)
    for number in (-0.5, 99.0, np.nan):
        with pytest.raises(AgezError, match=r"expected a number of -0\.01 to 20"):
            table_to_photometry(table(), redshift=number)
    with pytest.raises(AgezError, match="--redshift is 'zz', which is neither a number nor a column of table"):
        table_to_photometry(data, redshift="zz")
    with pytest.raises(AgezError, match="column zspec, row 2 is 'x'"):
        table_to_photometry(table(zspec=["0.1", "x"]), redshift="zspec")


def test_masked_redshifts_are_unknown() -> None:
    found = table_to_photometry(table(redshift=MaskedColumn([0.1, 0.2], mask=[True, False])))
    assert np.array_equal(found.redshift, [np.nan, 0.2], equal_nan=True)
    assert has_flag(found.flags, Flag.REDSHIFT_UNKNOWN).tolist() == [True, False]


def test_identifiers_of_another_column() -> None:
    data = table(ID_=["007", "a", "b"], number=[3, 2, 1])
    assert table_to_photometry(data, id="ID_").rows.spec_id.tolist() == ["007", "a", "b"]
    assert table_to_photometry(data, id="number").rows.spec_id.tolist() == ["3", "2", "1"]
    with pytest.raises(AgezError, match="--id is 'name', which is no column of table"):
        table_to_photometry(data, id="name")


@pytest.mark.parametrize("kind", ["fits", "ecsv", "csv", "parquet"])
@pytest.mark.parametrize("filters", ["splus", "jplus"])
def test_photometry_that_was_written_says_its_frame_and_its_bands(tmp_path: Path, kind: str, filters: str) -> None:
    made = table_to_photometry(
        Table({"mag_uJAVA": [20.0, 21.0], "mag_J0395": [20.0, 21.0], "redshift": [0.0, 0.03]}), filters=filters
    )
    write_photometry(tmp_path / f"p.{kind}", made)
    back = read_photometry(tmp_path / f"p.{kind}")
    assert isinstance(back, Photometry)
    assert back.bands == agez.load_filters(filters).bands.select(["uJAVA", "J0395"])
    assert back.redshift.tolist() == [0.0, 0.03]
    assert not back.flags.any()
    assert back.meta["remarks"] == []


def test_rows_of_two_filter_sets_in_one_table() -> None:
    data = Table({"mag_uJAVA": [20.0, 21.0], "filter_set": ["splus", "jplus"]})
    with pytest.raises(AgezError, match="column filter_set says jplus and splus; give a table of each"):
        table_to_photometry(data, redshift=0)


def test_a_header_with_a_set_of_somebodys_own() -> None:
    data = Table({"mag_uJAVA": [20.0]}, meta={"FILTERS": "mine"})
    with pytest.raises(AgezError, match="its filter set is 'mine', which does not come with agez; give the curves"):
        table_to_photometry(data, redshift=0)
    mine = agez.load_filters("splus").bands
    assert table_to_photometry(data, redshift=0, filters=mine).bands.filter_set == "splus"


@pytest.mark.parametrize("name", ["FLUX_RADIUS", "MAG_AUTO", "flux_ratio", "flux_uJAVA_flag", "flux_max", "MAG_APER_3"])
def test_other_columns_are_left_alone(name: str) -> None:
    found = table_to_photometry(table(**{name: np.ones(2)}), redshift=0)
    assert found.bands.names == ("J0400",)
    assert found.meta["remarks"] == []


def test_columns_that_look_like_bands_are_left_out_and_said() -> None:
    data = table(flux_J0401=np.ones(2), flux_K=np.ones(2), flux_J0395=np.ones(2))
    found = table_to_photometry(data, redshift=0, filters="jpas")
    assert found.bands.names == ("J0400",)
    near, others = sorted(found.meta["remarks"])
    assert "flux_J0401" in near + others
    assert "flux_K" in others
    assert "no band of" in others
    misspelled = table_to_photometry(table(flux_rSDS=np.ones(2)), redshift=0)
    assert misspelled.meta["remarks"] == ["column flux_rSDS matches no band; ignored; did you mean flux_rSDSS?"]


@pytest.mark.parametrize(("name", "option"), [("redshift", None), ("cz", "cz")])
def test_velocities_in_a_column_of_redshifts_are_refused(name: str, option: str | None) -> None:
    column = np.array([20_000.0, 7_000.0, 25_000.0, -99.0, 9999.0])
    with pytest.raises(AgezError, match=rf"{name} has a median of 20000, .*km/s\? divide by 299792.458, .* 0\.06671"):
        table_to_photometry(table(**{name: column}), redshift=option)
    found = table_to_photometry(table(**{name: column / 299_792.458}), redshift=option)
    np.testing.assert_allclose(found.redshift[:3], column[:3] / 299_792.458)
    few = table_to_photometry(table(**{name: [0.1, 0.2, 500.0]}), redshift=option)  # one of three is a placeholder
    assert np.isnan(few.redshift).tolist() == [False, False, True]


def test_a_velocity_for_all_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AgezError, match=r"redshift is 7945; .*km/s\? divide by 299792.458, which makes it 0\.02650"):
        table_to_photometry(table(), redshift=7945)
    made = Table({f"mag_{band}": np.full(3, 18.0) for band in load_filters("splus").names})
    with pytest.raises(AgezError, match=r"redshift is 7945; expected a finite number from -0.01 to below 20; .*km/s\?"):
        agez.predict(made, "splus", redshift=7945, filters="splus")
    made.write(tmp_path / "t.csv")
    arguments = ("predict", tmp_path / "t.csv", "-o", tmp_path / "o.fits", "--model", "splus", "--redshift", "7945")
    refused(*arguments, says=("--redshift is 7945", "knows 0 to 0.5", "0.02650"), output=tmp_path / "o.fits")
    done(*arguments[:-1], "0.0265")


def test_redshifts_of_a_table_can_be_taken_as_unknown() -> None:
    rows = table(redshift=[0.1, 0.2, 0.3], redshift_err=[0.01, 0.01, np.inf], zb=[0.1] * 3, zb_Min=[0.0] * 3)
    for word in ("unknown", "Unknown"):
        found = table_to_photometry(rows, redshift=word)
        assert np.isnan(found.redshift).all()
        assert np.isnan(found.redshift_err).all()
        assert found.redshift_mixture is None
        assert has_flag(found.flags, Flag.REDSHIFT_UNKNOWN).all()
        assert [line[:52] for line in found.meta["remarks"]] == ["the redshift of every row is taken as unknown (flag "]
    peaks = table(PDF_Weights=np.full((3, 2), 0.5), PDF_Means=np.full((3, 2), 0.1), PDF_STDs=np.full((3, 2), 0.01))
    assert table_to_photometry(peaks).redshift_mixture is None  # two Gaussians that are one
    assert np.isnan(table_to_photometry(peaks, redshift="unknown").redshift).all()
    for option, value in (("redshift_err", 0.01), ("redshift_err", "zb_Min"), ("redshift_grid", "0,1")):
        with pytest.raises(AgezError, match=f"leaves no use for --{option.replace('_', '-')}; drop one of them"):
            table_to_photometry(rows, redshift="unknown", **{option: value})
    # a column of that name is one
    named = table_to_photometry(table(unknown=[0.1, 0.2, 0.3]), redshift="unknown")
    assert named.redshift.tolist() == [0.1, 0.2, 0.3]


def test_answers_at_redshifts_that_are_taken_as_unknown_are_those_without_any() -> None:
    rng, names = np.random.default_rng(2), agez.load_model("splus").bands.names
    flux = {f"flux_{name}": rng.uniform(0.5, 1.5, 4) for name in names}
    errors = {f"flux_{name}_err": np.full(4, 0.05) for name in names}
    bare = Table(flux | errors)
    rows = bare.copy()
    rows["redshift"], rows["zb"] = 0.1, 0.2
    without = agez.predict(bare, model="splus")
    photometry = table_to_photometry(rows, model=agez.load_model("splus").bands)
    for data in (rows, photometry):
        with pytest.raises(AgezError, match=r"redshift unknown leaves no use for option redshift_err"):
            agez.predict(data, model="splus", redshift="unknown", redshift_err=0.01)
        got = agez.predict(data, model="splus", redshift="unknown")
        np.testing.assert_array_equal(got.quantiles, without.quantiles)
        assert has_flag(got.flags, Flag.REDSHIFT_ESTIMATED).all()
