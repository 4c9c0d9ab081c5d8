"""Redshift distributions in tables: which columns are taken, what is said and refused, and files there and back."""

from pathlib import Path

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from agez.catalogues.open_catalogue import open_catalogue
from agez.catalogues.read_partition import partition_photometry
from agez.errors import AgezError
from agez.flags import Flag, has_flag
from agez.photometry.redshift_columns import IF_OF_THESE_BANDS, OWN, all_distributions, vectors, with_redshifts
from agez.photometry.row_values import RowOptions
from agez.photometry.tables import read_photometry, table_to_photometry, write_photometry
from agez.tables.table_columns import PlainTable
from agez.tables.table_files import write_table

Z = np.linspace(0, 1, 101)
WEIGHTS, MEANS, STDS = (
    np.array(one) for one in ([[0.25, 0.75], [1.0, 0.0]], [[0.1, 0.5], [0.3, 0]], [[0.02, 0.04]] * 2)
)
SPLUS = {"PDF_Weights": WEIGHTS, "PDF_Means": MEANS, "PDF_STDs": STDS}
FILES = pytest.mark.parametrize("kind", ["fits", "ecsv", "csv", "parquet"])


def table(**columns: object) -> Table:
    n = len(next(iter(columns.values())))  # type: ignore[arg-type]
    return Table({"flux_J0400": np.ones(n), "flux_J0400_err": np.full(n, 0.1), **columns})


def read(**columns):
    return table_to_photometry(table(**columns))


def seen(photometry):
    mixture = photometry.redshift_mixture
    return (
        None
        if mixture is None
        else [np.round(one, 6).tolist() for one in (mixture.weights, mixture.means, mixture.stds)]
    )


def test_the_mixtures_of_splus():
    found = read(**SPLUS)
    assert seen(found) == [WEIGHTS.tolist(), MEANS.tolist(), [[0.02, 0.04], [0.02, 0]]]
    np.testing.assert_allclose(found.redshift, [0.4, 0.3])
    assert found.redshift_err[1] == 0.02
    assert not has_flag(found.flags, Flag.REDSHIFT_UNKNOWN).any()
    assert found.meta["remarks"] == [
        f"redshifts are the distributions of PDF_Weights, PDF_Means, PDF_STDs (Gaussians); {IF_OF_THESE_BANDS}"
    ]
    assert seen(read(**{name.upper(): one for name, one in SPLUS.items()})) == seen(found)
    assert seen(read(**{name: [str(row) for row in one.tolist()] for name, one in SPLUS.items()})) == seen(found)


def test_a_mixture_of_one_is_a_gaussian():
    one = read(PDF_Weights=[[2.0]], PDF_Means=[[0.1]], PDF_STDs=[[0.03]])
    assert one.redshift_mixture is None
    assert (one.redshift.tolist(), one.redshift_err.tolist()) == ([0.1], [0.03])
    scalar = read(PDF_Weights=[1.0], PDF_Means=[0.1], PDF_STDs=[0.03])
    assert scalar.redshift_err.tolist() == [0.03]


def test_options_and_a_column_redshift_come_first():
    data = table(redshift=[0.01, 0.02], zml=[0.2, 0.3], **SPLUS)
    plain = table_to_photometry(data)
    assert plain.redshift.tolist() == [0.01, 0.02]
    assert plain.meta["remarks"] == [
        "distributions of the redshift are not used, PDF_Weights, PDF_Means, PDF_STDs (Gaussians): --redshift "
        "PDF_Weights takes them"
    ]
    assert table_to_photometry(data, redshift="zml").redshift.tolist() == [0.2, 0.3]
    assert table_to_photometry(data, redshift="zml", redshift_err=0.1).redshift_mixture is None
    for name in ("PDF_Means", "pdf_weights"):
        assert seen(table_to_photometry(data, redshift=name)) == seen(read(**SPLUS))
    with pytest.raises(AgezError, match=r"--redshift PDF_Means takes the distributions.*drop --redshift-err"):
        table_to_photometry(data, redshift="PDF_Means", redshift_err=0.1)
    assert table_to_photometry(table(**SPLUS), redshift=0.0).redshift.tolist() == [0, 0]


def test_asymmetric_bounds():
    columns = {"redshift": [0.3, 0.3, 0.3, -99.0, 0.3, -1.0], "redshift_min": [0.28, 0.28, np.nan, 0.1, 0.32, -2],
               "redshift_max": [0.32, 0.38, 0.4, 0.2, 0.28, 0.0]}  # fmt: skip
    found = read(**columns)
    assert found.redshift_mixture.n_components[0] == 1 < found.redshift_mixture.n_components[1]
    np.testing.assert_allclose(found.redshift[[0, 2]], 0.3, rtol=1e-12)
    np.testing.assert_allclose(found.redshift_err[0], 0.02)
    assert found.redshift[1] > 0.305
    assert np.isfinite(found.redshift).tolist() == [True, True, True, False, False, False]
    assert found.meta["counted"] == {"redshift_unknown": 2, "redshift_malformed": 1}
    assert any("1 rows have a redshift distribution that is none" in one for one in found.meta["remarks"])
    own = table_to_photometry(table(**columns), redshift="redshift")  # the column alone
    assert own.redshift_mixture is None
    assert own.redshift[1] == 0.3


