"""Noise of a sum of neighbouring spaxels, whose errors are correlated: the laws that the surveys measured.

A cube's spaxels are interpolated from fibres that are larger than they are, so neighbours share noise.  Adding N of
them as if they were independent makes the error of the sum too small, by a factor of 3 for a large bin of CALIFA's:

    error(sum of N) = sqrt(sum of variances) * beta(N),    beta(N) = 1 + slope * log10(N), up to a highest value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from astropy.wcs.utils import proj_plane_pixel_area
from numpy.typing import ArrayLike

from agez.errors import AgezError
from agez.sky_offsets import celestial_wcs
from agez.spectra.formats_fits import has_sky_axes
from agez.types import Floats


@dataclass(frozen=True)
class SpatialCovariance:
    """How much larger the error of a sum of neighbouring spaxels is than that of as many independent ones."""

    name: str  #: ``califa``, ``manga``, ``none`` or ``given``.
    slope: float  #: Of beta(N) = 1 + slope log10(N).
    #: beta stays at this value for larger sums: far spaxels are independent, so that it cannot grow for ever.
    most: float
    source: str  #: Who measured it, or why it was chosen.

    def __post_init__(self) -> None:
        if not (np.isfinite(self.slope) and self.slope >= 0):
            raise AgezError(f"spatial covariance: the slope is {self.slope!r}; expected a number of 0 or more")
        if not (np.isfinite(self.most) and self.most >= 1):
            raise AgezError(f"spatial covariance: the highest ratio is {self.most!r}; expected a number of 1 or more")

    def ratio(self, n: ArrayLike) -> Floats:
        """beta(N): what sqrt(sum of variances) of ``n`` neighbouring spaxels is multiplied by (1 for n of 0 or 1)."""
        count = np.maximum(np.asarray(n, dtype=float), 1.0)
        return np.minimum(1.0 + self.slope * np.log10(count), self.most)

    def as_meta(self) -> dict[str, Any]:
        """What a file's header says of it."""
        return asdict(self)


#: Spaxels whose errors have nothing to do with one another.
INDEPENDENT = SpatialCovariance("none", 0.0, 1.0, "spaxels are taken as independent")
#: Spaxels of 1 arcsec; measured for sums of up to 80, and kept at beta(80) beyond.
CALIFA = SpatialCovariance(
    "califa",
    1.07,
    1.0 + 1.07 * np.log10(80.0),
    "Garcia-Benito et al. 2015, A&A 576, A135, eq. 1 (CALIFA, second release)",
)
#: Spaxels of 0.5 arcsec; measured for sums of up to 100.
MANGA = SpatialCovariance("manga", 1.62, 4.2, "Law et al. 2016, AJ 152, 83, section 9.3 (MaNGA)")
#: Size of the spaxels that a law was measured with [arcsec], and how far others may be from it.
_MEASURED_WITH_ARCSEC = {"califa": 1.0, "manga": 0.5}
_ALIKE = 0.2
_BY_NAME = {law.name: law for law in (INDEPENDENT, CALIFA, MANGA)}
#: A slope of the user's own saturates as the surveys' do.
_GIVEN_SATURATES_AT = 100.0


def covariance_for(meta: Mapping[str, Any], choice: float | str | None = None) -> SpatialCovariance:
    """The law for a cube.

    Parameters
    ----------
    meta : mapping
        Of the cube's Spectra: ``format`` and ``survey`` decide where nothing is chosen.  Spaxels of a cube of an
        unknown survey are taken as independent, and ``source`` says so; as it does where ``wcs`` has spaxels of
        another size than the law was measured with.
    choice : float or str, optional
        ``none``, ``califa`` or ``manga``; or the slope, a number of 0 or more (beta then stays at its value for 100).

    Raises
    ------
    AgezError
        The choice is none of these.
    """
    if choice is not None:
        return _chosen(choice)
    form, survey = str(meta.get("format", "")), str(meta.get("survey", ""))
    if form == "manga-cube":
        return _with_remark(MANGA, meta)
    if form == "califa-cube" and survey.upper().startswith("CALIFA"):
        return _with_remark(CALIFA, meta)
    why = f"no law is known for cubes of survey {survey!r}" if survey else "no survey is named"
    return SpatialCovariance("none", 0.0, 1.0, f"{INDEPENDENT.source}: {why}")


def _with_remark(law: SpatialCovariance, meta: Mapping[str, Any]) -> SpatialCovariance:
    """The law, saying so if the cube's spaxels are of another size than those that it was measured with."""
    words = meta.get("wcs") or {}
    if not has_sky_axes(words) or not {"CD1_1", "CD2_2", "CDELT1", "PC1_1"} & set(words):
        return law
    area = float(proj_plane_pixel_area(celestial_wcs(words, str(meta.get("source", "the cube")))))  # degree^2
    size, measured = 3600.0 * area**0.5, _MEASURED_WITH_ARCSEC[law.name]
    if abs(size / measured - 1.0) <= _ALIKE:
        return law
    return replace(law, source=f"{law.source}; measured with spaxels of {measured:g} arcsec, these have {size:.2g}")


def _chosen(choice: float | str) -> SpatialCovariance:
    word = str(choice).strip().lower()
    if word in _BY_NAME:
        return _BY_NAME[word]
    try:
        slope = float(word)
    except ValueError:
        slope = float("nan")
    if not (np.isfinite(slope) and slope >= 0) or isinstance(choice, bool):
        raise AgezError(
            f"spatial covariance is {choice!r}; choose {', '.join(_BY_NAME)}, or a slope of 0 or more: "
            "error of a sum of N spaxels = sqrt(sum of variances) * (1 + slope * log10(N))"
        )
    most = 1.0 + slope * float(np.log10(_GIVEN_SATURATES_AT))
    return SpatialCovariance("given", slope, most, f"slope {slope:g} given by the user")
