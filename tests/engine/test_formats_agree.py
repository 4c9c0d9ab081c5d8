"""One table in four formats, cut into small partitions, answered into four formats: the answers of memory."""

import csv
import re
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from made_up_catalogue import MODEL, columns

from agez.catalogues.open_catalogue import open_catalogue
from agez.engine.answer import make_job
from agez.engine.run import run_catalogue
from agez.flags import Flag, set_flag
from agez.models.model_file import load_model
from agez.models.predict import predict
from agez.tables.prediction_files import read_prediction
from agez.types import Photometry, Prediction, Rows

pq = pytest.importorskip("pyarrow.parquet")
N_ROWS, ROWS_PER_PART = 3000, 800
#: Unit roundoff of float32, and the longest sum of the model's networks.
ROUNDOFF, LONGEST_SUM = 2.0**-24, 256


@pytest.fixture(scope="module")
def table():
    """Galaxies with all that a survey's table has: holes, negative fluxes, unknown errors, redshifts that are none."""
    rng = np.random.default_rng(7)
    table = columns(N_ROWS)
    table["id"] = np.array([f"Ĝ{i:04d}-β {'é' * (i % 4)}日" for i in range(N_ROWS)])
    table["redshift"][rng.permutation(N_ROWS)[:150]] = np.repeat([np.nan, np.inf, -np.inf], 50)
    empty = rng.random(N_ROWS) < 0.02
    for name in load_model(MODEL).bands.names:
        flux, error = table[f"flux_{name}"], table[f"flux_{name}_err"]
        flux[rng.random(N_ROWS) < 0.04] *= -1
        flux[(rng.random(N_ROWS) < 0.1) | empty] = np.nan
        flux[rng.random(N_ROWS) < 0.002] = np.inf
        error[rng.random(N_ROWS) < 0.08] = np.nan
        error[rng.random(N_ROWS) < 0.002] = 0.0
    return table