def test_quantiles():
    p = np.array([0.025, 0.1586552539, 0.5, 0.8413447461, 0.975])
    values = norm.ppf(p, [[0.2], [0.4]], [[0.01], [0.05]])
    names = ("redshift_p025", "redshift_p16", "redshift_p50", "redshift_p84", "redshift_p975")
    columns = dict(zip(names[::-1], values.T[::-1], strict=True))
    found = read(**columns)
    np.testing.assert_allclose(found.redshift, [0.2, 0.4])
    np.testing.assert_allclose(found.redshift_err, [0.01, 0.05])
    assert "(quantiles)" in found.meta["remarks"][0]
    (form,) = all_distributions(list(columns))
    np.testing.assert_allclose(form.probabilities, p)
    assert form.columns == names
    assert read(redshift=[0.1], redshift_p50=[0.3]).redshift.tolist() == [0.1]  # one quantile is no distribution
    assert np.isnan(read(redshift_p16=[0.2, 0.1], redshift_p84=[0.1, np.nan]).redshift).all()


@pytest.mark.parametrize("grid", ["0,1", "[0, 1]", Z.tolist(), Z])
def test_densities_on_a_grid(grid):
    density = norm.pdf(Z, [[0.2], [0.4]], [[0.02], [0.05]]) + np.array([[0.0], [1.0]]) * norm.pdf(Z, 0.8, 0.05)
    data = table(redshift_pdf=density)
    found = table_to_photometry(data, redshift_grid=grid)
    assert found.redshift_mixture.n_components.tolist() == [1, 2]
    np.testing.assert_allclose(found.redshift, [0.2, 0.6], atol=1e-3)
    data.meta["REDSHIFT_GRID"] = grid if isinstance(grid, str | list) else grid.tolist()
    assert seen(table_to_photometry(data)) == seen(found)
    assert seen(read(redshift_pdf=density, redshift_grid=np.tile(Z, (2, 1)))) == seen(found)


def test_rows_that_say_nothing_have_the_column_redshift():
    density = np.stack([norm.pdf(Z, 0.2, 0.02), np.full(101, np.nan), np.zeros(101), -norm.pdf(Z, 0.2, 0.02)])
    found = table_to_photometry(
        table(redshift=[0.1] * 4, redshift_err=[0.001] * 4, redshift_pdf=density), redshift_grid="0,1"
    )
    np.testing.assert_allclose(found.redshift, [0.2, 0.1, np.nan, np.nan], atol=1e-6)
    assert found.redshift_err[1] == 0.001
    assert has_flag(found.flags, Flag.REDSHIFT_UNKNOWN).tolist() == [False, False, True, True]
    assert found.meta["counted"]["redshift_malformed"] == 2


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("PDF_STDs", [-0.1, 0.1]), ("PDF_Weights", [0.0, 0.0]), ("PDF_Means", [np.nan, 0.1]),
        ("PDF_Means", [-99.0, 0.1]), ("PDF_Means", [-5.0, -4.0]), ("PDF_Weights", [np.nan, 0.5]),
    ],
)  # fmt: skip
def test_a_malformed_row_is_unknown_and_flagged(name, bad):
    columns = {key: np.array([one[0], one[0], one[1]]) for key, one in SPLUS.items()}
    columns[name][1] = bad
    found = read(**columns)
    assert np.isnan(found.redshift).tolist() == [False, True, False]
    assert has_flag(found.flags, Flag.REDSHIFT_UNKNOWN).tolist() == [False, True, False]
    assert seen(found.take([0, 2])) == seen(read(**SPLUS))
    assert found.meta["counted"] == {"redshift_malformed": 1, "redshift_unknown": 0}


def test_masked_rows_and_codes_say_nothing():
    mask = np.array([[False, False], [True, True]])
    found = read(**{name: MaskedColumn(one, mask=mask) for name, one in SPLUS.items()})
    assert found.meta["counted"] == {"redshift_unknown": 1}
    codes = {name: np.where(mask, -99.0, one) for name, one in SPLUS.items()}
    assert read(**codes).meta["counted"] == {"redshift_unknown": 1}


REFUSED = [
    ({**SPLUS, "PDF_Means": np.ones((2, 3))}, "column PDF_Means has 3 values a row, PDF_Weights 2; expected as many"),
    ({**SPLUS, "PDF_Means": ["[0.1, 0.2]", "[x]"]}, r"column PDF_Means, row 2 is '\[x\]'; expected numbers such as"),
    ({**SPLUS, "PDF_STDs": np.ones((2, 2), bool)}, "column PDF_STDs holds bool of shape"),
    ({"redshift_pdf": np.ones((2, 5))}, "nothing says at which redshifts; give --redshift-grid LOW,HIGH"),
    ({"redshift_pdf": np.ones((2, 5)), "redshift_grid": np.ones((2, 4))}, "pdf has 5 .*redshift_grid 4; expected"),
    ({"redshift_pdf": [1.0, 2.0], "redshift_grid": [1.0, 2.0]}, "expected as many, and two or more"),
    ({"redshift_p16": ["a", "b"], "redshift_p84": [1.0, 2.0]}, "column redshift_p16, row 1 is 'a'; expected a number"),
]  # fmt: skip


