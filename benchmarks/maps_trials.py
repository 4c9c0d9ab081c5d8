"""Mock galaxies on the road from image files to predictions, and beside it perfect photometry: for ``maps.py``."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from agez.errors import AgezError
from agez.images.image_set import ImageSet
from agez.images.measure import background_errors, light_of_pixels, measure
from agez.images.prepare import ImageSettings, prepare
from agez.images.psf import match_psf
from agez.images.read_images import read_images
from agez.images.regions import RegionSettings
from agez.mapping.map_galaxy import MapSettings, map_galaxy
from agez.mocks.image_files import make_survey_images, write_mock_images
from agez.mocks.images import MockImages
from agez.mocks.plan import SurveyPlan
from agez.models.model import Model
from agez.models.predict import predict
from agez.photometry.error_floors import with_error_floor
from agez.photometry.filters import FilterSet
from agez.spectra.templates import SSPGrid
from agez.targets import PAPER_TARGETS
from agez.types import Bools, Floats, Ints, Photometry, Prediction

#: The band in which S/N is set, S/N of pixels at 1 Re, and pixels of the images.
REFERENCE = {"jpas": "J0620", "splus": "rSDSS", "jplus": "rSDSS"}
SNR_RANGE, SHAPE = (5.0, 50.0), (100, 100)


@dataclass(frozen=True, eq=False)
class Answer:
    """What a model says of the regions: columns are age and metallicity.

    Attributes
    ----------
    median, low, high : (n, 2) float
    flagged : (n,) bool
    """

    median: Floats
    low: Floats
    high: Floats
    flagged: Bools


@dataclass(frozen=True, eq=False)
class Trial:
    """One galaxy.

    Attributes
    ----------
    name : str
    snr : float
        Of a pixel at 1 Re in the reference band.
    truth : (n, 2) float
    r_re : (n,) float
        Of the regions, by light [Re].
    answers : dict of list of Answer
        ``road``; ``perfect`` (several draws of the noise), whose noise the regions share as on the road;
        ``independent``, where each has its own; ``unmatched``.
    seconds : dict
    pull : (n, b) float
        Flux by the road less the true flux, in units of the error.
    """

    name: str
    snr: float
    truth: Floats
    r_re: Floats
    answers: dict[str, list[Answer]]
    seconds: dict[str, float] = field(default_factory=dict)
    pull: Floats | None = None


def try_galaxy(
    plan: SurveyPlan,
    index: int,
    grid: SSPGrid,
    filters: FilterSet,
    model: Model,
    *,
    snr: float,
    shape: tuple[int, int],
    reference: str,
    target_snr: float,
    draws: int,
) -> Trial | None:
    """One mock galaxy, written, read, prepared, measured and predicted; None, with a line, if a step refuses it."""
    start = time.perf_counter()
    made = make_survey_images(plan, index, grid, filters, snr=snr, shape=shape, reference=reference)
    making = time.perf_counter() - start
    trial = try_images(made, filters, model, snr=snr, target_snr=target_snr, draws=draws, seed=plan.seed + index)
    return None if trial is None else replace(trial, seconds={"make": making, **trial.seconds})


def try_images(
    made: MockImages, filters: FilterSet, model: Model, *, snr: float, target_snr: float, draws: int, seed: int
) -> Trial | None:
    """The same for mock images that are there; ``seed`` is that of the perfect photometry's noise."""
    clock = [time.perf_counter()]
    redshift, name = float(made.galaxies.redshift[0]), str(made.galaxies.galaxy_id[0])
    try:
        with tempfile.TemporaryDirectory() as folder:
            write_mock_images(folder, made)
            read = read_images(folder, filters=filters, redshift=redshift)
        unmatched = prepare(read, settings=ImageSettings(match_psf=False))
        images = match_psf(unmatched)  # as prepare does, too
        clock.append(time.perf_counter())
        maps = map_galaxy(images, model, settings=MapSettings(regions=RegionSettings(target_snr=target_snr)))
    except AgezError as error:
        print(f"{name} is left out: {error}")
        return None

    regions, photometry = maps.frame.bin_id, maps.photometry
    clock.append(time.perf_counter())
    perfect = perfect_flux(made, images, regions)
    rng = np.random.default_rng([seed, 4])
    own = [photometry.flux_err * rng.standard_normal(perfect.shape) for _ in range(draws)]
    shared = [noise_of_regions(unmatched, images, regions, rng) for _ in range(draws)]
    answers = {
        "road": [answer_of(maps.prediction)],
        "perfect": [ask(model, with_flux(photometry, perfect + noise)) for noise in shared],
        "independent": [ask(model, with_flux(photometry, perfect + noise)) for noise in own],
        "unmatched": [ask(model, measure(unmatched, regions, redshift=redshift, centre=images.meta["centre"]))],
    }
    truth, radius = truth_of(made, images, regions)
    seconds = dict(zip(("files and prepare", "map"), np.diff(clock).tolist(), strict=True))
    pull = (photometry.flux - perfect) / photometry.flux_err
    return Trial(name, snr, truth, radius, answers, seconds, pull)


