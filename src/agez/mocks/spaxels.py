"""Where the spaxels of a mock galaxy lie, and what each is like: age, metallicity, dust, motion, light."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from agez.analysis.geometry import disc_coordinates, face_on_radius, sky_coordinates
from agez.mocks.relations import (
    MASS_METALLICITY_RADIUS_RE,
    mean_metallicity,
    metallicity_scatter,
    rotation_speed,
)
from agez.types import Floats, Ints

#: Radial gradients inside Re: mean and galaxy-to-galaxy scatter [dex/Re], between the means that Gonzalez Delgado et
#: al. 2015, A&A 581, A103 (CALIFA, figures 8, 11, 14), Sanchez-Blazquez et al. 2014, A&A 570, A6 (CALIFA discs) and
#: Goddard et al. 2017, MNRAS 466, 4731 (MaNGA) report for light-weighted ages and metallicities.
GRADIENTS = {
    "early": {"log_age": (-0.08, 0.10), "mh": (-0.13, 0.07), "log_av": (-0.15, 0.12)},
    "late": {"log_age": (-0.15, 0.13), "mh": (-0.08, 0.10), "log_av": (-0.20, 0.12)},
}
#: Beyond Re gradients flatten to this share (Gonzalez Delgado et al. 2015: outer gradients are about half).
OUTER_SHARE = 0.5
#: Spaxel-to-spaxel scatter about the radial trend: rms of the smooth part (arms, sectors) and of the random part.
#: Orders of magnitude: the scatter within radial bins of CALIFA maps (Gonzalez Delgado et al. 2014, A&A 562, A47).
SCATTER = {
    "early": {"log_age": (0.03, 0.02), "mh": (0.03, 0.02), "log_av": (0.10, 0.05), "log_ew": (0.15, 0.08)},
    "late": {"log_age": (0.07, 0.03), "mh": (0.04, 0.03), "log_av": (0.12, 0.06), "log_ew": (0.18, 0.08)},
}
#: Seeing and spaxel of about 2.5 arcsec soften the centre by half of that.
SOFT_ARCSEC = 1.2
#: PPak's field of view reaches this far from the centre [arcsec] (Sanchez et al. 2012, A&A 538, A8: 74 by 64).
FIELD_RADIUS_ARCSEC = 36.0
#: S/N per Angstrom near 5500 A.  Spaxels of low surface brightness are binned to a target, as the spectra behind
#: the paper's labels were (Voronoi bins of S/N 40: Sanchez-Blazquez et al. 2014, A&A 570, A6), which bins meet with
#: a scatter in log10; bright ones stand alone.  Their sky noise [1e-16 erg/s/cm2/A/arcsec2, one Angstrom] is a third
#: of V500's 3-sigma depth (Sanchez et al. 2012, A&A 538, A8), with a scatter in log10 from galaxy to galaxy;
#: systematic errors limit them.
SNR_TARGET, SNR_TARGET_SCATTER, SKY_NOISE, SKY_NOISE_SCATTER, SNR_CEILING = 40.0, 0.04, 0.0033, 0.06, 100.0


@dataclass(frozen=True)
class Spaxels:
    """What the spaxels of one galaxy are to be like; every array is (n,).

    Attributes
    ----------
    x, y : offsets [arcsec], west and north;  r_re : face-on radius [Re]
    log_age, mh : light-weighted means that the histories aim at
    av : V-band attenuation of the stars [mag];  ew_ha : equivalent width of H-alpha [Angstrom, rest, emission positive]
    velocity_kms, sigma_kms : of the stars;  gas_velocity_kms, gas_sigma_kms : of the gas
    flux : mean f_lambda at 5450-5550 A [1e-16 erg/s/cm2/A];  snr : per Angstrom there
    n_spaxels : how many spaxels of 1 arcsec2 were added
    """

    x: Floats
    y: Floats
    r_re: Floats
    log_age: Floats
    mh: Floats
    av: Floats
    ew_ha: Floats
    velocity_kms: Floats
    sigma_kms: Floats
    gas_velocity_kms: Floats
    gas_sigma_kms: Floats
    flux: Floats
    snr: Floats
    n_spaxels: Floats


def radial_shape(r_re: Floats) -> Floats:
    """Radius measured from Re that gradients multiply: r - 1 inside Re, ``OUTER_SHARE`` times that outside."""
    return np.asarray(np.where(r_re < 1, r_re - 1, OUTER_SHARE * (r_re - 1)))


def smooth_field(r_re: Floats, angle: Floats, rng: np.random.Generator) -> Floats:
    """A smooth random map of the disc with zero mean and unit rms over the disc: a few log-spiral waves.

    Waves ``cos(m angle + k ln(r + 0.2) + phase)``, m from 1 to 4, with random amplitudes; spirals of pitch
    angles from 10 degrees to none (bars, lopsidedness).
    """
    m = np.arange(1, 5)
    phase, winding = rng.uniform(0, 2 * np.pi, 4), rng.uniform(-1, 1, 4) * 5.0 * np.sqrt(m)
    amplitude = rng.standard_normal(4) / np.sqrt(m)
    amplitude /= np.sqrt(0.5 * np.sum(amplitude**2))
    waves = np.cos(m * angle[:, None] + winding * np.log(r_re + 0.2)[:, None] + phase)
    return np.asarray(waves @ amplitude)


def draw_positions(n: int, coverage_re: float, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Face-on radius [Re], angle, and area [Re^2] of ``n`` bins that tile a disc as Voronoi bins do.

    The density of bins falls as exp(-1.3 r): between that of the light (exp(-1.68 r), bins of equal light)
    and an even one (bins of one spaxel).  Radii are evenly spread quantiles of that law, angles advance by the
    golden angle, and both are jittered: an irregular tiling without clumps.
    """
    table = np.linspace(0, coverage_re, 400)
    cumulative = 1 - (1 + 1.3 * table) * np.exp(-1.3 * table)
    quantile = (np.arange(n) + rng.uniform(0, 1, n)) / n
    r = np.interp(quantile * cumulative[-1], cumulative, table)
    r = np.maximum(r, 0.02)
    angle = rng.uniform(0, 2 * np.pi) + np.pi * (3 - np.sqrt(5)) * np.arange(n) + rng.normal(0, 0.15, n)
    density = n * 1.3**2 * np.exp(-1.3 * r) / cumulative[-1] / (2 * np.pi)
    return r, np.mod(angle, 2 * np.pi), 1 / density


