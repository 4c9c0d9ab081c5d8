"""Sets in TOML: what a description may say, what of it is refused, and rows as it describes them."""

import numpy as np
import pytest
from astropy.table import Table

import agez
from agez.bench.registry import find_sets, shipped_sets
from agez.bench.rows import BenchRows, Known
from agez.bench.set_files import read_set
from agez.errors import AgezError

GOOD = """
name = "mine"
title = "Galaxies of mine"
table = "galaxies.ecsv"
filters = "splus"
id = "ID"
redshift = "z"
redshift_err = "z_lo,z_hi"
redshift_range = [0.01, 0.1]
ebv = 0.03
citation = "Me 2026"

[bands]
magnitude = "{band}_auto"
error = "e_{band}_auto"

[known]
mh = "FeH"
axis_ratio = "ba"
repeat = "object"

[known.kind]
E = "early"
S = "late"

[kinds]
older = ["E", "S"]
order = ["E", "S"]
"""


def write(folder, text, name="set.toml"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def galaxies(tmp_path):
    n = 6
    columns = {
        "ID": [f"g{k}" for k in range(n)],
        "z": np.full(n, 0.05),
        "z_lo": np.full(n, 0.04),
        "z_hi": np.full(n, 0.06),
    }
    columns |= {f"{band}_auto": np.full(n, 16.0) for band in ("u", "g", "r", "F378")}
    columns |= {f"e_{band}_auto": np.full(n, 0.02) for band in ("u", "g", "r", "F378")}
    columns["u_auto"][0] = 99.0
    columns |= {"FeH": np.linspace(-0.5, 0, n), "ba": np.linspace(0.2, 1, n), "object": ["a", "a", "b", "", "", "b"]}
    columns |= {"early": [1, 0, 1, 0, 0, 0], "late": [0, 1, 0, 1, 0, 0]}
    Table(columns).write(tmp_path / "galaxies.ecsv")
    return write(tmp_path, GOOD)


def test_rows_are_as_the_description_says(galaxies):
    one = read_set(galaxies)
    rows = one.rows()
    assert (one.older, one.order, one.redshift_range, one.ebv) == (("E", "S"), ("E", "S"), (0.01, 0.1), 0.03)
    assert rows.photometry.bands.names == ("uJAVA", "J0378", "gSDSS", "rSDSS")
    assert rows.photometry.covered.sum(axis=0).tolist() == [5, 6, 6, 6]
    np.testing.assert_allclose(rows.photometry.redshift_err, 0.01)
    assert rows.known.name.tolist() == [f"g{k}" for k in range(6)]
    assert rows.known.kind.tolist() == ["E", "S", "E", "S", "", ""]
    assert rows.known.repeat.tolist() == ["a", "a", "b", "", "", "b"]
    assert rows.known.inclination[[0, -1]].tolist() == pytest.approx([90, 0])
    np.testing.assert_allclose(rows.known.mh, np.linspace(-0.5, 0, 6))
    assert np.isnan(rows.known.log_age).all()
    assert rows.take(np.array([2, 0])).known.name.tolist() == ["g2", "g0"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "mine"', "", "name is missing"),
        ('name = "mine"', "name = 3", "name is 3; expected text"),
        ('filters = "splus"', "", "filters is missing"),
        ('table = "galaxies.ecsv"', "", "one of the keys table"),
        ('table = "galaxies.ecsv"', 'table = "a"\nspectra = "b"', "one of the keys table"),
        ("ebv = 0.03", "ebv = -1", "ebv is -1"),
        ("ebv = 0.03", 'fwhm_angstrom = 3.0', "'fwhm_angstrom' is not for tables"),
        ("ebv = 0.03", "colour = 1", "unknown key 'colour'"),
        ("redshift_range = [0.01, 0.1]", "redshift_range = [0.1, 0.01]", "redshift_range"),
        ("redshift_range = [0.01, 0.1]", "redshift_range = 3", "redshift_range"),
        ('magnitude = "{band}_auto"', 'magnitude = "auto"', "{band} once"),
        ('error = "e_{band}_auto"', "", "needs magnitude and error"),
        ('mh = "FeH"', 'metals = "FeH"', "unknown key of [known] 'metals'"),
        ('mh = "FeH"', "mh = 0.1", "mh is 0.1"),
        ('E = "early"', "E = 1", "kind is"),
        ('older = ["E", "S"]', 'older = ["E"]', "older has 1 classes"),
        ('older = ["E", "S"]', 'older = "E"', "expected a list"),
        ('redshift = "z"', "redshift = true", "redshift is True"),
        ('citation = "Me 2026"', "citation = =", "not valid TOML"),
    ],
)  # fmt: skip
def test_what_is_refused_is_named(tmp_path, old, new, words):
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(AgezError) as caught:
        read_set(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value).replace("TOML: ", "")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('id = "ID"', 'id = "NAME"', "no column 'NAME'"),
        ('mh = "FeH"', 'mh = "ZH"', "no column 'ZH'"),
        ('E = "early"', 'E = "ell"', "no column 'ell'"),
        ('magnitude = "{band}_auto"', 'magnitude = "{band}_petro"', "'{band}_petro'"),
        ('table = "galaxies.ecsv"', 'table = "other.ecsv"', "other.ecsv"),
        ('redshift = "z"', 'redshift = "zphot"', "zphot"),
    ],
)
def test_what_the_table_lacks_is_named(galaxies, old, new, words):
    one = read_set(write(galaxies.parent, GOOD.replace(old, new), "bad.toml"))
    with pytest.raises(AgezError) as caught:
        one.rows()
    assert words in str(caught.value)


