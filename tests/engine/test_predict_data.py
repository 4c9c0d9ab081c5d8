"""agez.predict gives what the command gives, of tables of every kind, and a prediction that knows its input."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable, Table
from cli_road import done
from made_up_catalogue import columns as made_up_columns
from made_up_catalogue import write_catalogue

import agez
from agez.tables.in_memory import plain_table
from agez.tables.table_files import read_table

MAGNITUDES = np.array([18.4, 18.1, 17.8, 17.5, 17.3, 17.1, 16.9, 16.6, 16.5, 16.3, 16.2, 16.2])
N = 6


def columns() -> dict:
    rng = np.random.default_rng(1)
    names = agez.load_filters("splus").bands.names
    tilt = rng.normal(0, 0.2, (N, 1)) * np.linspace(1, -1, 12)
    values = MAGNITUDES + tilt + rng.normal(0, 0.02, (N, 12))
    values[1, 3] = np.nan
    made = {"id": [f"g{i}" for i in range(N)], "redshift": rng.uniform(0.01, 0.1, N), "redshift_err": np.full(N, 0.01)}
    made |= {f"mag_{name}": values[:, k] for k, name in enumerate(names)}
    made |= {f"mag_{name}_err": np.full(N, 0.02) for name in names}
    return made | {"number": np.arange(N), "note": ["a", "b", "", "d", "e", "f"], "ebv": np.full(N, 0.04)}


def in_quantities() -> QTable:
    table = QTable(columns())
    for name in agez.load_filters("splus").bands.names:
        table[f"mag_{name}"] = table[f"mag_{name}"] * u.ABmag
        table[f"mag_{name}_err"] = table[f"mag_{name}_err"] * u.mag
    return table


def in_janskys() -> QTable:
    table = QTable(columns())
    for name in agez.load_filters("splus").bands.names:
        flux = 10 ** (-0.4 * (table[f"mag_{name}"] - 8.9)) * u.Jy
        table[f"flux_{name}"] = flux.to(u.mJy)
        table[f"flux_{name}_err"] = flux * table[f"mag_{name}_err"] * np.log(10) / 2.5
        table.remove_columns([f"mag_{name}", f"mag_{name}_err"])
    return table


def pandas_frame():
    return pytest.importorskip("pandas").DataFrame(columns())


FORMS = {
    "dict": columns,
    "Table": lambda: Table(columns()),
    "QTable": lambda: QTable(columns()),
    "magnitudes": in_quantities,
    "fluxes": in_janskys,
    "masked": lambda: Table(columns(), masked=True),
    "records": lambda: Table(columns()).as_array(),
    "recarray": lambda: np.rec.array(Table(columns()).as_array()),
    "pandas": pandas_frame,
    "pandas, by id": lambda: pandas_frame().set_index("id"),
    "pandas, own types": lambda: pandas_frame().convert_dtypes(),
    "polars": lambda: pytest.importorskip("polars").DataFrame(columns()),
    "polars, lazy": lambda: pytest.importorskip("polars").LazyFrame(columns()),
    "arrow": lambda: pytest.importorskip("pyarrow").table(columns()),
}


@pytest.fixture(scope="module")
def from_dict() -> agez.Prediction:
    return agez.predict(columns(), "splus", keep=["number", "note"])


@pytest.mark.parametrize("form", FORMS)
def test_every_kind_of_table_gives_the_same(form: str, from_dict: agez.Prediction):
    prediction = agez.predict(FORMS[form](), "splus", keep=["number", "note"])
    # mJy and linear errors of magnitudes round differently; all else is the same to the last bit
    exact = form != "fluxes"
    for name in from_dict.column_names():
        one, other = getattr(prediction, name), getattr(from_dict, name)
        if one.dtype.kind == "U":
            assert one.tolist() == other.tolist()
        else:
            assert np.allclose(one, other, rtol=0 if exact else 1e-3, atol=0 if exact else 1e-4, equal_nan=True), name
    table = prediction.to_table()
    assert table["id"].tolist() == [f"g{i}" for i in range(N)]
    assert table["number"].tolist() == list(range(N))
    assert table["note"].tolist() == ["a", "b", "", "d", "e", "f"]
    assert prediction.input.photometry.covered[1].sum() == 11


def test_the_command_gives_the_same_table(tmp_path):
    Table(columns()).write(tmp_path / "in.fits")
    options = ("--ebv", "ebv", "--columns", "log_age_lw,av", "--error-floor", 0.02, "--keep", "note")
    done("predict", tmp_path / "in.fits", "-o", tmp_path / "out.fits", "--model", "splus", *options)
    theirs = read_table(tmp_path / "out.fits")
    asked = {"ebv": "ebv", "columns": "log_age_lw,av", "error_floor": 0.02, "keep": "note"}
    for data in (tmp_path / "in.fits", Table.read(tmp_path / "in.fits")):
        ours = agez.predict(data, "splus", **asked).to_table()
        assert ours.colnames == theirs.colnames
        for name in theirs.colnames:
            assert np.array_equal(ours[name], theirs[name], equal_nan=ours[name].dtype.kind == "f"), name


def test_a_folder_of_files_is_answered_in_its_order(tmp_path):
    pytest.importorskip("pyarrow")
    folder = write_catalogue(tmp_path / "sky", files=3, rows=40)
    prediction = agez.predict(folder, "splus", ebv="ebv", keep="tile", filters="splus")
    table = prediction.to_table()
    assert len(prediction) == len(prediction.input.photometry) == 120
    assert table["id"].tolist() == [f"{k}-{i:05d}" for k in range(3) for i in range(40)]
    assert set(table["tile"]) == {"STRIPE82"}
    second = agez.predict(made_up_columns(40, seed=1), "splus", ebv="ebv", filters="splus")
    for name in ("log_age_lw", "mh_lw_err", "ood"):
        assert getattr(prediction[40:80], name) == pytest.approx(getattr(second, name), rel=1e-5), name
    with pytest.raises(agez.AgezError, match="is a file, whose rows are in its own order"):
        agez.predict(folder, "splus", redshift=np.zeros(120))


def test_photometry_and_spectra_that_were_read_already(tmp_path, from_dict):
    Table(columns()).write(tmp_path / "in.fits")
    photometry = agez.read_photometry(tmp_path / "in.fits", filters="splus")
    assert np.array_equal(agez.predict(photometry, "splus").mean, from_dict.mean, equal_nan=True)
    moved = agez.predict(photometry, "splus", redshift=np.full(N, 0.05) * u.one, ebv=0.1, id=list("abcdef"))
    there = columns() | {"redshift": np.full(N, 0.05), "id": list("abcdef")}
    del there["redshift_err"]
    again = agez.predict(there, "splus", ebv=0.1, redshift_err=columns()["redshift_err"])
    assert np.array_equal(moved.mean, again.mean, equal_nan=True)
    assert moved.rows.spec_id.tolist() == again.rows.spec_id.tolist() == list("abcdef")
    for name in ("unit", "aperture", "id", "redshift", "ebv"):
        with pytest.raises(agez.AgezError, match=f"{name} is for tables"):
            agez.predict(photometry, "splus", **{name: "mag"})
    wave, flux = np.arange(3500.0, 9500.0), np.ones((2, 6000))
    spectra = agez.Spectra(
        wave, flux, 0.02 * flux, flux < 0, "air", agez.Rows.numbered(2), np.array([0.01, 0.02]), np.full(6000, 2.5),
        "1e-16 erg / (s cm2 Angstrom)", np.zeros(2, np.int32),
    )  # fmt: skip
    assert len(agez.predict(spectra, "splus")) == 2
    with pytest.raises(agez.AgezError, match=r"option ebv is for tables.*agez.synthesize"):
        agez.predict(spectra, "splus", ebv=0.1)


def test_arrays_among_options_take_the_place_of_columns():
    pandas = pytest.importorskip("pandas")
    z = np.linspace(0.02, 0.05, N)
    plain = columns() | {"redshift": z, "id": [f"n{i}" for i in range(N)]}
    expected = agez.predict(plain, "splus", ebv="ebv")
    said = agez.predict(
        columns(), "splus", redshift=pandas.Series(z), id=np.array(plain["id"]), ebv=np.full(N, 0.04) * u.mag / u.mag
    )
    assert np.array_equal(said.mean, expected.mean, equal_nan=True)
    assert said.to_table()["redshift"].tolist() == z.tolist()
    assert said.meta["corrections"]["ebv"]["median"] == pytest.approx(0.04)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"redshift": [0.1, 0.2]}, "redshift has shape (2,); expected a value for each of the 6 rows"),
        ({"redshift": "zz"}, "option redshift is 'zz', which is neither a number nor a column of dict"),
        ({"redshift": True}, "redshift is True"),
        ({"redshift": 1.0 * u.m}, "redshift: values are in m; expected numbers without a unit"),
        ({"redshift": np.nan}, "expected a finite number"),
        ({"redshift": object()}, "redshift is an object"),
        ({"ebv": -0.1}, "ebv is -0.1"),
        ({"error_floor": 2}, "error_floor is 2"),
        ({"columns": []}, "columns is []"),
        ({"columns": "age"}, "target 'age' is none of model 'splus'"),
        ({"keep": "nothing"}, "no column nothing"),
        ({"unit": "km"}, "is in km, which is no flux density"),
        ({"recalibrate": False}, "give ebv, too"),
        ({"library": "none"}, "cannot answer for library 'none'"),
        ({"id": "nobody"}, "option id is 'nobody'"),
        ({"zero_points": 3}, "zero_points is the number 3"),
        ({"cosmology": "flat"}, "cosmology 'flat'"),
    ],
)
def test_wrong_options_are_named(options: dict, words: str):
    with pytest.raises(agez.AgezError) as caught:
        agez.predict(columns(), "splus", **options)
    assert words in str(caught.value)
    assert "--" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "the table is empty"),
        ({"flux_g": []}, "the table is empty"),
        ({"a": [1.0]}, "no column flux_<band>"),
        ({"flux_g": [1.0, 2.0], "flux_r": [1.0]}, "column flux_r has 1 rows, flux_g has 2"),
        ({"flux_g": [[1.0, 2.0], [1.0]]}, "no array can be made"),
        ("missing.fits", "no such file"),
    ],
)
def test_tables_that_are_none(data, words: str):
    with pytest.raises(agez.AgezError) as caught:
        agez.predict(data, "splus")
    assert words in str(caught.value)


def test_one_galaxy_of_single_numbers():
    flux = {f"flux_{name}": 10.0 for name in agez.load_filters("splus").bands.names}
    assert len(agez.predict(flux | {"redshift": 0.02}, "splus")) == 1
    row = Table(columns())[2]
    assert agez.predict(row, "splus").rows.spec_id.tolist() == ["g2"]


def test_gaps_of_data_frames_are_missing_values():
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    values = {"i": [1, None, 3], "f": [1.5, None, 2.5], "s": ["a", None, "c"], "b": [True, None, False]}
    for frame in (polars.DataFrame(values), pandas.DataFrame(values).convert_dtypes()):
        table = plain_table(frame)
        assert np.ma.getmaskarray(table["i"]).tolist() == [False, True, False]
        assert table["i"].dtype.kind == "i"
        assert np.isnan(np.ma.filled(table["f"], np.nan)).tolist() == [False, True, False]
        assert np.ma.getmaskarray(table["s"]).tolist() == [False, True, False]
        assert np.ma.getmaskarray(table["b"]).tolist() == [False, True, False]


def test_rows_of_a_prediction_are_predictions_and_know_their_input(from_dict):
    assert from_dict[2].rows.spec_id.tolist() == from_dict[-4].rows.spec_id.tolist() == ["g2"]
    assert [one.rows.spec_id[0] for one in from_dict] == [f"g{i}" for i in range(N)]
    some = from_dict[[4, 1]]
    assert some.input.photometry.rows.spec_id.tolist() == some.to_table()["id"].tolist() == ["g4", "g1"]
    assert some.expected()[0] == pytest.approx(from_dict.expected()[0][[4, 1]], rel=1e-6)
    model = agez.load_model("splus")
    assert np.array_equal(from_dict.expected()[0], model.expected(from_dict.input.photometry)[0], equal_nan=True)
    with pytest.raises(IndexError):
        from_dict[N]
    with pytest.raises(agez.AgezError, match="columns are attributes"):
        from_dict["log_age_lw"]
    joined = agez.Prediction.concatenate([from_dict[:2], from_dict[2:]])
    assert joined.to_table()["note"].tolist() == from_dict.to_table()["note"].tolist()


def test_a_prediction_is_pickled_without_its_model(from_dict):
    stored = pickle.dumps(from_dict)
    assert len(stored) < 60_000 < sum(one.nbytes for one in agez.load_model("splus").arrays.values())
    again = pickle.loads(stored)
    assert again.input.model is None
    assert np.array_equal(again.mean, from_dict.mean, equal_nan=True)
    assert np.array_equal(again.expected()[0], from_dict.expected()[0], equal_nan=True)  # the model is looked up


def test_a_prediction_of_a_file_says_what_it_lacks(tmp_path, from_dict):
    agez.write_prediction(tmp_path / "p.fits", from_dict)
    with pytest.raises(agez.AgezError, match="does not know its photometry"):
        agez.read_prediction(tmp_path / "p.fits").expected()


def test_data_frames_of_answers(from_dict):
    pandas = pytest.importorskip("pandas")
    frame = from_dict.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == from_dict.to_table().colnames
    assert frame["log_age_lw"].tolist() == from_dict.log_age_lw.tolist()
    wide = from_dict.to_table(distribution=True)
    assert len(wide.colnames) > len(frame.columns)


@pytest.mark.parametrize("name", [None, "id", "other"])
def test_data_frames_of_answers_have_the_index_of_the_input(name):
    pandas = pytest.importorskip("pandas")
    given = pandas_frame()
    given.index = pandas.Index([f"g{k}" for k in range(len(given))][::-1], name=name)
    given = given.drop(columns="id") if name == "id" else given
    prediction = agez.predict(given, model="splus")
    pandas.testing.assert_index_equal(prediction.to_pandas().index, given.index)
    pandas.testing.assert_index_equal(prediction[1:3].to_pandas().index, given.index[1:3])
    assert prediction[2].to_pandas().index.tolist() == [given.index[2]]


def test_files_in_bands_of_the_models_own_are_known_by_the_model(tmp_path):
    """A table in bands that no set of agez has: the file is answered as the table is."""
    model = agez.load_model("splus")
    bands = replace(model.bands, names=tuple(f"B{k}" for k in range(len(model.bands))))
    own = replace(model, header={**model.header, "bands": bands.to_dict()})
    table = Table(columns())
    for old, new in zip(model.bands.names, bands.names, strict=True):
        table.rename_columns([f"mag_{old}", f"mag_{old}_err"], [f"mag_{new}", f"mag_{new}_err"])
    table.write(tmp_path / "own.csv")
    found, same = agez.predict(tmp_path / "own.csv", own), agez.predict(table, own)
    np.testing.assert_allclose(found.mean, same.mean, rtol=1e-5)
    with pytest.raises(agez.AgezError, match=r"no wavelength column|no columns of photometry"):
        agez.predict(tmp_path / "own.csv", model)


def test_answers_of_frames_and_tables_are_joined_without_an_index():
    pytest.importorskip("pandas")
    frame, table = agez.predict(pandas_frame(), "splus"), agez.predict(Table(columns()), "splus")
    for parts in ((frame, table), (table, frame)):
        joined = agez.Prediction.concatenate(parts)
        assert joined.input.index is None
        np.testing.assert_array_equal(joined.mean, np.concatenate([one.mean for one in parts]))
    assert list(agez.Prediction.concatenate([frame, frame]).input.index) == 2 * list(frame.input.index)
