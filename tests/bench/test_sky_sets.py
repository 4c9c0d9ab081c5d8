"""The shipped sets on their real data, where there are any, and their readers on what is invented."""

import numpy as np
import pytest
from astropy.io import fits

from agez.bench.bench_run import BenchOptions, run_bench
from agez.bench.registry import find_sets
from agez.bench.sky_spectra import KC96, atlas_kinds, read_clusters, read_kc96
from agez.errors import AgezError

LIST = """
LIST OF GALAXIES
1a. Ellipticals
ngc205
ngc1052

1b. Spirals and later types
ngc1433
2a. Starbursts/HII

1050-04
ngc6221
mkn313
2b. Seyferts
ngc6221
2c. LINERs/mixed types
ngc1052
"""


@pytest.fixture
def sky(shared_data):
    folder = shared_data / "sky"
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}")
    return str(folder)


def test_classes_of_the_atlas():
    """Nuclei of two classes count as the active one."""
    assert atlas_kinds(LIST) == {
        "ngc205": "elliptical", "ngc1052": "LINER", "ngc1433": "spiral", "1050_04": "starburst", "ngc6221": "Seyfert",
        "mrk313": "starburst",
    }  # fmt: skip


def test_mean_spectra_are_read_without_errors(tmp_path, rng):
    (tmp_path / "kc96_templates").mkdir()
    wave = np.linspace(1200, 10000, 1741)
    for name in KC96:
        flux = 1e-14 * (1 + 0.03 * rng.standard_normal(len(wave)))
        columns = [fits.Column("WAVELENGTH", "E", array=wave), fits.Column("FLUX", "E", array=flux)]
        fits.BinTableHDU.from_columns(columns).writeto(tmp_path / f"kc96_templates/{name}.fits")
    rows = read_kc96(tmp_path)
    assert rows.known.kind.tolist() == list(KC96)
    spectrum = rows.spectra[0]
    assert spectrum.wave_angstrom[0] > 3190
    np.testing.assert_allclose(np.median(spectrum.flux_err / spectrum.flux), 0.03, rtol=0.2)


def test_a_table_that_is_none_is_named(tmp_path):
    (tmp_path / "clusters").mkdir()
    (tmp_path / "clusters/m67_nobs.dat").write_text("not a table\n")
    with pytest.raises(AgezError, match="m67_nobs"):
        read_clusters(tmp_path)


def test_rows_of_splus(sky):
    rows = find_sets(["splus"])[0].rows(sky)
    assert len(rows) == 4393
    assert len(rows.photometry.bands) == 12
    assert rows.photometry.covered.mean() > 0.98
    counted = {kind: int((rows.known.kind == kind).sum()) for kind in "ESU"}
    assert counted == {"E": 602, "S": 1506, "U": 2285}


def test_spectra_of_the_atlas(sky):
    rows = find_sets(["atlas"])[0].rows(sky)
    assert len(rows) == 47
    assert set(rows.known.kind.tolist()) == {"elliptical", "spiral", "starburst", "Seyfert", "LINER"}
    assert all(np.isfinite(one.redshift[0]) for one in rows.spectra)


def test_m67_is_four_gigayears_old_and_solar(sky, emiles):
    """The fit, whatever the templates that are asked for: these are E-MILES."""
    result = run_bench(find_sets(["clusters"]), BenchOptions(data=sky, model="jpas", templates="emiles"))
    (row,) = result["sets"]["clusters"]["rows"]
    assert row["fit"]["log_age_lw"] == pytest.approx(9.60, abs=0.1)
    assert row["fit"]["mh_lw"] == pytest.approx(0.0, abs=0.1)