@pytest.fixture(scope="module")
def photometry(table):
    """The same put together by hand, from what the pages say of such entries."""
    bands = load_model(MODEL).bands
    flux = np.stack([table[f"flux_{name}"] for name in bands.names], axis=1)
    error = np.stack([table[f"flux_{name}_err"] for name in bands.names], axis=1)
    infinite, bad = np.isinf(flux), np.isfinite(flux) & (error == 0)
    covered = np.isfinite(flux) & ~bad
    flags = set_flag(np.zeros(N_ROWS, np.int32), ~covered.any(axis=1), Flag.NO_DATA)
    flags = set_flag(flags, infinite.any(axis=1), Flag.NON_FINITE)
    flags = set_flag(flags, bad.any(axis=1), Flag.BAD_ERROR)
    nothing, text = np.full(N_ROWS, np.nan), np.full(N_ROWS, "")
    return Photometry(
        bands, np.where(covered, flux, np.nan), np.where(covered, error, np.nan), covered,
        Rows(table["id"], text, nothing, nothing),
        np.where(np.isfinite(table["redshift"]), table["redshift"], np.nan), flags,
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole(photometry):
    """The answers of the whole table in memory."""
    return predict(load_model(MODEL), photometry, compiled=False)


@pytest.fixture(scope="module")
def tolerances(photometry, whole):
    """By how much each column of the answers may change when sums are taken in another order.

    A matrix product that is computed in float32 is the exact one of weights that are off by at most gamma_n =
    n u / (1 - n u) of themselves, in whichever order the n terms are added (Higham 2002, Accuracy and Stability of
    Numerical Algorithms, eq. 3.4 and sect. 3.5), and, since roundings are of either sign, by about 4 sqrt(n) u
    (Higham & Mary 2019, SIAM J. Sci. Comput. 41, A2815).  So weights off by that much, each with its own sign, show
    what one computation may be off by; two of them may differ by twice that.
    """
    model, rng = load_model(MODEL), np.random.default_rng(11)
    off = 4 * np.sqrt(LONGEST_SUM) * ROUNDOFF
    largest = dict.fromkeys(numbers(whole), 0.0)
    for _ in range(3):
        arrays = {
            name: array * (1 + off * rng.choice([-1.0, 1.0], array.shape)).astype(np.float32)
            if array.dtype == np.float32 and ("weight" in name or "basis" in name)
            else array
            for name, array in model.arrays.items()
        }
        other = predict(replace(model, arrays=arrays), photometry, compiled=False)
        for name in largest:
            largest[name] = max(largest[name], np.nanmax(np.abs(scaled(other, name) - scaled(whole, name))))
    return {name: 2 * one for name, one in largest.items()}


def numbers(prediction):
    """Columns that are no flags, and not known exactly."""
    return [name for name in prediction.column_names() if name not in ("flags", "redshift_inside", "worst_band")]


def scaled(prediction, name):
    """A column; chi2 and the like, which go from 0 to thousands, by their logarithm above 1."""
    values = getattr(prediction, name)
    if name == "worst_band_sigma":  # two bands may be equally far off, on either side
        values = np.abs(values)
    return np.arcsinh(values) if name.startswith(("chi2", "worst")) else values


def test_the_tolerances_are_small(tolerances):
    """Far below any error of an answer, and above what the formats below are allowed by chance: none is zero."""
    for name, tolerance in tolerances.items():
        # of an unknown redshift the distance, and with it the mass, is known least where it is small; between the floor
        # of log_ssfr and the rest there is hardly any probability, so that a quantile there is not well defined
        most = {"ood": 1e-2, "worst_band_sigma": 3e-2, "log_mass": 3e-2, "log_ssfr": 0.1}.get(
            name[:8] if name.startswith(("log_mass", "log_ssfr")) else name, 1e-3
        )
        assert 1e-7 < tolerance < most, name


def as_fits(table, path):
    kept = {name: np.char.encode(values, "utf-8") if values.dtype.kind == "U" else values
            for name, values in table.items()}  # fmt: skip
    Table(kept).write(path.with_suffix(".fits"))
    return path.with_suffix(".fits")


def as_csv(table, path):
    """By Python's own writer, with empty cells for NaN."""
    with path.with_suffix(".csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(table)
        for row in zip(*(values.tolist() for values in table.values()), strict=True):
            writer.writerow(["" if value != value else value for value in row])
    return path.with_suffix(".csv")


def as_folder(table, path):
    """Files of different lengths, in groups of rows that partitions do not fit."""
    import pyarrow as pa

    path.mkdir()
    for number, (start, stop) in enumerate([(0, 700), (700, 750), (750, 2400), (2400, N_ROWS)]):
        part = pa.table({name: values[start:stop] for name, values in table.items()})
        pq.write_table(part, path / f"tile{number}.parquet", row_group_size=330)
    return path


def as_hats(table, path):
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lsdb = pytest.importorskip("lsdb")
        made = lsdb.from_dataframe(pd.DataFrame(table), catalog_name="sky", partition_rows=900, margin_threshold=None)
        made.write_catalog(path, progress_bar=False)
    return path


def places(catalogue, table):
    """Where in the table the catalogue's rows are, in its order, which is that of its files."""
    if catalogue.kind != "hats":
        return np.arange(N_ROWS)
    where = {name: at for at, name in enumerate(table["id"].tolist())}
    ids = {path: pq.ParquetFile(path).read(["id"])["id"].to_pylist() for path in {p.path for p in catalogue.partitions}}
    return np.array([where[name] for p in catalogue.partitions for name in ids[p.path][p.start : p.stop]])


def read_back(output):
    if output.is_file():
        return read_prediction(output)
    names = sorted(output.rglob("part-*.parquet"))
    pixels = sorted(
        output.rglob("Npix=*.parquet"), key=lambda path: [int(one) for one in re.findall("=([0-9]+)", str(path))]
    )
    return Prediction.concatenate([read_prediction(path) for path in names or pixels])


@pytest.mark.filterwarnings("ignore")  # of LSDB's and Dask's own
@pytest.mark.parametrize(
    ("written", "outputs"),
    [
        (as_fits, ("out.fits", "out.csv")), (as_csv, ("out.csv", "out.parquet")), (as_folder, ("out", "out.fits")),
        (as_hats, ("out", "out.parquet")),
    ],
)  # fmt: skip
def test_answers_are_those_of_memory_whatever_the_formats(
    written, outputs, table, photometry, whole, tolerances, tmp_path: Path
):
    catalogue = open_catalogue(written(table, tmp_path / "in"), rows_per_partition=ROWS_PER_PART)
    assert len(catalogue.partitions) >= 4
    at = places(catalogue, table)
    assert sorted(at) == list(range(N_ROWS))
    # the same rows together: matrix products of the same shapes, and so the same bits
    model, edges = load_model(MODEL), np.cumsum([len(one) for one in catalogue.partitions])[:-1]
    together = [predict(model, photometry.take(rows), compiled=False) for rows in np.split(at, edges)]
    expected = Prediction.concatenate(together)
    job = make_job(catalogue, MODEL, filters="splus")
    for output in outputs:
        report = run_catalogue(catalogue, job, tmp_path / output, workers=1)
        assert (report.n_rows, report.failed) == (N_ROWS, ())
        got = read_back(tmp_path / output)
        assert got.rows.spec_id.tolist() == table["id"][at].tolist(), output
        assert np.array_equal(got.flags, whole.flags[at]), output
        for name in numbers(whole):
            found = getattr(got, name)
            np.testing.assert_array_equal(found, getattr(expected, name), err_msg=f"{output} {name}")
            difference = np.abs(scaled(got, name) - scaled(whole, name)[at])
            assert np.array_equal(np.isnan(found), np.isnan(getattr(whole, name)[at]))
            assert np.nanmax(difference) <= tolerances[name], (output, name)


def test_the_table_has_all_that_may_go_wrong(photometry, whole):
    flags = ("NO_DATA", "NON_FINITE", "BAD_ERROR", "TOO_FEW_BANDS", "ERROR_ASSUMED", "REDSHIFT_ESTIMATED",
             "OUT_OF_DISTRIBUTION")  # fmt: skip
    for name in flags:
        assert 10 < (whole.flags & Flag[name] != 0).sum() < N_ROWS, name
    assert (photometry.flux < 0).sum() > 100
