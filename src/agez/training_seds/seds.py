"""Noise-free training SEDs of diverse galaxies, with their true labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from agez.arrays import PerRow
from agez.errors import AgezError
from agez.photometry.filters import FilterSet
from agez.photometry.response import build_matrix
from agez.populations.history import History
from agez.spectra.lines import SPEED_OF_LIGHT_KMS
from agez.targets import SHIPPED_TARGETS, Target
from agez.training_seds.dust import draw_dust
from agez.training_seds.emission import SKY_LINES, draw_emission, nebular_continuum
from agez.training_seds.histories import SKY_FAMILIES, draw_weights
from agez.training_seds.libraries import STEP_KMS, Library, common_wave
from agez.training_seds.survey_like import SURVEY_FAMILY, draw_survey_weights
from agez.types import Bands, Bools, Floats, Ints

#: Families by the numbers of :attr:`TrainingSeds.family`.
ALL_FAMILIES = (*SKY_FAMILIES, SURVEY_FAMILY)
#: Galaxies that share library, velocity dispersion and redshift: enough that the products are large.
CHUNK = 200
#: The part of a band's response that a library may lack: more, and the band counts as not observed.
MAX_LACKING = 0.01
#: Stars younger than this make the lines, and may have dust of their own [log yr].  In libraries that begin later the
#: youngest age stands for them (it holds all younger stars' mass), unless it is older than the second number.
YOUNG_LOG_AGE, OLDEST_STAND_IN = 7.3, 8.1
#: Velocity dispersions [km/s].
SIGMA_RANGE_KMS = (0.0, 350.0)


@dataclass(frozen=True, eq=False)
class TrainingSeds(PerRow):
    """Noise-free SEDs: one row a galaxy, one column a band.

    Attributes
    ----------
    flux : (n, b) float32
        f_nu, each row in units of its own mean over the bands that are present; 0 where absent.
    present : (n, b) bool
        False where the template library does not reach.
    labels : (n, d) float
        Truth of ``targets``.
    redshift, av, ew_ha : (n,) float
        A_V [mag] of the stars; observed equivalent width of H-alpha [Angstrom].
    library, family : (n,) int
        Which of ``libraries`` and of ``families``.
    targets : tuple of d Target
    """

    bands: Bands
    flux: Floats
    present: Bools
    labels: Floats
    redshift: Floats
    av: Floats
    ew_ha: Floats
    library: Ints
    family: Ints
    libraries: tuple[str, ...]
    families: tuple[str, ...]
    targets: tuple[Target, ...] = SHIPPED_TARGETS

    _row_fields = ("flux", "present", "labels", "redshift", "av", "ew_ha", "library", "family")

    def __len__(self) -> int:
        return len(self.labels)


def make_training_seds(
    filters: FilterSet,
    libraries: Sequence[Library],
    n: int,
    rng: np.random.Generator,
    *,
    shares: Sequence[float] | None = None,
    families: Sequence[str] = SKY_FAMILIES,
    survey_share: float = 0.0,
    redshift_range: tuple[float, float] = (0.0, 0.1),
    rest_share: float = 0.0,
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
        History families.
    survey_share : float
        The share of galaxies whose histories, metallicities and dust are drawn as the mock survey's; 0 to 1.
    redshift_range : (low, high)
        At which the bands see the galaxies, uniformly.
    rest_share : float
        The share of galaxies that are seen at the lowest redshift exactly: photometry of spectra is rest-frame.
    with_lines : bool
        With emission lines and nebular continuum.
    targets : sequence of Target
        Whose truth follows from the history (``from_history``).
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
    lacking = [target.name for target in targets if target.from_history is None]
    if lacking:
        raise AgezError(
            f"targets {', '.join(lacking)}: their records have no from_history, so mock galaxies no truth of them"
        )
    share = np.full(len(libraries), 1.0) if shares is None else np.asarray(shares, float)
    number = rng.choice(len(libraries), size=-(-n // CHUNK), p=share / share.sum())
    # stratified redshifts, so that none is missing by chance
    z = low + (high - low) * (rng.permutation(len(number)) + rng.uniform(size=len(number))) / len(number)
    z[rng.uniform(size=len(z)) < rest_share] = low
    like_survey = rng.uniform(size=len(number)) < survey_share
    parts = []
    for k, (which, redshift) in enumerate(zip(number, z, strict=True)):
        count = min(CHUNK, n - k * CHUNK)
        drawn = () if like_survey[k] else tuple(families)
        parts.append(
            _chunk(filters, wave, libraries, int(which), count, float(redshift), drawn, with_lines, targets, rng)
        )
        if progress is not None:
            progress(count)
    return TrainingSeds.concatenate(parts)


def _chunk(
    filters: FilterSet, wave: Floats, libraries: Sequence[Library], which: int, n: int, redshift: float,
    families: Sequence[str], with_lines: bool, targets: Sequence[Target], rng: np.random.Generator,
) -> TrainingSeds:  # fmt: skip
    library = libraries[which]
    templates = library.broadened(rng.uniform(*SIGMA_RANGE_KMS)).reshape(-1, len(wave))
    if families:
        mass, mh_young, names = draw_weights(n, library.log_age, library.mh, rng, families=families)
        av = None
    else:
        mass, mh_young, av = draw_survey_weights(n, library, rng)
        names = [SURVEY_FAMILY] * n
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
    if with_lines:
        emission = draw_emission(
            young_light=(light * young[:, None]).sum(axis=(1, 2)) / total, mh=mh_young, av=dust.av, rng=rng
        )
        at_ha = np.argmin(np.abs(wave - 6564.6))
        continuum = spectrum[:, at_ha - 12 : at_ha + 13].mean(axis=1)
        ew_ha = emission.ew_ha
        spectrum = spectrum + continuum[:, None] * (
            emission.line_flux @ _line_pixels(wave) + nebular_continuum(wave, emission) * ew_ha[:, None]
        )
    seen = wave * (1 + redshift)
    matrix = build_matrix(seen, filters)
    lacking = 1 - matrix.weights[:, library.reached].sum(axis=1)
    flux = (spectrum * (seen * seen)) @ matrix.weights.T
    present = np.broadcast_to(lacking < MAX_LACKING, flux.shape)
    scale = (flux * present).sum(axis=1, keepdims=True) / present.sum(axis=1, keepdims=True)
    history = History(mass, light, library.log_age, library.mh, np.full(n, redshift), dust.av, ew_ha)
    labels = np.stack([target.from_history(history) for target in targets if target.from_history is not None], axis=1)
    return TrainingSeds(
        filters.bands, np.where(present, flux / scale, 0).astype(np.float32), np.array(present), labels,
        np.full(n, redshift), dust.av, ew_ha, np.full(n, which), np.array([ALL_FAMILIES.index(name) for name in names]),
        tuple(one.name for one in libraries), ALL_FAMILIES, tuple(targets),
    )  # fmt: skip


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
