"""Cubes that repeat the spectrum of a bin in each of its spaxels: every bin once, and maps that paint it."""

import numpy as np
import pytest
from astropy.io import fits
from reader_files import califa_cube, manga_cube

from agez.errors import AgezError
from agez.labelling.cube_bins import fitted_rows, same_rows
from agez.labelling.input_files import remarks_on
from agez.labelling.label_galaxy import LabelOptions, label_file
from agez.spectra.binning import BinSettings, bin_cube
from agez.spectra.fit_settings import FitSettings
from agez.spectra.label_files import read_labels
from agez.spectra.readers import read_spectra
from agez.tables.maps_files import read_maps

#: (3, 4): four bins, one of a single spaxel; spaxels without data, and one with the star of the cube, are in none.
BINS = np.array([[-1, 0, 0, 3], [2, -1, 0, 3], [2, 2, 7, -1]])


def dap_cube(path, rng, *, bins=BINS, planes=5, name="BINID", repeat=True):
    """A LOGCUBE of the DAP: fluxes, errors and sigma of a bin in each of its spaxels, and the bins' numbers."""
    manga_cube(path, rng)
    with fits.open(path, mode="update") as hdus:
        for number in np.unique(bins[bins >= 0]) if repeat else ():
            y, x = np.nonzero(bins == number)
            for ext in ("FLUX", "IVAR", "MASK"):
                hdus[ext].data[:, y, x] = hdus[ext].data[:, y[:1], x[:1]]
        hdus["MASK"].data[:] &= ~1024
        hdus["MASK"].data[8, 0, 1] = hdus["MASK"].data[8, 0, 2] = hdus["MASK"].data[8, 1, 2] = 16  # an artefact
        hdus["MASK"].data[9] |= 32  # not fitted: a good pixel
        sigma = np.full(hdus["FLUX"].data.shape, 1.0, np.float32)
        del hdus["SPECRES"]
        hdus.append(fits.ImageHDU(sigma, name="LSF"))
        image = bins if planes == 0 else np.stack([bins, *[np.full_like(bins, -1)] * (planes - 1)])
        hdus.append(fits.ImageHDU(image.astype(np.int32), name=name))
    return path


@pytest.mark.parametrize(("name", "planes"), [("BINID", 5), ("BINID", 0), ("SEGMENTATION", 0)])
def test_each_bin_is_read_once(tmp_path, rng, name, planes):
    path = dap_cube(tmp_path / "manga-1-2-LOGCUBE-VOR10-MILESHC.fits", rng, name=name, planes=planes)
    spectra = read_spectra(path)
    assert spectra.rows.spec_id.tolist() == [f"7443-12703-{number}" for number in (0, 2, 3, 7)]
    assert spectra.meta["n_spaxels"].tolist() == [3, 3, 2, 1]
    flux = fits.getdata(path, "FLUX")
    np.testing.assert_array_equal(spectra.flux[1][~spectra.mask[1]], flux[:, 1, 0][~spectra.mask[1]])
    where = np.array([[-1, 0, 0, 2], [1, -1, 0, 2], [1, 1, 3, -1]])
    np.testing.assert_array_equal(spectra.meta["bin_id"], where)
    assert any("4 bins" in remark and name in remark for remark in remarks_on(spectra))
    if name == "BINID":
        assert np.flatnonzero(spectra.mask[0]).tolist() == [8]
    np.testing.assert_allclose(spectra.fwhm_angstrom, 2.3548 * np.hypot(1.0, 0.85 / np.sqrt(12)), rtol=0.002)
    # in the middle of the bin's spaxels, west and north of the galaxy
    np.testing.assert_allclose(spectra.rows.x[2], 0.5 * (3 - 1), atol=1e-5)
    np.testing.assert_allclose(spectra.rows.y[2], 0.5 * (0.5 - 1) + 1.0, atol=1e-5)


def test_a_cube_of_spaxels_with_a_map_of_segments_is_one_of_spaxels(tmp_path, rng):
    path = dap_cube(tmp_path / "cube.fits", rng, name="SEGMENTATION", planes=0, repeat=False)
    manga_cube(tmp_path / "plain.fits", rng)
    spectra = read_spectra(path)
    assert "bin_id" not in spectra.meta
    assert len(spectra) == len(read_spectra(tmp_path / "plain.fits"))
    bin_cube(spectra, BinSettings(method="none", min_spaxel_snr=0.1))


def test_califa_cubes_with_repeated_bins(tmp_path, rng):
    califa_cube(tmp_path / "c.fits", rng)
    bins = np.arange(20).reshape(4, 5)
    bins[1:3, 0:2] = 5
    with fits.open(tmp_path / "c.fits", mode="update") as hdus:
        for ext in (0, "ERROR", "BADPIX"):
            hdus[ext].data[:, 1:3, 0:2] = hdus[ext].data[:, 1:2, 0:1]
        hdus.append(fits.ImageHDU(bins, name="BINID"))
    spectra = read_spectra(tmp_path / "c.fits")
    assert len(spectra) == 19 - 3
    assert (spectra.meta["bin_id"][1:3, 0:2] >= 0).all()
    assert np.ptp(spectra.meta["bin_id"][1:3, 0:2]) == 0


def test_bins_of_which_some_differ_are_refused(tmp_path, rng):
    path = dap_cube(tmp_path / "cube.fits", rng)
    with fits.open(path, mode="update") as hdus:
        hdus["FLUX"].data[20, 0, 3] *= 1.5
    with pytest.raises(AgezError, match=r"cube\.fits: its extension BINID .* bin 3 differ"):
        read_spectra(path)


def test_labels_of_such_bins_have_their_maps(tmp_path, rng, toy_grid):
    path = dap_cube(tmp_path / "cube.fits", rng)
    wave = fits.getdata(path, "WAVE")
    settings = FitSettings(fit_range_angstrom=(float(wave[2]), float(wave[-3])))
    with pytest.raises(AgezError, match="bins already"):
        fitted_rows(path, redshift=0.0, binning=BinSettings(covariance=1.0))
    with pytest.raises(AgezError, match="redshift"):
        fitted_rows(path, redshift=None, binning=BinSettings())
    options = LabelOptions(templates="made-up", settings=settings, redshift=0.0)
    label_file(path, tmp_path / "l.fits", options, toy_grid, word="w")
    labels = read_labels(tmp_path / "l.fits")
    _, frame = read_maps(tmp_path / "l.fits")
    assert len(labels) == 4
    assert frame.bin_id[0].tolist() == [-1, 0, 0, 2]
    spectra, again = same_rows(path, tmp_path / "l.fits")
    assert spectra.rows.spec_id.tolist() == again.rows.spec_id.tolist()
