"""Mock galaxies as CALIFA's cubes: the tiles of a mock galaxy seen through the atmosphere on spaxels of 1 arcsec."""

from __future__ import annotations

import gzip
import io
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.io import fits
from scipy import sparse
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from agez.analysis.geometry import face_on_radius
from agez.errors import AgezError
from agez.label_types import Galaxies, Truth
from agez.mocks import observation
from agez.mocks.galaxies import NoiselessGalaxy, noiseless_galaxy, one_blas_thread
from agez.mocks.observation import PreparedGrid, prepare_grid
from agez.mocks.plan import SurveyPlan
from agez.mocks.spaxels import nearest_tile, single_snr, surface_brightness
from agez.populations.history import truth_from_weights
from agez.runtime.files import whole_file
from agez.spectra.formats_califa import pixel_ids
from agez.spectra.lines import SPEED_OF_LIGHT_KMS
from agez.spectra.templates import SSPGrid
from agez.types import Bools, Floats, Ints, Rows

#: Spaxels of a V500 cube, and the hexagon of PPak on it [arcsec] (Sanchez et al. 2012, A&A 538, A8).
SHAPE, FIELD_ARCSEC = (73, 78), (74.0, 64.0)
#: V500 cubes of the third release begin here [Angstrom, air].
FIRST_ANGSTROM = 3749.0
#: Seeing of the cubes, FWHM [arcsec] (Sanchez et al. 2016, A&A 594, A36: 2.5).
SEEING_ARCSEC = 2.5
#: Spaxels below this S/N per Angstrom are left out of the file, so that it is small; those that are binned have 3.
MIN_SNR = 2.0
#: Neighbours share noise by a Gaussian kernel of this width [spaxels].  It was chosen so that errors of compact sums of
#: 2 to 80 spaxels grow as CALIFA's do, within 8 %: agez.spectra.covariance.CALIFA.
NOISE_KERNEL = 0.92
#: What CALIFA writes as the error of a bad pixel.
BAD_ERROR = 1e10


@dataclass(frozen=True, eq=False)
class MockCube:
    """A mock galaxy on a grid of spaxels of 1 arcsec, x to the west."""

    galaxies: Galaxies  #: One row.
    rows: Rows  #: The ``n`` spaxels with light, as CALIFA's reader names them.
    pixel_y: Ints  #: (n,)
    pixel_x: Ints  #: (n,)
    wave_angstrom: Floats  #: (p,) Air.
    #: flux, flux_err: (p, ny, nx) float32: [1e-16 erg/s/cm2/A]; 0 and 1e10 where nothing is.
    flux: Floats
    flux_err: Floats
    bad: Bools  #: (p, ny, nx)
    truth: Truth  #: A row a spaxel: means by the light behind dust at 5500 A of the stars that the seeing brings there.
    r_re: Floats  #: (n,) Face-on radius [Re].
    #: light, mass: (n,) What each spaxel weighs in a bin: its flux at 5500 A, and its stars' mass in a unit common to
    #: all spaxels.
    light: Floats
    mass: Floats

    def __len__(self) -> int:
        return len(self.rows)


def make_cube(plan: SurveyPlan, index: int, grid: SSPGrid, *, shape: tuple[int, int] = SHAPE) -> MockCube:
    """Galaxy ``index`` of a survey as a cube; a function of (plan, index, grid, shape) alone.

    The very galaxy that :func:`agez.mocks.galaxies.make_galaxy` makes: the stars, dust, gas and motion of each spaxel
    are those of the nearest of its tiles, in the plane of the disc, under the galaxy's smooth light, and the seeing
    mixes them.  Noise is that of single spaxels, shared with neighbours.

    Parameters
    ----------
    shape : (ny, nx)
        At most so many spaxels; rows and columns without light are cut off, evenly on both sides.

    Raises
    ------
    AgezError
        As make_galaxy.
    """
    if not 0 <= index < len(plan):
        raise AgezError(f"mock galaxy {index} does not exist: the plan has galaxies 0 to {len(plan) - 1}")
    with one_blas_thread():
        prepared = prepare_grid(grid)
        return _make(plan, index, prepared, noiseless_galaxy(plan, index, prepared), shape)