def _rotation_amplitude(galaxy: Mapping[str, float], morphology: str, rng: np.random.Generator) -> float:
    """Flat rotation speed [km/s]; early types turn at 0.1 to 0.9 of a disc's (Emsellem et al. 2011, MNRAS 414, 888)."""
    speed = float(rotation_speed(np.array(galaxy["log_mass"]))) * 10 ** rng.normal(0, 0.05)
    share = rng.uniform(0.1, 0.9)
    return speed * share if morphology == "early" else speed


def nearest_tile(
    tile_x: Floats, tile_y: Floats, x: Floats | Ints, y: Floats | Ints, *, inclination_deg: float, pa_deg: float
) -> Ints:
    """(n,) which of the tiles at those offsets is nearest to each place ``x``, ``y`` (n,), in the plane of the disc."""
    where = {"inclination_deg": inclination_deg, "pa_deg": pa_deg}
    tiles = cKDTree(np.column_stack(disc_coordinates(tile_x, tile_y, **where)))
    return np.asarray(tiles.query(np.column_stack(disc_coordinates(x, y, **where)))[1])


def surface_brightness(r_re: Floats, galaxy: Mapping[str, float], *, soft_arcsec: float = SOFT_ARCSEC) -> Floats:
    """Smooth light of a galaxy at face-on radii [Re], as seen on the sky [1e-16 erg/s/cm2/A/arcsec2, at 5500 A].

    Sersic's law with an index from 1 (no bulge) to 4; mean surface brightness inside Re as measured (Graham & Driver
    2005, PASA 22, 118).  ``soft_arcsec`` keeps the centre finite.
    """
    n_sersic = 1 + 3 * galaxy["bulge_fraction"]
    b = 2 * n_sersic - 0.324
    inner = np.linspace(1e-4, 1, 400)
    mean_inside = np.mean(np.exp(-b * (inner ** (1 / n_sersic) - 1)) * 2 * inner)
    r_soft = np.hypot(r_re, soft_arcsec / galaxy["re_arcsec"])
    brightness = np.exp(-b * (r_soft ** (1 / n_sersic) - 1)) / mean_inside
    # AB magnitude to f_lambda at 6200 A (where mu is measured), taken over to 5500 A as is
    flux_density = 10 ** (-0.4 * (galaxy["mu_mean"] + 48.6)) * 2.998e18 / 6200.0**2 / 1e-16
    return np.asarray(flux_density * brightness)


def single_snr(surface_brightness: Floats, rng: np.random.Generator) -> Floats:
    """S/N per Angstrom of single spaxels of 1 arcsec2, of that brightness; one draw, of the galaxy's sky noise."""
    single = surface_brightness / (SKY_NOISE * 10 ** rng.normal(0, SKY_NOISE_SCATTER))
    return np.asarray(single / np.sqrt(1 + (single / SNR_CEILING) ** 2))


