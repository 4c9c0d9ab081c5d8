"""Maps of one galaxy in one FITS file: images of its properties, the table of its regions, profiles and gradients."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table

from agez import __version__
from agez.analysis.gradient_files import EXTENSION as GRADIENTS
from agez.analysis.gradient_files import REGION_RADIUS, TILT, gradient_rows
from agez.analysis.region_errors import SharedErrors, mean_error, shared_errors
from agez.arguments import takes
from agez.mapping.map_galaxy import GalaxyMaps, bin_maps, snr_of_regions
from agez.mapping.summary_row import summary_row
from agez.models.model_file import plain
from agez.tables.maps_files import maps_hdus
from agez.tables.prediction_files import EXTENSION as PREDICTIONS
from agez.tables.prediction_files import SEDS_OF, prediction_to_table
from agez.tables.summaries import EXTENSION as SUMMARY
from agez.tables.table_files import table_hdu, write_fits
from agez.types import Floats

#: Name of the table of profiles.
PROFILES = "PROFILES"
#: Width of the rings of a profile [Re], and regions that the scatter of a ring needs.
RING_RE, LEAST_REGIONS = 0.25, 3
#: Rings where no effective radius is known.
RINGS = 8


@takes(path="path", maps="GalaxyMaps")
def write_galaxy_maps(
    path: str | os.PathLike[str], maps: GalaxyMaps, *, header: Mapping[str, Any] | None = None
) -> None:
    """Write maps, whole or not at all.

    Extensions: ``BINID``, ``SPX_*``, each property with ``_IVAR`` and ``_MASK`` (the layout of MaNGA's MAPS files); the
    table ``PREDICTIONS`` with a row a region, its fluxes beside; ``PROFILES``; where the effective radius is known
    ``GRADIENTS``; ``SUMMARY``, the whole galaxy in one row.  ``header`` has more cards for the primary one.

    Examples
    --------
    >>> import numpy as np
    >>> import agez
    >>> filters = agez.load_filters("splus").select(["J0410", "J0430", "gSDSS", "J0515", "rSDSS", "J0660", "iSDSS"])
    >>> tiles = agez.galaxy_tiles(agez.survey_plan(1, 200), 0, agez.load_templates("made-up"), filters, redshift=0.03)
    >>> see = dict(pixel_arcsec=1.0, shape=(48, 48), psf_fwhm_arcsec=1.5, snr=30, rng=np.random.default_rng(1))
    >>> made = agez.make_mock_images(tiles, filters, **see)
    >>> maps = agez.map_galaxy(agez.prepare_images(made.images), agez.load_model("splus"))
    >>> agez.write_galaxy_maps("maps.fits", maps)
    >>> "LOG_AGE_LW" in agez.read_maps("maps.fits")[0]
    True
    """
    hdus = [*maps_hdus(bin_maps(maps), maps.frame), table_hdu(region_table(maps), name=PREDICTIONS)]
    hdus.append(table_hdu(profile_table(maps), name=PROFILES))
    if maps.gradients is not None:
        hdus.append(table_hdu(gradient_rows(maps.gradients), name=GRADIENTS))
    hdus.append(table_hdu(summary_row(maps), name=SUMMARY))
    write_fits(path, hdus, header={**primary_header(maps), **(header or {})})


def primary_header(maps: GalaxyMaps) -> dict[str, Any]:
    """What the file says of itself."""
    meta = maps.meta
    return {
        "OBJECT": (_ascii(meta["galaxy"]), "galaxy"),
        "ORIGIN": (f"agez {__version__}", "who made this"),
        "MODEL": (_ascii(meta["model"]), "who answered"),
        "REDSHIFT": (meta["redshift"], "of the galaxy"),
        "EBV": (meta["ebv"], "E(B-V) of the Milky Way taken away"),
        "ERRFLOOR": (meta["error_floor"], "fraction of the flux added to errors"),
        "BINNING": (meta["regions"]["method"], "kind of regions"),
        "BINSNR": (meta["regions"]["target_snr"], "S/N that was asked for"),
        "SNROF": (_ascii(snr_words(maps)), "what that S/N is of"),
        # strict JSON in ASCII, with no quote that ends a FITS string where a long one is continued
        "MAPMETA": json.dumps(plain(dict(meta)), allow_nan=False).replace("'", r"\u0027"),
    }


def snr_words(maps: GalaxyMaps) -> str:
    """What the S/N of regions is of: a band's flux, or an Angstrom of spectra."""
    band = str(maps.meta["snr_band"])
    return f"the flux in band {band}" if band in maps.photometry.bands.names else "an Angstrom of the spectrum"


def _ascii(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()


def region_table(maps: GalaxyMaps) -> Table:
    """The regions' predictions, radii, numbers of pixels and fluxes."""
    table = prediction_to_table(maps.prediction)
    table.meta[SEDS_OF] = maps.meta["seds_of"]
    table.meta.update(zip(TILT, map(float, maps.meta["tilt_deg"]), strict=True))
    table[REGION_RADIUS] = maps.radius_arcsec
    table["r_re"] = maps.r_re
    table["n_pixels"] = maps.frame.spaxels_in_bins(len(maps.prediction))
    table["snr_band"] = snr_of_regions(maps)
    for b, name in enumerate(maps.photometry.bands.names):
        table[f"flux_{name}"] = maps.photometry.flux[:, b]
        table[f"flux_{name}_err"] = maps.photometry.flux_err[:, b]
    return table


def profile_table(maps: GalaxyMaps) -> Table:
    """Medians in rings, with their errors and the scatter of the regions.

    Rings of ``RING_RE``, or ``RINGS`` of them where no effective radius is known.  Regions with a fault do not count.
    Errors know what regions share (:mod:`agez.analysis.region_errors`; without an effective radius, as if all regions
    were at one radius); a scatter needs ``LEAST_REGIONS``.  Masses, rates and magnitudes are those of whole regions, of
    whatever size, and have no profile.
    """
    radius = maps.radius_arcsec
    last = float(np.nanmax(radius, initial=0.0))
    unit = ring_unit(maps)
    width = RING_RE * unit if np.isfinite(unit) else max(last / RINGS, 1e-6) * (1 + 1e-9)
    inner = np.arange(0, max(last, width), width)
    good = maps.prediction.good
    table = Table({"radius_arcsec_inner": inner, "radius_arcsec_outer": inner + width})
    table["r_re_inner"], table["r_re_outer"] = inner / unit, (inner + width) / unit
    rings = [good & (radius >= low) & (radius < low + width) for low in inner]
    table["n_regions"] = [int(ring.sum()) for ring in rings]
    r_re = np.nan_to_num(maps.r_re)
    for target in (one.name for one in maps.prediction.targets if not one.is_extensive):
        value, err = getattr(maps.prediction, target), getattr(maps.prediction, f"{target}_err")
        shared = shared_errors(target, kind=str(maps.meta["seds_of"]), model=str(maps.meta["model"]))
        numbers = np.array([_ring(value[ring], err[ring], r_re[ring], shared) for ring in rings])
        for k, name in enumerate(("", "_err", "_scatter")):
            table[f"{target}{name}"] = numbers[:, k]
    return table


def ring_unit(maps: GalaxyMaps) -> float:
    """The effective radius [arcsec]; NaN where unknown."""
    known = np.isfinite(maps.r_re) & (maps.r_re > 0)
    return float(np.median(maps.radius_arcsec[known] / maps.r_re[known])) if known.any() else np.nan


def _ring(value: Floats, err: Floats, r_re: Floats, shared: SharedErrors) -> tuple[float, float, float]:
    """Median, its error (that of the mean: what regions share counts most, and is the same), and robust scatter."""
    known = np.isfinite(value) & np.isfinite(err) & (err > 0)
    if not known.any():
        return np.nan, np.nan, np.nan
    middle = float(np.median(value[known]))
    scatter = 1.4826 * float(np.median(np.abs(value[known] - middle))) if known.sum() >= LEAST_REGIONS else np.nan
    return middle, mean_error(r_re[known], err[known], shared), scatter