def ask(model: Model, photometry: Photometry) -> Answer:
    """The model's medians and 68 % intervals, with the error floor of maps."""
    return answer_of(predict(model, with_error_floor(photometry, MapSettings().error_floor)))


def answer_of(found: Prediction) -> Answer:
    """Of age and metallicity."""
    columns = [
        np.stack([getattr(found, f"{name}_{q}") for name in PAPER_TARGETS], axis=1) for q in ("p50", "p16", "p84")
    ]
    median, low, high = columns
    return Answer(median, low, high, found.flags != 0)


def with_flux(photometry: Photometry, flux: Floats) -> Photometry:
    """The same regions, errors and redshifts with other fluxes."""
    return Photometry(
        photometry.bands, np.where(photometry.covered, flux, np.nan), photometry.flux_err, photometry.covered,
        photometry.rows, photometry.redshift, photometry.flags, {}, photometry.redshift_err,
    )  # fmt: skip


def perfect_flux(made: MockImages, images: ImageSet, regions: Ints) -> Floats:
    """(n, b) the galaxy's own light through the common PSF, over the regions: no sky, no stars, no noise."""
    psf = made.psf(float(images.psf_fwhm_arcsec[0]))
    return sums(made.scene.flux_through(psf), regions)


def noise_of_regions(unmatched: ImageSet, images: ImageSet, regions: Ints, rng: np.random.Generator) -> Floats:
    """(n, b) noise of the regions' fluxes that they share as on the road, of the errors that the road gives them.

    Noise of each pixel that its neighbours share as the images' do, through the same PSF matching and masks, summed
    over the regions; and what the background may be off by, the same in all of them.
    """
    noise = np.empty(unmatched.flux.shape, dtype=np.float32)
    for b, correlation in enumerate(unmatched.noise):
        sigma = unmatched.flux_err[b].astype(float)
        noise[b] = np.where(np.isfinite(sigma), sigma, 0.0) * noise_of_correlation(correlation, sigma.shape, rng)
    matched = match_psf(replace(unmatched, flux=noise), to=float(images.psf_fwhm_arcsec[0]))
    off = np.array(background_errors(images)) * rng.standard_normal(len(images.bands))
    good = ~images.mask
    light = light_of_pixels(images, regions)
    share = sums(np.where(good, light, 0.0), regions) / sums(light[None], regions)
    with np.errstate(divide="ignore", invalid="ignore"):
        return sums(np.where(good, np.nan_to_num(matched.flux) + off[:, None, None], 0.0), regions) / share


def noise_of_correlation(correlation: Floats, shape: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Gaussian noise of unit variance whose neighbours are correlated so: white noise, coloured by its spectrum."""
    wide = tuple(n + correlation.shape[0] for n in shape)  # what is periodic stays outside
    spread = np.zeros(wide)
    spread[: correlation.shape[0], : correlation.shape[1]] = correlation
    half = correlation.shape[0] // 2
    power = np.clip(np.fft.fft2(np.roll(spread, (-half, -half), axis=(0, 1))).real, 0, None)
    coloured = np.fft.ifft2(np.fft.fft2(rng.standard_normal(wide)) * np.sqrt(power)).real
    return np.asarray(coloured[: shape[0], : shape[1]])


def truth_of(made: MockImages, images: ImageSet, regions: Ints) -> tuple[Floats, Floats]:
    """(n, 2) age and metallicity of the light that the common PSF brings to the regions, and (n,) their radii."""
    maps = made.scene.truth_through(made.psf(float(images.psf_fwhm_arcsec[0])))
    found = maps.over(regions)
    radius = sums((maps.light * made.r_re)[None], regions)[:, 0] / found["light"]
    return np.stack([found[name] for name in PAPER_TARGETS], axis=1), radius


def sums(images: Floats, regions: Ints) -> Floats:
    """(n, b) sums of each image over the regions."""
    inside = regions >= 0
    return np.stack([np.bincount(regions[inside], weights=one[inside]) for one in images], axis=1)


def trials(
    indices: Sequence[int], plan: SurveyPlan, grid: SSPGrid, filters: FilterSet, model: Model, *,
    snr: Sequence[float], **options: object,
) -> list[Trial]:  # fmt: skip
    """All galaxies, one after the other."""
    found = []
    for index, one in zip(indices, snr, strict=True):
        trial = try_galaxy(plan, index, grid, filters, model, snr=float(one), **options)  # type: ignore[arg-type]
        if trial is not None:
            found.append(trial)
    return found
