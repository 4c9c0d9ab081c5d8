"""Mock galaxies as a survey's images: every band through its own PSF, on a sky, with noise and stars, and the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from astropy.wcs import WCS
from scipy.signal import fftconvolve

from agez.analysis.geometry import face_on_radius
from agez.arguments import number_in, takes
from agez.errors import AgezError
from agez.images.image_set import ImageSet
from agez.images.kernels import gaussian_kernel, moffat_psf
from agez.label_types import Galaxies
from agez.mocks.image_light import Tiles, black_bodies
from agez.mocks.image_noise import (
    SKY_SHARE,
    FieldStars,
    NoiseModel,
    draw_stars,
    noise_model,
    shared_noise,
    spoil,
    star_images,
)
from agez.mocks.spaxels import nearest_tile, surface_brightness
from agez.photometry.filters import FilterSet
from agez.spectra.formats_common import FWHM_PER_SIGMA
from agez.types import Floats, Ints

#: Where mock images are on the sky [degree].
RA_DEC = (180.0, 0.0)
#: The centre is softened by this [pixel], so that its cusp can be sampled.
SOFT_PIXELS = 0.5
#: PSF images reach this far [FWHM]; what galaxies send from outside the frame is there, too.
PSF_REACH = 5.0
#: Less light than this part of the brightest pixel's is none.
_NO_LIGHT = 1e-11
#: Black-body temperatures of foreground stars [K], K dwarfs to A stars.
STAR_KELVIN = (3500.0, 4200.0, 5000.0, 5800.0, 7000.0, 9000.0)


@dataclass(frozen=True, eq=False)
class TruthMaps:
    """What the light in each pixel is from; (ny, nx) each."""

    light: Floats  #: Mean f_lambda at rest-frame 5450-5550 A, behind dust [1e-16 erg/s/cm2/A a pixel].
    #: log_age_lw, mh_lw, av: Means by that light.
    log_age_lw: Floats
    mh_lw: Floats
    av: Floats

    def over(self, regions: Ints) -> dict[str, Floats]:
        """The same for regions: ``regions`` (ny, nx) is the region of each pixel from 0, or -1; (n,) each."""
        inside = regions >= 0
        number = regions[inside]
        light = np.bincount(number, weights=self.light[inside])
        means = {
            name: np.bincount(number, weights=(self.light * getattr(self, name))[inside]) / light
            for name in ("log_age_lw", "mh_lw", "av")
        }
        return {"light": np.asarray(light), **means}


@dataclass(frozen=True, eq=False)
class Scene:
    """A galaxy before the atmosphere, on pixels that reach beyond the frame by ``edge`` on all sides."""

    flux: Floats  #: (b, ny + 2 edge, nx + 2 edge) [microjansky a pixel].
    #: light, log_age, mh, av: (ny + 2 edge, nx + 2 edge) See :class:`TruthMaps`.
    light: Floats
    log_age: Floats
    mh: Floats
    av: Floats
    edge: int

    def flux_through(self, psf: Floats, bands: Sequence[int] | None = None) -> Floats:
        """(b, ny, nx) the galaxy through one PSF, odd and no wider than the edge allows."""
        which = range(len(self.flux)) if bands is None else bands
        return np.stack([self._seen(self.flux[b], psf) for b in which])

    def truth_through(self, psf: Floats) -> TruthMaps:
        """Whose light it is that a PSF brings to each pixel; NaN where there is none."""
        light = self._seen(self.light, psf)
        # below that, convolution by Fourier transforms is noise
        divisor = np.where(light > _NO_LIGHT * light.max(), light, np.nan)
        means = [self._seen(self.light * one, psf) / divisor for one in (self.log_age, self.mh, self.av)]
        return TruthMaps(light, *means)

    def _seen(self, image: Floats, psf: Floats) -> Floats:
        edge = self.edge
        if psf.shape[0] // 2 > edge:
            raise AgezError(f"mock image: a PSF of {psf.shape[0]} pixels; the scene allows {2 * edge + 1}")
        seen = fftconvolve(image, psf, mode="same") if psf.size > 1 else image * psf[0, 0]
        return np.asarray(seen[edge : seen.shape[0] - edge, edge : seen.shape[1] - edge])


@dataclass(frozen=True, eq=False)
class MockImages:
    """A mock galaxy as observed, and all that is true of it."""

    #: With sky, noise, stars and bad pixels; ``flux_err`` and ``noise`` are those that the noise was drawn from.
    images: ImageSet
    galaxies: Galaxies  #: One row; its centre is pixel (ny // 2, nx // 2).
    scene: Scene  #: Before the atmosphere.
    noiseless: Floats  #: (b, ny, nx) The galaxy alone, through each band's PSF [microjansky].
    truth: TruthMaps  #: Of the light before the atmosphere.
    truth_seen: TruthMaps  #: Of the light through the widest PSF: what maps should show whose PSFs were matched to it.
    sky: Floats  #: (b,) What was added to all pixels of a band [microjansky].
    stars: FieldStars
    model: NoiseModel
    zero_point: Floats  #: (b,) AB magnitude of a pixel value of 1 in the files.
    pixel_arcsec: float
    psf_beta: float | None  #: Exponent of the Moffat PSFs; None: they are Gaussians.

    @property
    def offsets(self) -> tuple[Floats, Floats]:
        """x (west) and y (north) of the pixels from the centre [arcsec]; (ny, nx) each."""
        return _offsets(self.images.shape, self.pixel_arcsec, 0)

    @property
    def r_re(self) -> Floats:
        """(ny, nx) face-on radius [Re]."""
        return _radius(self.offsets, self.galaxies)

    def psf(self, fwhm_arcsec: float) -> Floats:
        """The image of a PSF of that width, of the shape that all bands have."""
        return psf_image(fwhm_arcsec / self.pixel_arcsec, self.psf_beta)


def psf_image(fwhm_pixels: float, beta: float | None) -> Floats:
    """A PSF that sums to 1: Moffat's, or without ``beta`` a Gaussian (discrete, exact in its second moments)."""
    if beta is None:
        return gaussian_kernel(fwhm_pixels / FWHM_PER_SIGMA)
    return moffat_psf(fwhm_pixels, beta, 2 * int(np.ceil(PSF_REACH * fwhm_pixels)) + 1)