def test_folders_of_spectra_with_a_list(tmp_path):
    wave = np.arange(3800.0, 7000.0, 2.0)
    for name in ("b", "a"):
        table = Table({"wave": wave, "flux": np.ones(len(wave)), "flux_err": np.full(len(wave), 0.02)})
        table.write(tmp_path / f"{name}.ecsv")
    Table({"file": ["b.ecsv", "a.ecsv"], "z": [0.02, 0.01], "age": [9.0, 10.0]}).write(tmp_path / "list.csv")
    text = 'name = "s"\nspectra = "?.ecsv"\nlist = "list.csv"\nfilters = "jpas"\nredshift = "z"\nmedium = "air"\n'
    rows = read_set(write(tmp_path, text + 'fwhm_angstrom = 4.0\n[known]\nlog_age = "age"\n')).rows()
    assert rows.known.name.tolist() == ["a", "b"]
    assert rows.known.log_age.tolist() == [10.0, 9.0]
    assert [float(one.redshift[0]) for one in rows.spectra] == [0.01, 0.02]
    assert all((one.fwhm_angstrom == 4.0).all() and one.medium == "air" for one in rows.spectra)
    with pytest.raises(AgezError, match="need a key list"):
        read_set(write(tmp_path, text.replace('list = "list.csv"\n', "")))
    with pytest.raises(AgezError, match="no such file"):
        read_set(write(tmp_path, text.replace("?.ecsv", "?.fits"))).rows()
    with pytest.raises(AgezError, match="no column 'redshift'"):
        read_set(write(tmp_path, text.replace('"z"', '"redshift"'))).rows()
    Table({"file": ["b.ecsv"], "z": [0.02]}).write(tmp_path / "short.csv")
    with pytest.raises(AgezError, match=r"no row of 'a\.ecsv'"):
        read_set(write(tmp_path, text.replace("list.csv", "short.csv"))).rows()


def test_sets_that_ship_are_described_alike():
    assert [one.name for one in find_sets([])] == [one.name for one in shipped_sets()]
    for one in shipped_sets():
        assert one.citation
        assert one.licence
        assert agez.load_model(one.filters).bands.filter_set == one.filters
    with pytest.raises(AgezError, match="no set is called 'sdds'"):
        find_sets(["splus", "sdds"])


def test_shipped_sets_need_a_folder(tmp_path, monkeypatch):
    (one,) = find_sets(["splus"])
    monkeypatch.delenv("AGEZ_SKY", raising=False)
    with pytest.raises(AgezError, match="give --data DIR"):
        one.rows()
    with pytest.raises(AgezError, match="is no folder"):
        one.rows(str(tmp_path / "nowhere"))
    monkeypatch.setenv("AGEZ_SKY", str(tmp_path))
    with pytest.raises(AgezError, match=r"splus_dr4_dual\.csv, which is not there"):
        one.rows()


def test_rows_check_themselves():
    known = Known.of(["a", "b"], mh=[0.0, 0.1])
    with pytest.raises(AgezError, match="photometry or spectra"):
        BenchRows(known)
    with pytest.raises(AgezError, match=r"Known\.mh"):
        Known.of(["a", "b"], mh=[0.0])
