"""Another code's answers: columns by any name, rows by name or in order, and what is refused."""

import numpy as np
import pytest
from astropy.table import Table

from agez.bench.answers import parse_columns, read_answers
from agez.errors import AgezError

NAMES = np.array(["a", "b", "c"])


def table(tmp_path, **columns):
    path = tmp_path / "answers.ecsv"
    Table(columns).write(path, overwrite=True)
    return path


def test_rows_are_found_by_name(tmp_path):
    path = table(tmp_path, ID=["c", "x", "a"], t=[9.0, 8.0, 10.0], Z=[0.1, 0.2, -0.3], ok=[True, True, False])
    found = read_answers(path, NAMES, columns="age=t,mh=Z,id=ID,good=ok")
    np.testing.assert_array_equal(found["log_age_lw"], [10.0, np.nan, 9.0])
    np.testing.assert_array_equal(found["mh_lw"], [-0.3, np.nan, 0.1])
    assert found.good.tolist() == [False, False, True]
    assert np.isnan(found["log_mass"]).all()
    assert not found.has("log_mass")


def test_rows_without_names_are_taken_in_order(tmp_path):
    path = table(tmp_path, log_age_lw=[9.0, 9.5, np.nan], mh_lw=[0.0, 0.1, 0.2])
    found = read_answers(path, NAMES)
    assert found.good.tolist() == [True, True, False]
    with pytest.raises(AgezError, match="no column id"):
        read_answers(path, NAMES[:2])


@pytest.mark.parametrize(
    ("columns", "words"),
    [("age=t", "no column 'mh_lw'"), ("age=nowhere,mh=Z", "no column 'nowhere'"), ("mass=t", "no column 'log_age_lw'")],
)
def test_columns_that_are_not_there(tmp_path, columns, words):
    path = table(tmp_path, t=[9.0, 9.5, 9.6], Z=[0.0, 0.1, 0.2])
    with pytest.raises(AgezError, match=words):
        read_answers(path, NAMES, columns=columns)


def test_other_units_and_other_names_are_refused(tmp_path):
    gyr = table(tmp_path, t=[1.0, 9.5, 5.0], Z=[0.0, 0.1, 0.2])
    with pytest.raises(AgezError, match="log10 of ages in years"):
        read_answers(gyr, NAMES, columns="age=t,mh=Z")
    other = table(tmp_path, id=["x", "y", "z"], log_age_lw=[9.0, 9.0, 9.0], mh_lw=[0.0, 0.0, 0.0])
    with pytest.raises(AgezError, match="none of its identifiers"):
        read_answers(other, NAMES)
    twice = table(tmp_path, id=["a", "a", "b"], log_age_lw=[9.0, 9.0, 9.0], mh_lw=[0.0, 0.0, 0.0])
    with pytest.raises(AgezError, match="twice"):
        read_answers(twice, NAMES)


@pytest.mark.parametrize("text", ["age", "colour=x", "age=", "age=t;mh=Z="])
def test_columns_are_understood_or_refused(text):
    if text == "age=t;mh=Z=":
        assert parse_columns(text)["log_age_lw"] == "t;mh=Z="
        return
    with pytest.raises(AgezError, match="not understood"):
        parse_columns(text)


def test_codes_stand_for_no_answer(tmp_path):
    names = np.array(["a", "b", "c", "d"])
    Table({"id": names, "age": [9.1, -99.0, 9.5, 9.9], "mh": [0.0, 0.0, -99.0, 0.1]}).write(tmp_path / "t.csv")
    answers = read_answers(tmp_path / "t.csv", names, columns="age=age,mh=mh")
    assert answers.good.tolist() == [True, False, True, True]
    assert np.isnan(answers.values["mh_lw"]).tolist() == [False, False, True, False]
