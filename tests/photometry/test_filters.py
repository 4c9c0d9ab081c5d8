"""Filter sets: names, shipped profiles against measured curves, and users' own curves."""

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

import agez
from agez.errors import AgezError
from agez.photometry.curves_io import read_curves
from agez.photometry.filters import PAPER_BANDS, canonical_band_name, replace_curves
from agez.photometry.profiles import flat_profile, full_width_half_maximum, pivot_wavelength
from agez.spectra.templates import SSPGrid
from agez.surveys.registry import filter_sets


@pytest.mark.parametrize(("name", "count"), [("jpas", 59), ("jplus", 12), ("splus", 12), ("alhambra", 20)])
def test_shipped_sets(name: str, count: int) -> None:
    filters = agez.load_filters(name)
    assert len(filters) == count
    assert filters.bands.filter_set == name
    assert len(filters.source) > 20
    for curve, pivot, width in zip(
        filters.curves, filters.bands.pivot_angstrom, filters.bands.fwhm_angstrom, strict=True
    ):
        assert abs(pivot_wavelength(*curve) - pivot) < 0.1
        assert abs(full_width_half_maximum(*curve) - width) < 0.04 * width


def test_the_papers_bands() -> None:
    assert len(PAPER_BANDS) == 34
    assert PAPER_BANDS[0] == "J0378"
    assert PAPER_BANDS[-1] == "J0730"
    assert not {"J0660", "J0670"} & set(PAPER_BANDS)
    assert agez.load_filters("jpas").select(PAPER_BANDS).names == PAPER_BANDS


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        ("JPAS4000_145", "J0400"), ("JPAS3785_168", "J0378"), ("JPAS_3900_145", "J0390"), ("JPAS7300_145", "J0730"),
        ("J0348", "uJAVA"), ("u", "uJAVA"), ("gsdss", "gSDSS"), ("F378", "J0378"), ("F0378", "J0378"),
        ("F365W", "A366M"), ("F954W", "A948M"), ("JPLUS_J0515", "J0515"), ("j0400", "J0400"), ("what", "what"),
    ],
)  # fmt: skip
def test_spellings(spelled: str, name: str) -> None:
    assert canonical_band_name(spelled) == name


@given(st.text(max_size=20))
def test_any_text_is_a_name_or_itself(text: str) -> None:
    found = canonical_band_name(text)
    assert canonical_band_name(found) == found


def test_every_own_name_is_canonical() -> None:
    for name in filter_sets():
        for band in agez.load_filters(name).names:
            assert canonical_band_name(band) == band
            assert canonical_band_name(band.lower(), agez.load_filters(name).names) == band


def test_select_takes_any_spelling_and_keeps_order() -> None:
    chosen = agez.load_filters("jpas").select(["JPAS5000_145", "J0348"])
    assert chosen.names == ("J0500", "uJAVA")
    assert chosen.bands.pivot_angstrom[0] > chosen.bands.pivot_angstrom[1]
    with pytest.raises(AgezError, match="band 'J9999' is unknown; the bands are uJAVA"):
        agez.load_filters("jpas").select(["J9999"])


def test_unknown_set() -> None:
    with pytest.raises(AgezError, match=r"'jpass' is unknown; choose jpas, jplus, splus, alhambra, or give the path"):
        agez.load_filters("jpass")


def test_flat_profile_has_what_was_asked() -> None:
    curve = flat_profile(5000.0, 150.0).curve()
    assert abs(pivot_wavelength(*curve) - 5000.0) < 1e-3
    assert abs(full_width_half_maximum(*curve) - 150.0) < 0.1


def test_top_hat_pivot_and_width_are_analytic() -> None:
    wave = np.linspace(4000.0, 5000.0, 100_001)
    assert np.isclose(pivot_wavelength(wave, np.ones_like(wave)), np.sqrt(4500.0 * 1000 / np.log(1.25)), rtol=1e-8)
    assert full_width_half_maximum(wave, np.ones_like(wave)) == 1000.0


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Maintainers' scripts can be imported."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "tools"))


@pytest.mark.usefixtures("tools")
def test_fit_recovers_a_profile() -> None:
    from derive_filters import fit_profile

    true = flat_profile(6000.0, 145.0)
    wave = np.arange(5850.0, 6150.0)
    found = fit_profile(wave, 0.6 * true.response(wave), 1)
    assert np.allclose(
        [found.low_edge, found.low_width, found.high_edge, found.high_width],
        [true.low_edge, true.low_width, true.high_edge, true.high_width], rtol=1e-3,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["jpas", "jplus", "splus"])
@pytest.mark.usefixtures("tools")
def test_shipped_agree_with_measured_curves(name: str, shared_data: Path, emiles: SSPGrid) -> None:
    """Over E-MILES (all ages, metallicities; with and without dust; z 0 to 0.1): 0.01 mag is asked for, 0.0005 met."""
    from derive_filters import shipped_against_measured

    names, differences = shipped_against_measured(name, shared_data / "filters", thin=4)
    assert np.isfinite(differences).all()
    rms = dict(zip(names, np.sqrt(np.mean(differences**2, axis=0)), strict=True))
    assert max(rms.values()) < 0.003, rms
    assert np.sqrt(np.mean(differences**2)) < 0.001


def test_shipped_pivots_are_the_measured_ones(shared_data: Path) -> None:
    table = Table.read(shared_data / "filters" / "jpas_pivot_fwhm.csv", format="ascii.csv")
    bands = agez.load_filters("jpas").bands
    for row in table:
        name = canonical_band_name(str(row["filter"]))
        if name in bands.names:
            k = bands.names.index(name)
            # J0910's long noisy wing makes its pivot depend on the rule of integration.
            assert abs(bands.pivot_angstrom[k] - row["pivot_angstrom"]) < (0.7 if name == "J0910" else 0.25)
            assert abs(bands.fwhm_angstrom[k] - row["fwhm_angstrom"]) < 0.5