@takes(tiles="Tiles", filters="FilterSet")
def make_mock_images(
    tiles: Tiles,
    filters: FilterSet,
    *,
    pixel_arcsec: float,
    shape: tuple[int, int],
    psf_fwhm_arcsec: Sequence[float] | Floats | float,
    snr: float,
    rng: np.random.Generator,
    psf_beta: float | None = None,
    reference: str | None = None,
    sky: Floats | float = 0.0,
    noise_kernel: float = 0.0,
    n_stars: int = 0,
    bad_share: float = 0.0,
    zero_point: Floats | float = 25.0,
) -> MockImages:
    """See a galaxy as a survey's images.

    Each pixel has the stars, dust, gas and motion of the nearest tile, in the plane of the disc, under the galaxy's
    smooth light; then come each band's PSF, stars, sky, noise and bad pixels.

    Parameters
    ----------
    tiles : Tiles
        :func:`agez.mocks.image_light.galaxy_tiles`, in the bands of ``filters``.
    shape : (ny, nx)
    psf_fwhm_arcsec : (b,) float or float
    snr : float
        Signal-to-noise ratio of a pixel at 1 Re in the reference band: mean over 0.9-1.1 Re of the galaxy alone,
        through the PSF.
    psf_beta : float, optional
        Moffat exponent of all bands; None: Gaussians.
    reference : str, optional
        Band; default: the one with the pivot nearest to 6250 A.
    sky : (b,) float or float
        Background that is left in the images [in sigma of the sky's noise of each band].
    noise_kernel : float
        Width of the Gaussian that shares noise between neighbours [pixel, sigma]; errors of single pixels stay.
    n_stars : int
        Black bodies of 3500-9000 K.
    bad_share : float
        Share of pixels that are bad; with it comes one bad column in one band.
    zero_point : (b,) float or float
        AB magnitude of a pixel value of 1, for files.

    Raises
    ------
    AgezError
        For arguments that do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import agez
    >>> filters = agez.load_filters("splus").select(["J0410", "J0430", "gSDSS", "J0515", "rSDSS", "J0660", "iSDSS"])
    >>> tiles = agez.galaxy_tiles(agez.survey_plan(1, 200), 0, agez.load_templates("made-up"), filters, redshift=0.03)
    >>> see = dict(pixel_arcsec=1.0, shape=(48, 48), psf_fwhm_arcsec=1.5, snr=30, rng=np.random.default_rng(1))
    >>> made = agez.make_mock_images(tiles, filters, **see)
    >>> made.images.shape, made.truth_seen.log_age_lw.shape
    ((48, 48), (48, 48))
    """
    pixel_arcsec = number_in(pixel_arcsec, "arcsec", name="pixel_arcsec")
    psf_fwhm_arcsec = number_in(psf_fwhm_arcsec, "arcsec", name="psf_fwhm_arcsec")
    b = len(filters)
    if tiles.bands.names != filters.names:
        raise AgezError("mock images: the tiles were made for other bands than those of the filter set")
    if not (pixel_arcsec > 0 and snr > 0 and min(shape) >= 1 and 0 <= bad_share < 1):
        raise AgezError(
            f"mock images: pixel_arcsec {pixel_arcsec:g}, snr {snr:g}, shape {shape}, "
            f"bad_share {bad_share:g}: expected positive numbers, and a share below 1"
        )
    fwhm = np.broadcast_to(np.asarray(psf_fwhm_arcsec, dtype=float), (b,))
    if not (fwhm > 0).all():
        raise AgezError(f"mock images: PSF FWHM {fwhm.min():g} arcsec; expected positive numbers")
    at = _reference(filters, reference)
    psfs = {width: psf_image(width / pixel_arcsec, psf_beta) for width in np.unique(fwhm)}
    scene = paint(tiles, pixel_arcsec=pixel_arcsec, shape=shape, edge=max(one.shape[0] // 2 for one in psfs.values()))
    noiseless = np.empty((b, *shape))
    for width, psf in psfs.items():
        here = np.flatnonzero(fwhm == width)
        noiseless[here] = scene.flux_through(psf, here.tolist())

    radius = _radius(_offsets(shape, pixel_arcsec, 0), tiles.galaxies)
    ring = (radius > 0.9) & (radius < 1.1)
    if not ring.any():
        ring = np.abs(radius - 1) == np.abs(radius - 1).min()
    level = float(noiseless[at][ring].mean())
    model = noise_model(level, snr, at, filters.bands, sky_share=SKY_SHARE)
    seds = black_bodies(np.array(STAR_KELVIN), filters)
    stars = draw_stars(
        n_stars, seds, shape, rng, peak=float(noiseless[at].max()), fwhm_pixels=float(fwhm[at] / pixel_arcsec),
        reference=at,
    )  # fmt: skip
    light = noiseless + star_images(stars, shape, fwhm / pixel_arcsec, psf_beta)
    sigma = np.sqrt(model.variance(light))
    noise, correlation = shared_noise(light.shape, noise_kernel, rng)
    level_of_sky = np.broadcast_to(np.asarray(sky, dtype=float), (b,)) * model.sky
    flux = light + level_of_sky[:, None, None] + sigma * noise
    bad = spoil(flux, sigma, bad_share, rng)
    images = ImageSet(
        filters.bands, flux.astype(np.float32), sigma.astype(np.float32), bad, mock_wcs(shape, pixel_arcsec),
        fwhm.copy(), (correlation,) * b, tuple(f"mock image of {name}" for name in filters.names),
        {"object": str(tiles.galaxies.galaxy_id[0]), "survey": f"{filters.name} mock",
         "redshift": float(tiles.galaxies.redshift[0])},
    )  # fmt: skip
    return MockImages(
        images, tiles.galaxies, scene, noiseless, scene.truth_through(np.ones((1, 1))),
        scene.truth_through(psfs[fwhm.max()]), np.array(level_of_sky), stars, model,
        np.broadcast_to(np.asarray(zero_point, dtype=float), (b,)).copy(), pixel_arcsec, psf_beta,
    )  # fmt: skip


def paint(tiles: Tiles, *, pixel_arcsec: float, shape: tuple[int, int], edge: int = 0) -> Scene:
    """The galaxy before the atmosphere: the smooth light at pixels' centres times the nearest tile's colours."""
    x, y = _offsets(shape, pixel_arcsec, edge)
    nearest = nearest_tile(tiles.x, tiles.y, x.ravel(), y.ravel(), **tiles.where).reshape(x.shape)
    light = surface_brightness(
        _radius((x, y), tiles.galaxies), tiles.properties, soft_arcsec=SOFT_PIXELS * pixel_arcsec
    )
    light = light * pixel_arcsec**2
    flux = np.moveaxis(tiles.color[nearest], -1, 0) * light
    return Scene(flux, light, tiles.log_age[nearest], tiles.mh[nearest], tiles.av[nearest], edge)


def mock_wcs(shape: tuple[int, int], pixel_arcsec: float) -> WCS:
    """North up, east to the left; the galaxy's centre, pixel (ny // 2, nx // 2), at :data:`RA_DEC`."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.crval = list(RA_DEC)
    wcs.wcs.crpix = [shape[1] // 2 + 1.0, shape[0] // 2 + 1.0]
    wcs.wcs.cdelt = [-pixel_arcsec / 3600, pixel_arcsec / 3600]
    wcs.array_shape = shape
    return wcs


def _reference(filters: FilterSet, name: str | None) -> int:
    if name is not None:
        return filters.bands.index([name])[0]
    return int(np.argmin(np.abs(np.array(filters.bands.pivot_angstrom) - 6250.0)))


def _offsets(shape: tuple[int, int], pixel_arcsec: float, edge: int) -> tuple[Floats, Floats]:
    y, x = np.mgrid[-edge : shape[0] + edge, -edge : shape[1] + edge].astype(float)
    return (x - shape[1] // 2) * pixel_arcsec, (y - shape[0] // 2) * pixel_arcsec


def _radius(offsets: tuple[Floats, Floats], galaxies: Galaxies) -> Floats:
    return face_on_radius(
        *offsets, inclination_deg=float(galaxies.inclination[0]), pa_deg=float(galaxies.pa[0]),
        re_arcsec=float(galaxies.re_arcsec[0]),
    )  # fmt: skip