def binned_snr(surface_brightness: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """S/N per Angstrom of bins, and of how many spaxels of 1 arcsec2 each is made (at least one).

    ``surface_brightness`` (n,) is in 1e-16 erg/s/cm2/A/arcsec2.
    """
    single = single_snr(surface_brightness, rng)
    snr = np.maximum(single, SNR_TARGET * 10 ** rng.normal(0, SNR_TARGET_SCATTER, len(single)))
    return snr, (snr / single) ** 2


def make_spaxels(n: int, galaxy: Mapping[str, float], morphology: str, rng: np.random.Generator) -> Spaxels:
    """Draw the spaxels of one galaxy.

    Parameters
    ----------
    n : int
        How many.
    galaxy : mapping
        The drawn properties (see :mod:`agez.mocks.relations`) with ``inclination``, ``pa`` [degree], ``re_arcsec``
        and ``bulge_fraction``.
    morphology : 'early' or 'late'
    """
    re, inclination, pa = galaxy["re_arcsec"], galaxy["inclination"], galaxy["pa"]
    coverage = float(np.clip(min(rng.normal(2.1, 0.15), FIELD_RADIUS_ARCSEC / re), 1.15, 2.5))
    r, angle, area_re2 = draw_positions(n, coverage, rng)
    x, y = sky_coordinates(r * re * np.cos(angle), r * re * np.sin(angle), inclination_deg=inclination, pa_deg=pa)
    r_re = face_on_radius(x, y, inclination_deg=inclination, pa_deg=pa, re_arcsec=re)

    slope = {name: rng.normal(*GRADIENTS[morphology][name]) for name in GRADIENTS[morphology]}
    arms = smooth_field(r_re, angle, rng)  # shared: arms are younger, dustier and brighter in H-alpha

    def scattered(name: str, arm_sign: float) -> Floats:
        smooth, random = SCATTER[morphology][name]
        own = smooth_field(r_re, angle, rng)
        field = np.sqrt(0.5) * (arm_sign * arms + own) if arm_sign else own
        return np.asarray(smooth * field + random * rng.standard_normal(n))

    shape = radial_shape(r_re)
    log_age = galaxy["log_age_lw"] + slope["log_age"] * shape + scattered("log_age", -1)
    mh_re = float(mean_metallicity(np.array(galaxy["log_mass"]))) + slope["mh"] * (1 - MASS_METALLICITY_RADIUS_RE) + (
        rng.normal() * float(metallicity_scatter(np.array(galaxy["log_mass"])))
    )  # fmt: skip
    mh = mh_re + slope["mh"] * shape + scattered("mh", 0)
    av = galaxy["av"] * 10 ** (slope["log_av"] * shape + scattered("log_av", 1))
    ew_ha = 10 ** (galaxy["log_ew_ha"] + galaxy["ew_gradient"] * np.clip(shape, -1, 0.3) + scattered("log_ew", 1))

    # A tanh curve (Andersen & Bershady 2013, ApJ 768, 41) with a small smooth disturbance.
    flat, turnover = _rotation_amplitude(galaxy, morphology, rng), rng.uniform(0.25, 0.6)
    projected = np.sin(np.radians(inclination)) * np.cos(angle) * flat * np.tanh(r_re / turnover)
    disturbed = 5.0 * smooth_field(r_re, angle, rng)
    velocity = projected + disturbed
    sigma_re = 10 ** galaxy["log_sigma"]
    # Cappellari et al. 2006, MNRAS 366, 1126: sigma ~ R**-0.066 in early types; discs fall exponentially
    # (Martinsson et al. 2013, A&A 557, A130: scale of dispersion twice that of the light).
    profile = np.clip(r_re, 0.1, None) ** -0.066 if morphology == "early" else np.exp(-0.42 * (r_re - 1))
    sigma = np.clip(sigma_re * profile * 10 ** rng.normal(0, 0.02, n), 25.0, 380.0)
    gas_velocity = (1.1 if morphology == "late" else 1.0) * projected + disturbed
    gas_sigma = np.hypot(25.0, 0.4 * sigma)

    brightness = surface_brightness(r_re, galaxy)
    area = np.maximum(area_re2 * re**2 * np.cos(np.radians(inclination)), 1.0)
    flux = brightness * area * 10 ** rng.normal(0, 0.05, n)

    snr, n_spaxels = binned_snr(brightness, rng)
    return Spaxels(
        x=x, y=y, r_re=r_re, log_age=log_age, mh=mh, av=av, ew_ha=ew_ha, velocity_kms=velocity, sigma_kms=sigma,
        gas_velocity_kms=gas_velocity, gas_sigma_kms=gas_sigma, flux=flux, snr=snr, n_spaxels=n_spaxels,
    )  # fmt: skip
