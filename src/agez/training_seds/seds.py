"""Noise-free training SEDs of diverse galaxies, with their true labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from agez.arrays import PerRow
from agez.errors import AgezError
from agez.mixture_network.found_redshift import NEAR
from agez.photometry.filters import FilterSet
from agez.photometry.response import build_matrix
from agez.populations.history import History
from agez.populations.rest_frame import (
    AB_SOLAR_PER_HZ,
    LIGHT_ANGSTROM,
    REST_BANDS,
    RestFrame,
    rest_frame,
    sdss_filters,
)
from agez.populations.truth import BANDS_OF, OF_MASS, truths_of
from agez.spectra.lines import SPEED_OF_LIGHT_KMS
from agez.targets import SHIPPED_TARGETS, Target
from agez.training_seds.complete_library import MOST_BLEND, blended
from agez.training_seds.dust import draw_dust
from agez.training_seds.emission import SKY_LINE_NAMES, SKY_LINES, draw_emission, nebular_continuum
from agez.training_seds.histories import SKY_FAMILIES, draw_weights, no_older
from agez.training_seds.libraries import STEP_KMS, Library, common_wave
from agez.training_seds.survey_like import GALAXY_FAMILY, SURVEY_FAMILY, draw_galaxy_weights, draw_survey_weights
from agez.types import Bands, Bools, Floats, Ints

#: Families by the numbers of :attr:`TrainingSeds.family`.
ALL_FAMILIES = (*SKY_FAMILIES, SURVEY_FAMILY, GALAXY_FAMILY)
#: Galaxies that share library, velocity dispersion and redshift: enough that the products are large.
CHUNK = 200
#: The part of a band's response that a library may lack: more, and the band counts as not observed.
MAX_LACKING = 0.01
#: Stars younger than this make the lines, and may have dust of their own [log yr].  In libraries that begin later the
#: youngest age stands for them (it holds all younger stars' mass), unless it is older than the second number.
YOUNG_LOG_AGE, OLDEST_STAND_IN = 7.3, 8.1
#: Vacuum wavelength of [OIII]5007 [Angstrom].
OIII_ANGSTROM = 5008.24
#: Velocity dispersions [km/s].
SIGMA_RANGE_KMS = (0.0, 350.0)


@dataclass(frozen=True, eq=False)
class TrainingSeds(PerRow):
    """Noise-free SEDs: one row a galaxy, one column a band."""

    bands: Bands
    #: (n, b) float32. f_nu, each row in units of its own mean over the bands that are present; 0 where absent.
    flux: Floats
    present: Bools  #: (n, b) False where the template library does not reach.
    labels: Floats  #: (n, d) Truth of ``targets``.
    #: redshift, av, ew_ha: (n,) A_V [mag] of the stars; observed equivalent width of H-alpha [Angstrom].
    redshift: Floats
    av: Floats
    ew_ha: Floats
    #: library, family: (n,) Which of ``libraries``, -1 for a blend of two, and of ``families``.
    library: Ints
    family: Ints
    libraries: tuple[str, ...]
    families: tuple[str, ...]
    targets: tuple[Target, ...] = SHIPPED_TARGETS  #: d of them

    _row_fields = ("flux", "present", "labels", "redshift", "av", "ew_ha", "library", "family")


def make_training_seds(
    filters: FilterSet,
    libraries: Sequence[Library],
    n: int,
    rng: np.random.Generator,
    *,
    shares: Sequence[float] | None = None,
    families: Sequence[str] = SKY_FAMILIES,
    survey_share: float = 0.0,
    galaxy_share: float = 0.0,
    metal_poor_share: float = 0.0,
    blend_share: float = 0.0,
    redshift_range: tuple[float, float] = (0.0, 0.1),
    near_share: float = 0.0,
    rest_share: float = 0.0,
    age_margin: float | None = None,
    with_lines: bool = True,
    targets: Sequence[Target] = SHIPPED_TARGETS,
    progress: Callable[[int], object] | None = None,
) -> TrainingSeds:
    """Draw ``n`` galaxies and compute their photometry in ``filters``.

    Parameters
    ----------
    shares : sequence of float, optional
        Relative frequency of each library; default: equal.
    families : sequence of str
        History families; one that is named twice is drawn twice as often.
    survey_share : float
        The share of galaxies whose histories, metallicities and dust are drawn as the mock survey's; 0 to 1.
    galaxy_share : float
        The share of those that are drawn as whole galaxies, or centres, of eCALIFA
        (:func:`agez.training_seds.survey_like.draw_galaxy_weights`); the rest have histories of ``families``.
    metal_poor_share : float
        The share of the rest that are metal-poor by choice (:func:`agez.training_seds.histories.draw_weights`).
    blend_share : float
        The share of galaxies that are made of a blend of two libraries, drawn for each :data:`CHUNK`.
    redshift_range : (low, high)
        At which the bands see the galaxies, uniformly.
    near_share : float
        The share of galaxies that are taken from the part of the range below :data:`NEAR`, beside those that fall
        there by chance.
    rest_share : float
        The share of galaxies that are seen at the lowest redshift exactly: photometry of spectra is rest-frame.
    age_margin : float, optional
        No star is older than the universe at its galaxy's redshift (Planck 2018), times this; default: any age that
        the library has.
    with_lines : bool
        With emission lines and nebular continuum.
    targets : sequence of Target
        Whose truth follows from the history (:func:`agez.populations.truth.truths_of`).
    progress : callable, optional
        Called with the number of galaxies done.

    Raises
    ------
    AgezError
        For an empty or inverted redshift range, or one that brings bands below the common wavelengths.
    """
    low, high = redshift_range
    wave = common_wave()
    bluest = min(float(curve[0][curve[1] > 0][0]) for curve in filters.curves)
    if not 0 <= low <= high or bluest / (1 + high) < wave[0]:
        raise AgezError(
            f"redshift range {low:g}-{high:g}: expected 0 <= low <= high, with {bluest:.0f} A / (1 + z) above "
            f"{wave[0]:.0f} A"
        )
    if n < 1 or not libraries:
        raise AgezError(f"{n} galaxies of {len(libraries)} template libraries: at least one of each is needed")
    truths = truths_of(targets)
    if not 0 <= survey_share + galaxy_share <= 1:
        raise AgezError(
            f"survey_share {survey_share:g} and galaxy_share {galaxy_share:g} are shares of the same galaxies"
        )
    if near_share and low >= NEAR:
        raise AgezError(f"near_share {near_share:g}: the redshift range begins at {low:g}, not below {NEAR:g}")
    _check_reach(libraries, [target.name for target in targets])
    share = np.full(len(libraries), 1.0) if shares is None else np.asarray(shares, float)
    number = rng.choice(len(libraries), size=-(-n // CHUNK), p=share / share.sum())
    # stratified redshifts, so that none is missing by chance
    z = low + (high - low) * (rng.permutation(len(number)) + rng.uniform(size=len(number))) / len(number)
    if near_share:
        near = rng.uniform(size=len(z)) < near_share
        z[near] = rng.uniform(low, min(high, NEAR), near.sum())
    z[rng.uniform(size=len(z)) < rest_share] = low
    oldest = np.full(len(z), np.inf) if age_margin is None else age_margin * universe_years(z)
    draw = rng.uniform(size=len(number))
    like_survey, like_galaxies = draw < survey_share, draw >= 1 - galaxy_share
    parts = []
    for k, (which, redshift, years) in enumerate(zip(number, z, oldest, strict=True)):
        count = min(CHUNK, n - k * CHUNK)
        drawn = SURVEY_FAMILY if like_survey[k] else GALAXY_FAMILY if like_galaxies[k] else tuple(families)
        library, index = libraries[which], int(which)
        if blend_share and rng.uniform() < blend_share:
            other = libraries[int(rng.choice(len(libraries), p=share / share.sum()))]
            library, index = blended(library, other, rng.uniform(-MOST_BLEND, MOST_BLEND)), -1
        part = _chunk(
            filters, wave, library, count, float(redshift), drawn, metal_poor_share, with_lines, truths, float(years),
            rng,
        )  # fmt: skip
        parts.append(
            replace(
                part,
                library=np.full(count, index),
                libraries=tuple(one.name for one in libraries),
                targets=tuple(targets),
            )
        )
        if progress is not None:
            progress(count)
    return TrainingSeds.concatenate(parts)


def _check_reach(libraries: Sequence[Library], names: Sequence[str]) -> None:
    """AgezError if a library cannot give the truth of a target."""
    needs = [(name, band) for name in names for band in BANDS_OF.get(name, "")]
    weights = build_matrix(common_wave(), sdss_filters()).weights if needs else np.zeros((0, 0))
    for library in libraries:
        for name, band in needs:
            part = float(weights[REST_BANDS.index(band), library.reached].sum())
            if part < 1 - MAX_LACKING:
                raise AgezError(
                    f"target {name}: template library {library.name!r} reaches {100 * part:.0f} % of the band {band}; "
                    f"complete it by another, as in '{library.name}+popstar', or leave the target out"
                )
        masses = [name for name in names if name in OF_MASS]
        if masses and library.log_solar_mass is None:
            raise AgezError(
                f"target {masses[0]}: the unit of mass of template library {library.name!r} is not known "
                "(agez.training_seds.libraries.LOG_SOLAR_MASS); leave the library or the target out"
            )


def _chunk(
    filters: FilterSet, wave: Floats, library: Library, n: int, redshift: float,
    families: str | Sequence[str], metal_poor_share: float, with_lines: bool,
    truths: Sequence[Callable[[History], Floats]], oldest: float, rng: np.random.Generator,
) -> TrainingSeds:  # fmt: skip
    templates = library.broadened(rng.uniform(*SIGMA_RANGE_KMS)).reshape(-1, len(wave))
    if isinstance(families, str):
        draw = draw_survey_weights if families == SURVEY_FAMILY else draw_galaxy_weights
        mass, mh_young, av = draw(n, library, rng)
        mass = no_older(mass, library.log_age, oldest)
        names = [families] * n
    else:
        mass, mh_young, names = draw_weights(
            n, library.log_age, library.mh, rng, families=families, oldest_years=oldest,
            metal_poor_share=metal_poor_share,
        )  # fmt: skip
        av = None
    light = mass * library.light
    total = light.sum(axis=(1, 2))
    first = float(library.log_age[0])
    young = library.log_age <= (max(YOUNG_LOG_AGE, first) if first <= OLDEST_STAND_IN else YOUNG_LOG_AGE)
    dust = draw_dust(n, wave, rng, av=av)
    weights = (mass / total[:, None, None]).astype(np.float32)
    old_weights = np.where(young[:, None], 0, weights).reshape(n, -1)
    young_weights = np.where(young[:, None], weights, 0).reshape(n, -1)
    spectrum = (old_weights @ templates + (young_weights @ templates) * dust.extra_on_young) * dust.transmission
    ew_ha: Floats = np.zeros(n)
    ew_oiii: Floats = np.zeros(n)
    if with_lines:
        emission = draw_emission(
            young_light=(light * young[:, None]).sum(axis=(1, 2)) / total, mh=mh_young, av=dust.av, rng=rng
        )
        at_ha = np.argmin(np.abs(wave - 6564.6))
        continuum = spectrum[:, at_ha - 12 : at_ha + 13].mean(axis=1)
        ew_ha = emission.ew_ha
        at_oiii = np.argmin(np.abs(wave - OIII_ANGSTROM))
        oiii_over_ha = spectrum[:, at_oiii - 12 : at_oiii + 13].mean(axis=1) / continuum
        ew_oiii = emission.line_flux[:, SKY_LINE_NAMES.index("OIII5007")] / oiii_over_ha
        spectrum = spectrum + continuum[:, None] * (
            emission.line_flux @ _line_pixels(wave) + nebular_continuum(wave, emission) * ew_ha[:, None]
        )
    seen = wave * (1 + redshift)
    matrix = build_matrix(seen, filters)
    lacking = 1 - matrix.weights[:, library.reached].sum(axis=1)
    flux = (spectrum * (seen * seen)) @ matrix.weights.T
    present = np.broadcast_to(lacking < MAX_LACKING, flux.shape)
    scale = (flux * present).sum(axis=1, keepdims=True) / present.sum(axis=1, keepdims=True)
    # l_nu of the row's flux scale, in units of 3631 Jy at 10 pc
    log_scale = np.log10(scale[:, 0] / (1 + redshift) ** 2 / LIGHT_ANGSTROM / AB_SOLAR_PER_HZ)
    seen_light, stars = rest_frame(wave, spectrum), rest_frame(wave, weights.reshape(n, -1) @ templates)
    history = History(
        mass, light, library.log_age, library.mh, np.full(n, redshift), dust.av, ew_ha, ew_oiii,
        (library.log_solar_mass or 0.0) - np.log10(total) - log_scale,
        _words(seen_light, log_scale), _words(stars, log_scale),
    )  # fmt: skip
    labels = np.stack([truth(history) for truth in truths], axis=1)
    return TrainingSeds(
        filters.bands, np.where(present, flux / scale, 0).astype(np.float32), np.array(present), labels,
        np.full(n, redshift), dust.av, ew_ha, np.zeros(n, int), np.array([ALL_FAMILIES.index(name) for name in names]),
        (library.name,), ALL_FAMILIES,
    )  # fmt: skip


def universe_years(redshift: Floats) -> Floats:
    """(n,) age of the universe [yr] (Planck 2018, A&A 641, A6)."""
    from astropy.cosmology import Planck18  # a third of a second to import

    return np.asarray(Planck18.age(redshift).to_value("yr"), dtype=float)


def _words(light: RestFrame, log_scale: Floats) -> dict[str, Floats]:
    """Break and magnitudes at unit flux scale, by name."""
    magnitudes = light.magnitudes + 2.5 * log_scale[:, None]
    return {"dn4000": light.dn4000, **{band: magnitudes[:, k] for k, band in enumerate(REST_BANDS)}}


def _line_pixels(wave: Floats) -> Floats:
    """(n_lines, p) f_lambda of a line of unit flux, shared between the two pixels around it."""
    out = np.zeros((len(SKY_LINES), len(wave)))
    width = wave * STEP_KMS / SPEED_OF_LIGHT_KMS
    for k, line in enumerate(SKY_LINES):
        left = int(np.searchsorted(wave, line.wave_vacuum)) - 1
        if not 0 <= left < len(wave) - 1:
            continue
        part = (line.wave_vacuum - wave[left]) / (wave[left + 1] - wave[left])
        out[k, left], out[k, left + 1] = (1 - part) / width[left], part / width[left + 1]
    return out