@pytest.mark.parametrize(("columns", "words"), REFUSED)
def test_a_malformed_column_is_refused(columns, words):
    with pytest.raises(AgezError, match=f"in.fits: .*{words}"):
        table_to_photometry(table(**columns), source="in.fits")


@pytest.mark.parametrize("grid", ["1,0", "a,b", [0.1, 0.2, 0.3], "0.1", [0, np.nan]])
def test_a_grid_that_is_none_is_refused(grid):
    with pytest.raises(AgezError, match="--redshift-grid"):
        table_to_photometry(table(redshift_pdf=np.ones((2, 5))), redshift_grid=grid)


def test_a_grid_without_densities_is_refused():
    for columns in ({"redshift": [0.1]}, SPLUS):
        with pytest.raises(AgezError, match="--redshift-grid is for densities of the redshift"):
            table_to_photometry(table(**columns), redshift_grid="0,1")


@FILES
def test_files_of_every_kind_hold_them(tmp_path: Path, kind: str):
    columns = {**SPLUS}
    if kind == "csv":
        columns = {name: [str(row) for row in one.tolist()] for name, one in SPLUS.items()}
    path = tmp_path / f"cat.{kind}"
    write_table(path, table(**columns))
    whole = read_photometry(path, filters="jpas")
    catalogue = open_catalogue(path, filters="jpas")
    part = partition_photometry(catalogue, catalogue.partitions[0], filters="jpas", options=RowOptions())
    for found in (whole, part):
        assert seen(found) == seen(read(**SPLUS))


@FILES
def test_a_grid_in_the_header(tmp_path: Path, kind: str):
    density = norm.pdf(Z, [[0.2], [0.4]], [[0.02], [0.05]])
    data = table(redshift_pdf=[str(row) for row in density.tolist()] if kind == "csv" else density)
    if kind != "csv":
        data.meta["redshift_grid"] = "0,1"
    path = tmp_path / f"cat.{kind}"
    write_table(path, data)
    option = "0,1" if kind == "csv" else None
    catalogue = open_catalogue(path, filters="jpas")
    options = RowOptions(redshift_grid=option)
    part = partition_photometry(catalogue, catalogue.partitions[0], filters="jpas", options=options)
    for found in (read_photometry(path, filters="jpas", redshift_grid=option), part):
        np.testing.assert_allclose(found.redshift, [0.2, 0.4], atol=1e-4)


@FILES
def test_photometry_with_mixtures_there_and_back(tmp_path: Path, kind: str):
    made = read(**SPLUS)
    path = tmp_path / f"made.{kind}"
    write_photometry(path, made)
    back = read_photometry(path)
    np.testing.assert_array_equal(back.redshift_mixture.weights[0], made.redshift_mixture.weights[0])
    np.testing.assert_array_equal(back.redshift_mixture.means[0], made.redshift_mixture.means[0])
    np.testing.assert_allclose(back.redshift, made.redshift, rtol=1e-15)
    np.testing.assert_allclose(back.redshift_err, made.redshift_err, rtol=1e-15)
    said = f"redshifts are the distributions of {', '.join(OWN)} (Gaussians); {IF_OF_THESE_BANDS}"
    assert back.meta["remarks"] == [said]
    plain = tmp_path / f"plain.{kind}"
    write_photometry(plain, with_redshifts(made, made.redshift_mixture.take([1, 1])))
    assert read_photometry(plain).redshift_mixture is None


number = st.floats(allow_nan=True, allow_infinity=False, width=32)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(number, max_size=4), min_size=1, max_size=4), st.sampled_from(["[]", "()", "{}", ""]),
       st.sampled_from([", ", ",", " ", "  "]))  # fmt: skip
def test_vectors_in_text_are_read_as_they_are_written(rows, brackets, between):
    ends = brackets or ["", ""]
    text = np.array([ends[0] + between.join(map(repr, row)) + ends[1] for row in rows], dtype=object)
    found = vectors(PlainTable({"v": text}, len(rows)), "v", source="here")
    assert found.shape == (len(rows), max(1, *map(len, rows), 1))
    for row, values in zip(found, rows, strict=True):
        np.testing.assert_array_equal(row[: len(values)], np.array(values, float))
        assert np.isnan(row[len(values) :]).all()


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=12))
def test_any_other_text_is_read_or_refused_with_its_row(text):
    column = PlainTable({"v": np.array(["[1]", text], dtype=object)}, 2)
    try:
        assert len(vectors(column, "v", source="here")) == 2
    except AgezError:
        with pytest.raises(AgezError, match="here: column v, row 2"):
            vectors(column, "v", source="here")
