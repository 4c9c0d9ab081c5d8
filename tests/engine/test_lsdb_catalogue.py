"""HATS catalogues: LSDB's lazy road and ``agez predict`` give the same bits, and empty pixels are fine."""

import json
import warnings

import numpy as np
import pytest
from cli_road import agez, done
from made_up_catalogue import MODEL, columns

from agez.tables.table_files import read_table

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    lsdb = pytest.importorskip("lsdb")
pytestmark = pytest.mark.filterwarnings("ignore")  # of LSDB's and Dask's own


@pytest.fixture(scope="module")
def hats(tmp_path_factory):
    """A small HATS catalogue of several pixels."""
    import pandas as pd

    folder = tmp_path_factory.mktemp("hats") / "sky"
    table = pd.DataFrame(columns(600))
    made = lsdb.from_dataframe(table, catalog_name="sky", partition_rows=200, margin_threshold=None)
    made.write_catalog(folder, progress_bar=False)
    return folder


def test_both_roads_give_the_same_and_open_in_lsdb(hats, tmp_path):
    import dask

    from agez.engine.lsdb_catalogue import predict_hats

    out = tmp_path / "answers"
    answer = done("predict", hats, "-o", out, "--model", MODEL, "--filters", "splus", "--workers", 1, "--json").json
    assert answer["n_rows"] == 600
    with dask.config.set(scheduler="synchronous"):
        ours = lsdb.open_catalog(out, columns="all").compute().set_index("id").sort_index()
        lazy = predict_hats(hats, MODEL, filters="splus", keep=["ebv"])
        theirs = lazy.compute().set_index("id").sort_index()
        assert list(lazy.compute().dtypes) == list(lazy.dtypes)
    assert ours.index.tolist() == theirs.index.tolist()
    for name in ("log_age_lw", "mh_lw_p84", "ood", "flags", "ra"):
        assert np.array_equal(ours[name].to_numpy(float), theirs[name].to_numpy(float)), name
    assert "ebv" in theirs


def test_pixels_without_rows_and_writing(hats, tmp_path):
    import dask

    from agez.engine.lsdb_catalogue import predict_hats

    with dask.config.set(scheduler="synchronous"):
        few = lsdb.open_catalog(hats, columns="all").query("redshift < 0.0055")
        n = len(few.compute())
        answers = predict_hats(few, MODEL, filters="splus")
        assert 0 < len(answers.compute()) == n < answers.npartitions * 2
        answers.write_catalog(tmp_path / "few", progress_bar=False)
        assert len(lsdb.open_catalog(tmp_path / "few", columns="all").compute()) == n


def test_a_picture_columns_that_are_kept_and_a_file_set_aside(hats, tmp_path):
    """The command line's own options, with a pixel that is cut short."""
    pixel = sorted(hats.rglob("Npix=*.parquet"))[0]
    good = pixel.read_bytes()
    options = ("--model", MODEL, "--filters", "splus", "--keep", "tile,ebv", "--picture", tmp_path / "p.png")
    pixel.write_bytes(good[:-100])
    try:
        answer = agez("predict", hats, "-o", tmp_path / "o.fits", *options, "--json")
    finally:
        pixel.write_bytes(good)
    assert answer.status == 1
    assert answer.err.count("\n") == 1
    assert pixel.name in answer.err
    content = json.loads(answer.out)
    assert len(content["set_aside"]) == 1
    table = read_table(tmp_path / "o.fits")
    assert len(table) == content["n_rows"] < 600
    assert set(np.asarray(table["tile"]).astype(str)) == {"STRIPE82"}
    assert (tmp_path / "p.png").stat().st_size > 20_000
    answer = done("predict", hats, "-o", tmp_path / "o.fits", *options, "--json").json
    assert (answer["n_rows"], answer["set_aside"], answer["kept"]) == (600, [], "")
    assert answer["resumed"] == answer["n_partitions"] - 1
    assert sorted(one.name for one in tmp_path.iterdir()) == ["o.fits", "p.png"]
