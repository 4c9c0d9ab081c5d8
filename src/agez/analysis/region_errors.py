"""Errors of gradients, profiles and central values from errors of regions that share much of what they are wrong by.

A model is wrong about a galaxy's regions in much the same way: they have the same dust law, the same kind of history,
the same calibration and PSF, neighbouring ones the same pixels' noise.  With sigma_i the error of region i and r_i its
radius in effective radii, the errors' covariance is taken as::

    C_ij = s_i s_j (delta_ij (1 - constant - radial) + constant + radial exp(-|r_i - r_j| / length))
    s_i^2 = (factor sigma_i)^2 + floor^2

a nugget, a part that all regions share and a part that those of similar radius share (Rasmussen & Williams 2006,
Gaussian Processes for Machine Learning, chapter 4).  At one difference of radii the correlation is the same for similar
and for unlike populations: it needs no distance of SEDs.  Its five numbers are learned from mock galaxies whose truth
is known (:data:`SHARED_ERRORS`), so that 68 % of slopes, central values and rings are within their errors.

Lines are fitted with weights 1 / s_i^2, and their errors follow from C: with the design X and the weights W, the
covariance is A C A^T with A = (X^T W X)^-1 X^T W.  Weights C^-1 (generalised least squares) would have the smallest
error if C were exact; as it is not, they lean on differences between neighbours, and central values of mock galaxies
come out up to twice as wrong.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import NamedTuple

import numpy as np

from agez.errors import AgezError
from agez.types import Floats


@dataclass(frozen=True)
class SharedErrors:
    """How the errors of a galaxy's regions go together."""

    #: constant, radial: Shares of the variance that all regions have in common, and that regions of similar radius
    #: have.
    constant: float
    radial: float
    length_re: float  #: Difference of radii [Re] over which the latter falls by e.
    #: factor, floor: By which errors of regions are multiplied, and what is added to them in quadrature [dex]: however
    #: little noise there is, a model is wrong by so much.
    factor: float
    floor: float = 0.0

    def __post_init__(self) -> None:
        if min(self.constant, self.radial) < 0 or self.constant + self.radial > 1:
            raise AgezError(f"shared errors {self}: shares must be 0 or more, and 1 at most together")
        if not (self.length_re > 0 and self.factor > 0 and self.floor >= 0):
            raise AgezError(f"shared errors {self}: length and factor must be positive, the floor 0 or more")

    def covariance(self, err: Floats, r_re: Floats) -> Floats:
        """(n, n) covariance of regions of errors ``err`` (n,) at radii ``r_re`` (n,) [Re]."""
        apart = np.abs(r_re[:, None] - r_re[None, :])
        shared = self.constant + self.radial * np.exp(-apart / self.length_re)
        np.fill_diagonal(shared, 1.0)
        scaled = np.hypot(self.factor * err, self.floor)
        return np.asarray(shared * scaled[:, None] * scaled[None, :])


def _read() -> dict[str, dict[str, dict[str, SharedErrors]]]:
    kinds = tomllib.loads((files("agez") / "analysis/data/shared_errors.toml").read_text(encoding="utf-8"))
    return {
        kind: {model: {name: SharedErrors(**one) for name, one in of.items()} for model, of in models.items()}
        for kind, models in kinds.items()
    }


#: The model that stands for all others of its kind.
ANY = "any"
#: Of answers to photometry of images, and of spectra, and of spectral fits; by model; by quantity.
SHARED_ERRORS: Mapping[str, Mapping[str, Mapping[str, SharedErrors]]] = _read()


def shared_errors(quantity: str, *, kind: str = "images", model: str = "") -> SharedErrors:
    """The shared errors of a quantity; of one that is not known those of the age, of a metallicity of ``mh_lw``.

    ``kind`` is 'images', 'spectra' or 'labels': answers to photometry of images, or to synthetic photometry of spectra,
    or spectral fits.  A ``model`` that they were not learned for by itself has those of the others of its kind.
    """
    if kind not in SHARED_ERRORS:
        raise AgezError(f"shared errors of {kind!r} are not known; expected one of {', '.join(SHARED_ERRORS)}")
    of_kind = SHARED_ERRORS[kind]
    return of_kind.get(model, of_kind[ANY])["mh_lw" if quantity.startswith("mh") else "log_age_lw"]


class Line(NamedTuple):
    """A line through a galaxy's regions: value = intercept + slope R / Re, each with its error."""

    slope: float
    slope_err: float
    intercept: float
    intercept_err: float


def fit_line(r_re: Floats, value: Floats, err: Floats, shared: SharedErrors) -> Line:
    """The line of weighted least squares, with errors that know what regions share; NaN with fewer than two radii.

    ``r_re``, ``value`` and ``err`` (n,) are finite, errors positive.
    """
    if len(r_re) < 2 or np.ptp(r_re) <= 1e-6 * max(float(np.abs(r_re).max()), 1e-6):
        return Line(np.nan, np.nan, np.nan, np.nan)
    covariance = shared.covariance(err, r_re)
    design = np.stack([np.ones_like(r_re), r_re], axis=1)
    weighted = design / np.diag(covariance)[:, None]
    estimate = np.linalg.solve(design.T @ weighted, weighted.T)
    intercept, slope = estimate @ value
    variances = np.einsum("ki,ij,kj->k", estimate, covariance, estimate)
    return Line(float(slope), float(np.sqrt(variances[1])), float(intercept), float(np.sqrt(variances[0])))


def mean_error(r_re: Floats, err: Floats, shared: SharedErrors) -> float:
    """Error of the plain mean of regions' values."""
    return float(np.sqrt(shared.covariance(err, r_re).sum()) / len(err))
