"""A catalogue with distributions of the redshift: answers of memory, what is said, and refusal before any work."""

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from made_up_catalogue import MODEL, columns

from agez.catalogues.open_catalogue import open_catalogue
from agez.cli import main
from agez.engine.answer import make_job
from agez.engine.run import run_catalogue
from agez.errors import AgezError
from agez.models.model_file import load_model
from agez.models.predict import predict
from agez.photometry.tables import read_photometry
from agez.tables.prediction_files import read_prediction
from agez.tables.table_files import write_table

N = 60


@pytest.fixture
def table():
    """The first half has two redshifts a row, the others one."""
    data = columns(N)
    data.pop("redshift")
    one = (np.arange(N) >= N // 2)[:, None]
    data["PDF_Weights"] = np.where(one, [1.0, 0.0], [0.4, 0.6])
    data["PDF_Means"] = np.where(one, [0.03, 0.0], [0.01, 0.06])
    data["PDF_STDs"] = np.full((N, 2), 0.004)
    return Table(data)


def as_written(table, kind):
    vectors = [name for name in table.colnames if table[name].ndim == 2]
    if kind == "csv":
        for name in vectors:
            table[name] = [str(row) for row in table[name].tolist()]
    return table


@pytest.mark.parametrize("kind", ["fits", "csv", "parquet"])
def test_partitions_have_the_answers_of_memory(tmp_path: Path, table: Table, kind: str):
    path, out = tmp_path / f"in.{kind}", tmp_path / "out.fits"
    write_table(path, as_written(table, kind))
    catalogue = open_catalogue(path, rows_per_partition=25)
    report = run_catalogue(catalogue, make_job(catalogue, MODEL), out)
    assert not report.failed
    assert [one for one in report.remarks if "PDF_Weights, PDF_Means, PDF_STDs" in one]
    model = load_model(MODEL)
    expected = predict(model, read_photometry(path, model=model.bands), compiled=False)
    found = read_prediction(out)
    np.testing.assert_allclose(found.mean, expected.mean, atol=1e-4)
    np.testing.assert_allclose(found.redshift_inside, expected.redshift_inside, atol=1e-6)
    np.testing.assert_array_equal(found.flags, expected.flags)


def test_a_malformed_column_is_refused_before_any_work(tmp_path: Path, table: Table):
    table["PDF_STDs"] = np.full((N, 3), 0.01)
    path = tmp_path / "in.fits"
    write_table(path, table)
    with pytest.raises(
        AgezError, match=r"in.fits: column PDF_STDs has 3 values a row, PDF_Weights 2; expected as many"
    ):
        make_job(open_catalogue(path), MODEL)
    make_job(open_catalogue(path), MODEL, redshift=0.02)  # who says another redshift needs no such column


def test_the_command(tmp_path: Path, table: Table, capsys: pytest.CaptureFixture[str]):
    z = np.linspace(0, 0.1, 51)
    table.remove_columns(["PDF_Weights", "PDF_Means", "PDF_STDs"])
    table["redshift_pdf"] = np.exp(-0.5 * ((z - 0.03) / 0.01) ** 2) * np.ones((N, 1))
    path, out = tmp_path / "in.fits", tmp_path / "out.fits"
    write_table(path, table)
    command = ["predict", str(path), "-o", str(out), "--model", MODEL]
    assert main(command) == 1
    assert "--redshift-grid LOW,HIGH" in capsys.readouterr().err
    assert not out.exists()
    assert main([*command, "--redshift-grid", "0,0.1"]) == 0
    assert "redshift_pdf (densities on a grid)" in capsys.readouterr().out
    found, model = read_prediction(out), load_model(MODEL)
    grid = read_photometry(path, model=model.bands, redshift_grid=[0, 0.1])
    assert grid.redshift_mixture is None  # one Gaussian
    np.testing.assert_allclose(found.mean, predict(model, grid).mean, atol=1e-4)
    assert main([*command, "--redshift", "0.01", "--redshift-grid", "0,0.1"]) == 1
    assert "--redshift-grid is for densities" in capsys.readouterr().err
