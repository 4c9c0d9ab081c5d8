"""Labels of a cube's bins as maps, under names in the manner of MaNGA's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from agez.analysis.geometry import azimuth_deg, disc_coordinates
from agez.flags import FAULTS, Flag, has_flag
from agez.label_types import Labels
from agez.spectra.formats_fits import spaxel_offsets
from agez.tables.maps import BinMap, MapFrame
from agez.types import Bools, Floats, Ints

#: Extension, column of LABELS, unit, and what it is.
_STARS = (
    ("LOG_AGE_LW", "log_age_lw", "dex", "light-weighted mean log10(age/yr)"),
    ("MH_LW", "mh_lw", "dex", "light-weighted mean [M/H]"),
    ("LOG_AGE_MW", "log_age_mw", "dex", "mass-weighted mean log10(age/yr)"),
    ("MH_MW", "mh_mw", "dex", "mass-weighted mean [M/H]"),
    ("STELLAR_VEL", "velocity_kms", "km/s", "velocity of the stars relative to the redshift"),
    ("STELLAR_SIGMA", "sigma_kms", "km/s", "velocity dispersion of the stars"),
    ("STELLAR_AV", "av", "mag", "V-band attenuation of the stars"),
    ("STELLAR_CHI2", "chi2", "", "reduced chi2 of the spectral fit"),
    ("BIN_SNR", "snr", "", "signal-to-noise ratio of the bin per Angstrom"),
)
_NO_MOTION = Flag.KINEMATICS_FAILED


def label_maps(labels: Labels, n_spaxels: Ints) -> list[BinMap]:
    """The maps of a file of labels: stars, signal-to-noise ratio, chi2, and, where there are any, emission lines.

    Parameters
    ----------
    n_spaxels : (n,) int
        Spaxels in each bin.  A bin's spectrum is the sum of theirs; fluxes of lines in maps are means per spaxel, as
        in MaNGA's files, so that bins of different size compare, and the sum over a map is the galaxy's flux.
    """
    doubtful = has_flag(labels.flags, FAULTS)
    maps = []
    for name, column, unit, comment in _STARS:
        errors = getattr(labels, f"{column}_err", None)
        wrong = doubtful | has_flag(labels.flags, _NO_MOTION) if unit == "km/s" else doubtful
        measured = name not in ("BIN_SNR", "STELLAR_CHI2")
        maps.append(BinMap(name, getattr(labels, column), errors, unit, wrong if measured else None, comment=comment))
    lines = labels.lines
    if lines is None or not lines.names:
        return maps
    each = np.maximum(n_spaxels, 1)[:, None]
    return [
        *maps,
        BinMap(
            "EMLINE_GFLUX", lines.flux / each, lines.flux_err / each, lines.flux_unit, doubtful, channels=lines.names,
            comment="integrated flux per spaxel of emission lines, as observed",
        ),
        BinMap(
            "EMLINE_GEW", lines.ew_angstrom, None, "Angstrom", doubtful, channels=lines.names,
            comment="equivalent width, rest frame, emission positive",
        ),
        BinMap(
            "EMLINE_GVEL", lines.velocity_kms, lines.velocity_kms_err, "km/s", doubtful,
            comment="velocity of the gas relative to the redshift",
        ),
        BinMap(
            "EMLINE_GSIGMA", lines.sigma_kms, lines.sigma_kms_err, "km/s", doubtful,
            comment="dispersion of the gas, without the instrument's",
        ),
    ]  # fmt: skip


def cube_frame(
    bin_id: Ints,
    wcs: Mapping[str, Any],
    *,
    centre_deg: tuple[float, float] | None = None,
    snr: Floats | None = None,
    mean_flux: Floats | None = None,
    flux_unit: str = "",
    stars: Bools | None = None,
    re_arcsec: float = np.nan,
    inclination_deg: float = np.nan,
    pa_deg: float = np.nan,
) -> MapFrame:
    """Where the bins of a cube lie: offsets of all its spaxels by its WCS, radii where the geometry is known.

    Parameters
    ----------
    bin_id : (ny, nx) int
        -1 = unused.
    wcs : mapping
        The cube's sky keywords (``meta['wcs']`` of its spectra).
    centre_deg : (ra, dec), optional
        Where the offsets are 0 (``meta['centre_deg']``); the reference pixel if not given.
    snr, mean_flux : (ny, nx) float, optional
        Of the spaxels; ``mean_flux`` in ``flux_unit``.
    stars : (ny, nx) bool, optional
        Spaxels left out because of a foreground star.
    re_arcsec, inclination_deg, pa_deg : float
        As for :func:`agez.analysis.geometry.face_on_radius`; NaN where unknown.
    """
    y_pixel, x_pixel = np.indices(bin_id.shape).astype(float)
    x, y = spaxel_offsets(wcs, x_pixel, y_pixel, "the cube", centre_deg)
    ellcoo = None
    if np.isfinite([inclination_deg, pa_deg]).all():
        major, minor = disc_coordinates(x, y, inclination_deg=inclination_deg, pa_deg=pa_deg)
        radius = np.hypot(major, minor)
        in_re = radius / re_arcsec if re_arcsec > 0 else np.full(radius.shape, np.nan)
        ellcoo = np.stack([radius, in_re, azimuth_deg(major, minor)])
    return MapFrame(np.asarray(bin_id), dict(wcs), np.stack([x, y]), ellcoo, snr, mean_flux, flux_unit, stars)