def _make(
    plan: SurveyPlan, index: int, prepared: PreparedGrid, made: NoiselessGalaxy, shape: tuple[int, int]
) -> MockCube:
    rng = np.random.default_rng([plan.seed, 2, index])
    galaxy = plan.properties_of(index)
    where = {"inclination_deg": galaxy["inclination"], "pa_deg": galaxy["pa"]}
    ny, nx = shape
    y, x = (values.ravel() for values in np.mgrid[:ny, :nx] - np.array([ny // 2, nx // 2])[:, None, None])
    light = surface_brightness(face_on_radius(x, y, re_arcsec=galaxy["re_arcsec"], **where), galaxy)
    snr = single_snr(light, rng)
    seen = _in_field(x, y) & (snr >= MIN_SNR)
    seen |= snr == snr.max()  # never none
    half_y, half_x = int(np.abs(y[seen]).max()), int(np.abs(x[seen]).max())
    inside = (np.abs(y) <= half_y) & (np.abs(x) <= half_x)
    share = _shares(x, y, light, made, where)[seen]

    truth, mass = _truth(share, light[seen], made, prepared)
    part = observation.WAVE_ANGSTROM >= FIRST_ANGSTROM
    flux = np.asarray(share @ (made.flux / made.drawn.spaxels.flux[:, None])) * light[seen, None]
    flux = np.ascontiguousarray(flux, dtype=np.float32)
    error = observation.noise_level(flux, light[seen], snr[seen])
    factor = observation.calibration_errors(np.ones(len(flux)), rng)
    new_shape = (int(np.unique(y[inside]).size), int(np.unique(x[inside]).size))
    pixel_y, pixel_x = y[seen] + int(-y[inside].min()), x[seen] + int(-x[inside].min())
    flux += error * _shared_noise(len(observation.WAVE_ANGSTROM), new_shape, rng)[:, pixel_y, pixel_x].T
    flux *= factor
    error *= factor
    bad = observation.spoil_pixels(flux, error, rng)

    def cube(values: Floats | Bools, blank: float) -> Any:
        whole = np.full((int(part.sum()), *new_shape), blank, dtype=values.dtype)
        whole[:, pixel_y, pixel_x] = values[:, part].T
        return whole

    name = str(made.drawn.galaxies.galaxy_id[0])
    rows = Rows(
        np.array(pixel_ids(pixel_y, pixel_x)), np.full(len(flux), name), x[seen].astype(float), y[seen].astype(float)
    )
    error[bad] = BAD_ERROR
    return MockCube(
        made.drawn.galaxies, rows, pixel_y, pixel_x, observation.WAVE_ANGSTROM[part], cube(flux, 0.0),
        cube(error, BAD_ERROR),
        np.asarray(cube(bad, True)), truth, face_on_radius(rows.x, rows.y, re_arcsec=galaxy["re_arcsec"], **where),
        light[seen], mass,
    )  # fmt: skip


def _in_field(x: Ints, y: Ints) -> Bools:
    """Inside PPak's hexagon, whose corners are to the east and the west."""
    wide, high = FIELD_ARCSEC[0] / 2, FIELD_ARCSEC[1] / 2
    return np.asarray((np.abs(y) <= high) & (np.abs(x) + np.abs(y) * (wide / 2) / high <= wide))


def _shares(x: Ints, y: Ints, light: Floats, made: NoiselessGalaxy, where: dict[str, float]) -> sparse.csr_array:
    """(spaxels, tiles) what part of each spaxel's light is from each tile, by the seeing; rows sum to 1."""
    nearest = nearest_tile(made.drawn.spaxels.x, made.drawn.spaxels.y, x, y, **where)
    spaxels = cKDTree(np.column_stack([x, y]))
    sigma = SEEING_ARCSEC * observation.SIGMA_PER_FWHM
    near = spaxels.sparse_distance_matrix(spaxels, 3.5 * sigma, output_type="coo_matrix")
    # pairs at distance 0 are there explicitly, with the value 0
    value = np.exp(-0.5 * (near.data / sigma) ** 2) * light[near.col]
    share = sparse.csr_array((value, (near.row, nearest[near.col])), shape=(len(x), len(made.flux)))
    return sparse.csr_array(sparse.diags_array(1 / share.sum(axis=1)) @ share)


def _truth(
    share: sparse.csr_array, light: Floats, made: NoiselessGalaxy, prepared: PreparedGrid
) -> tuple[Truth, Floats]:
    """What the stars of each spaxel are, and their mass."""
    tiles = truth_from_weights(made.drawn.weights, prepared.grid, light=prepared.light)
    mass_to_light = 1 / (made.drawn.weights * prepared.light).sum(axis=(1, 2))
    spaxels = made.drawn.spaxels
    mass = share @ mass_to_light
    velocity = share @ spaxels.velocity_kms
    squares = share @ (spaxels.sigma_kms**2 + spaxels.velocity_kms**2)
    by_light = {name: share @ tiles[name] for name in ("log_age_lw", "mh_lw")}
    by_mass = {name: share @ (tiles[name] * mass_to_light) / mass for name in ("log_age_mw", "mh_mw")}
    truth = Truth(
        **by_light, **by_mass, av=share @ spaxels.av, velocity_kms=velocity, sigma_kms=np.sqrt(squares - velocity**2)
    )
    return truth, mass * light


def _shared_noise(n_wave: int, shape: tuple[int, int], rng: np.random.Generator) -> Floats:
    """(n_wave, ny, nx) float32 noise of unit variance that neighbouring spaxels share."""
    white = rng.standard_normal((n_wave, *shape), dtype=np.float32)
    line = np.zeros(31)
    line[15] = 1.0
    kernel = gaussian_filter(line, NOISE_KERNEL, mode="constant")
    smooth = gaussian_filter(white, (0, NOISE_KERNEL, NOISE_KERNEL), mode="wrap")
    return np.asarray(smooth / np.float32(np.sum(kernel**2)))


def cube_name(galaxy_id: str) -> str:
    """File name of one galaxy's cube, as CALIFA names it."""
    return f"{galaxy_id}.V500.rscube.fits.gz"


def write_cube(path: str | os.PathLike[str], cube: MockCube) -> None:
    """Write a cube in the layout of CALIFA's third release: PRIMARY, ERROR, ERRWEIGHT, BADPIX, FIBCOVER; gzipped.

    The header says what CALIFA's say, and that it is a mock.  Of ERRWEIGHT (1 everywhere) and FIBCOVER (3 fibres where
    there is light) only the layout is as CALIFA's.
    """
    ny, nx = cube.flux.shape[1:]
    header = fits.Header()
    header["OBJECT"] = str(cube.galaxies.galaxy_id[0])
    header["SURVEY"] = ("CALIFA mock", "made by agez: not observed")
    header["INSTRUME"] = "mock of PMAS/PPAK"
    header["BUNIT"] = "10^-16 erg/s/cm^2/Angstrom"
    header["MED_VEL"] = (float(cube.galaxies.redshift[0]) * SPEED_OF_LIGHT_KMS, "[km/s] cz")
    header["CTYPE1"], header["CTYPE2"], header["CTYPE3"] = "RA---TAN", "DEC--TAN", "AWAV"
    header["CUNIT1"], header["CUNIT2"], header["CUNIT3"] = "deg", "deg", "Angstrom"
    header["CRPIX1"], header["CRPIX2"], header["CRPIX3"] = nx // 2 + 1.0, ny // 2 + 1.0, 1.0
    header["CRVAL1"], header["CRVAL2"], header["CRVAL3"] = 180.0, 0.0, float(cube.wave_angstrom[0])
    header["CD1_1"], header["CD2_2"] = -1 / 3600, 1 / 3600
    header["CD3_3"] = float(cube.wave_angstrom[1] - cube.wave_angstrom[0])
    fibres = np.zeros(cube.flux.shape, dtype=np.uint8)
    fibres[:, cube.pixel_y, cube.pixel_x] = 3
    parts = fits.HDUList(
        [
            fits.PrimaryHDU(cube.flux, header),
            fits.ImageHDU(cube.flux_err, name="ERROR"),
            fits.ImageHDU(np.ones(cube.flux.shape, dtype=np.float32), name="ERRWEIGHT"),
            fits.ImageHDU(cube.bad.astype(np.uint8), name="BADPIX"),
            fits.ImageHDU(fibres, name="FIBCOVER"),
        ]
    )
    content = io.BytesIO()
    parts.writeto(content)
    # no name and no time in the gzip header: the same cube is the same file
    with (
        whole_file(path) as part,
        part.open("wb") as file,
        gzip.GzipFile("", "wb", compresslevel=1, fileobj=file, mtime=0) as packed,
    ):
        packed.write(content.getbuffer())