def test_measured_curves_of_the_user(shared_data: Path) -> None:
    path = shared_data / "filters" / "jpas_measured_2017.csv"
    names = ["uJAVA", "J0378", "J0400"]
    shipped, curves = agez.load_filters("jpas"), read_curves(path, counting="photon")
    measured = replace_curves(shipped.select(names), curves, source=str(path))
    assert measured.names == tuple(names)
    assert str(path) in measured.source
    with pytest.raises(AgezError, match="no curve for iSDSS of 'jpas'"):
        replace_curves(shipped, curves, source=str(path))


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_folder_of_two_column_files(tmp_path: Path) -> None:
    write(tmp_path / "red.dat", "# counting: photon\n6000 0\n6050 1\n6100 1\n6150 0\n")
    write(tmp_path / "blue.txt", "# counting: photon\n# wavelength_unit: nm\n400 0\n405 1\n410 1\n415 0\n")
    filters = agez.load_filters(tmp_path)
    assert filters.names == ("blue", "red")
    assert np.allclose(filters.curves[0][0], [4000, 4050, 4100, 4150])
    assert abs(filters.bands.pivot_angstrom[1] - 6075) < 2


@pytest.mark.parametrize("kind", ["csv", "ecsv"])
def test_one_table(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"own.{kind}"
    if kind == "csv":
        write(
            path,
            "# counting: photon\nfilter,wavelength_nm,throughput\n"
            "a,500,0\na,510,1\na,520,0\nb,600,0\nb,610,1\nb,620,0\n",
        )
    else:
        table = Table({"filter": ["a"] * 3 + ["b"] * 3, "wavelength": [500, 510, 520, 600, 610, 620] * u.nm})
        table["throughput"] = [0, 1.0, 0, 0, 1.0, 0]
        table.meta["counting"] = "photon"
        table.write(path)
    filters = agez.load_filters(path)
    assert filters.names == ("a", "b")
    assert np.allclose(filters.curves[1][0], [6000, 6100, 6200])
    assert filters.name == "own"


def test_energy_response_becomes_photon_response(tmp_path: Path) -> None:
    wave = np.linspace(4000, 6000, 50)
    rows = "\n".join(f"{w} {1.0}" for w in wave)
    energy = read_curves(write(tmp_path / "e.dat", rows).parent, counting="energy")["e"]
    assert np.allclose(energy[1] * energy[0], 1.0)


def test_air_curves_are_moved_to_vacuum(tmp_path: Path) -> None:
    write(tmp_path / "b.dat", "# counting: photon\n# medium: air\n5000 1\n5100 1\n")
    assert np.allclose(agez.load_filters(tmp_path).curves[0][0], [5001.394, 5101.420], atol=2e-3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5000 0\n5010 1\n5005 0\n", r"row 3 \(5005\) is not; sort the file and remove duplicates"),
        ("5000 0\n5000 1\n5005 0\n", r"row 2 \(5000\) is not"),
        ("5000 0\n5010 1\n5020 -0.5\n", r"negative in row 3 \(-0.5\)"),
        ("5000 1\n", "at least 2 rows"),
        ("5000 0\n5010 one\n5020 0\n", "row 2 is 'one'; expected a number"),
        ("5000 0\n5010 nan\n5020 0\n", "row 2 is not finite"),
        ("5000 0\n5010\n5020 0\n", "row 2 has 1 columns"),
        ("5000 0 1\n5010 0 1\n", "is no curve: it has 3 columns"),
        ("5000 0\n5010 0\n", "zero everywhere"),
        ("# only a comment\n", "no rows"),
        ("# medium: water\n5000 0\n5010 1\n", "medium is 'water'"),
        ("# wavelength_unit: Jy\n5000 0\n5010 1\n", "is not a unit of length"),
        ("# counting: energy\n5000 0\n5010 1\n", "the file says counting: energy, the option says photon"),
    ],
)
def test_bad_curve_files(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path / "band.dat", text)
    with pytest.raises(AgezError, match=message) as caught:
        agez.load_filters(tmp_path, counting="photon")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_small_negative_noise_is_zero(tmp_path: Path) -> None:
    write(tmp_path / "band.dat", "5000 -0.001\n5010 1\n5020 0\n")
    assert agez.load_filters(tmp_path, counting="photon").curves[0][1].min() == 0.0


def test_counting_must_be_said(tmp_path: Path) -> None:
    write(tmp_path / "band.dat", "5000 0\n5010 1\n5020 0\n")
    with pytest.raises(AgezError, match="counting is not said; say whether the response counts photons or energy"):
        agez.load_filters(tmp_path)


def test_no_argument_is_ignored(tmp_path: Path) -> None:
    write(tmp_path / "J0400.dat", "# counting: photon\n3950 0\n4000 1\n4050 0\n")
    with pytest.raises(AgezError, match="counting describes curves of your own, but 'jpas' is built in"):
        agez.load_filters("jpas", counting="photon")
    with pytest.raises(AgezError, match="measured goes with a named set"):
        agez.load_filters(tmp_path, measured=True)


def test_wrong_band_under_a_right_name(tmp_path: Path) -> None:
    write(tmp_path / "J0400.dat", "# counting: photon\n4950 0\n5000 1\n5050 0\n")
    with pytest.raises(AgezError, match="pivot at 5000 A; that of 'jpas' is at 4007 A"):
        replace_curves(agez.load_filters("jpas").select(["J0400"]), read_curves(tmp_path), source=str(tmp_path))


def test_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(AgezError, match="no curve files"):
        agez.load_filters(tmp_path)
