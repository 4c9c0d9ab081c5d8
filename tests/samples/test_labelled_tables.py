"""Labels that cannot be what they are called, and tables of every kind, by the one door of agez.predict."""

import numpy as np
import pandas as pd
import pytest
from toy_table import toy_table

import agez
from agez.samples.label_ranges import check_ranges
from agez.samples.training_rows import galaxy_digests, seen_galaxies


def test_ages_in_gyr_are_refused_and_their_logarithms_are_not():
    table, *_ = toy_table(300)
    good = agez.read_labelled_table(table, ["log_age", "mh"], filters="splus")
    assert not any("runs from" in one for one in good.meta["remarks"])
    table["log_age"] = 10 ** (np.minimum(table["log_age"], 10.1) - 9)
    with pytest.raises(agez.AgezError, match=r"log_age runs from .* is 6 to 10.2; Gyr\? .*log10\(age/Gyr\) \+ 9"):
        agez.read_labelled_table(table, ["log_age"], filters="splus")
    table.rename_column("log_age", "age_gyr")
    assert len(agez.read_labelled_table(table, ["age_gyr"], filters="splus")) == 300


def test_other_quantities_are_told_of():
    (said,) = check_ranges(["mh_lw", "sfr"], np.array([[-0.5, 90.0], [2.5, 90.0]]), source="t.csv")
    assert said == "t.csv: mh_lw runs from -0.5 to 2.5: [M/H] in dex is -4 to 1"


@pytest.mark.parametrize("kind", ["pandas", "dict", "records"])
def test_tables_of_other_libraries_are_read(kind):
    table, *_ = toy_table(50)
    frame = pd.DataFrame({name: np.asarray(table[name]) for name in table.colnames})
    given = {"pandas": frame, "dict": dict(frame.items()), "records": frame.to_records(index=False)}[kind]
    found, same = (agez.read_labelled_table(one, ["log_age"], filters="splus") for one in (given, table))
    np.testing.assert_array_equal(found.values, same.values)
    with pytest.raises(agez.AgezError, match="labels names 'age', which is no column"):
        agez.read_labelled_table(given, ["age"], filters="splus")


def test_galaxies_of_the_training_are_counted_by_name():
    seen = galaxy_digests(np.array(["G1", "G2", "G2", "G3 "]))
    assert len(seen) == 3
    assert np.all(np.diff(seen.astype(float)) > 0)
    assert seen_galaxies(seen, np.array(["G3", "G9", "G9"])) == 1


def test_labels_whose_names_only_begin_like_an_age_may_be_anything():
    values = np.linspace(-0.5, 1.1, 20)[:, None]
    assert check_ranges(["log_age_gyr"], values, source="t") == []
    assert check_ranges(["log_age_spread"], values, source="t") == []
    with pytest.raises(agez.AgezError, match=r"log_age_lw runs from -0\.5 to 1\.1"):
        check_ranges(["log_age_lw"], values, source="t")
