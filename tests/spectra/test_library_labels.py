"""Labels by several template libraries: the first one's labels stay as they are, and the spread is that of them all."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from spectra_factory import light_fractions, observe

from agez.errors import AgezError
from agez.label_types import Labels, LibraryLabels
from agez.labelling.label_parts import read_part, write_part
from agez.spectra.fitting import fit_labels
from agez.spectra.label_files import read_labels, write_labels
from agez.spectra.library_labels import fit_labels_by_libraries
from agez.types import LABEL_NAMES


@pytest.fixture(scope="module")
def grids(toy_grid):
    """The same stars under other scales: the second library calls every population richer, the third older, too."""
    first = replace(toy_grid, fwhm_angstrom=6.0)
    return (
        first, replace(first, name="richer", mh=first.mh + 0.2),
        replace(first, name="older", log_age=first.log_age + 0.1, mh=first.mh + 0.1),
    )  # fmt: skip


@pytest.fixture(scope="module")
def spectra(grids):
    rng = np.random.default_rng(3)
    fractions = light_fractions(grids[0], 6, rng)
    return observe(grids[0], fractions, velocity_kms=np.zeros(6), sigma_kms=np.full(6, 120.0), snr=50.0, rng=rng)


@pytest.fixture(scope="module")
def labels(spectra, grids) -> Labels:
    return fit_labels_by_libraries(spectra, grids)


def test_the_labels_are_those_of_the_first_library(spectra, grids, labels):
    alone = fit_labels(spectra, grids[0])
    for name in Labels.column_names():
        np.testing.assert_array_equal(getattr(labels, name), getattr(alone, name))
    assert labels.meta["libraries"] == ["made-up", "richer", "older"]


def test_the_spread_is_the_difference_of_the_scales(labels):
    """Renamed nodes give the same weights, so the true differences are known."""
    spread = dict(zip(LABEL_NAMES, labels.libraries.spread.T, strict=True))
    np.testing.assert_allclose(spread["log_age_lw"], np.std([0.0, 0.0, 0.1], ddof=1), atol=0.02)
    np.testing.assert_allclose(spread["mh_lw"], np.std([0.0, 0.2, 0.1], ddof=1), atol=0.03)


def test_answers_that_are_missing_do_not_count():
    values = np.full((3, 3, 4), np.nan)
    values[0, :, 0], values[1, :2, 0], values[2, 0, 0] = [9.0, 9.2, 9.4], [9.0, 9.2], 9.0
    none = np.zeros((3, 3))
    found = LibraryLabels(("a", "b", "c"), values, values, none, none.astype(np.int32)).spread[:, 0]
    np.testing.assert_allclose(found, [0.2, np.std([0.0, 0.2], ddof=1), np.nan])


def test_all_of_them_are_in_the_file(tmp_path, labels):
    write_labels(tmp_path / "l.fits", labels)
    back = read_labels(tmp_path / "l.fits").libraries
    assert back.libraries == labels.libraries.libraries
    for name in ("values", "errors", "chi2", "flags"):
        np.testing.assert_array_equal(getattr(back, name), getattr(labels.libraries, name))
    with fits.open(tmp_path / "l.fits") as hdus:
        table = hdus["LIBRARIES"].data
        assert list(table["library"][[0, 6, 12]]) == ["made-up", "richer", "older"]
        assert list(table["spec_id"][:6]) == list(labels.rows.spec_id)
        np.testing.assert_array_equal(table["mh_lw"][:6], labels.mh_lw)
        np.testing.assert_array_equal(hdus["LABELS"].data["mh_lw_library_spread"], labels.libraries.spread[:, 1])
        for name in ("LABELS", "LIBRARIES"):
            comments = [hdus[name].header.get(f"TCOMM{k + 1}") for k in range(len(hdus[name].columns))]
            assert all(comments), name
            assert max(map(len, comments)) <= 68


def test_parts_of_a_run_keep_them(tmp_path, labels):
    write_part(tmp_path / "part.npz", labels, "word")
    back = read_part(tmp_path / "part.npz", "word").libraries
    assert back.libraries == labels.libraries.libraries
    np.testing.assert_array_equal(back.values, labels.libraries.values)
    both = Labels.concatenate([labels, labels]).take([7])
    np.testing.assert_array_equal(both.libraries.values[0], labels.libraries.values[1])


def test_too_few_or_the_same_libraries_are_refused(spectra, grids):
    with pytest.raises(AgezError, match="two or more, found 1"):
        fit_labels_by_libraries(spectra, grids[:1])
    with pytest.raises(AgezError, match="'made-up' is given twice"):
        fit_labels_by_libraries(spectra, [grids[0], "made-up"])
