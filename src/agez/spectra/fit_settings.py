"""What a spectral fit is free to do."""

from __future__ import annotations

import math
from dataclasses import dataclass

from agez.errors import AgezError

CONTINUA = ("polynomial", "calibrated", "attenuation")
PRIOR_STRENGTHS = ("gcv", "fixed")
#: Least and largest value of settings that are plain numbers.
_LIMITS = {
    "clip_sigma": (1.0, 1e9), "line_mask_kms": (0.0, 3000.0), "default_sigma_kms": (1.0, 1000.0),
    "max_chi2": (0.0, 1e9),
}  # fmt: skip


@dataclass(frozen=True)
class FitSettings:
    """What a fit is free to do.

    Attributes
    ----------
    fit_range_angstrom : (float, float)
        Rest frame; the part of it that a spectrum covers is used.
    continuum : 'calibrated', 'polynomial' or 'attenuation'
        The smooth factor between stars and data.  ``polynomial``: exp(sum_l a_l P_l) with free Legendre terms
        up to ``polynomial_order`` that take up dust and flux calibration, so that only lines speak of
        age.  ``attenuation``: a law with free A_V, which trusts the colours.  ``calibrated``: both, with
        the polynomial held to the accuracy of the flux calibration.
    polynomial_order : int
    calibration_rms : float
        Prior on each polynomial term of ``calibrated``: its rms, as a fraction of the flux (CALIFA: about
        3 % in colour, Sanchez et al. 2016, A&A 594, A36).
    attenuation_law : str
        See :func:`agez.spectra.dust.attenuation_curve`.
    smoothness_age, smoothness_mh : float
        Prior on light fractions: their second differences along the age axis, and along the [M/H]
        axis, are normal with sigma 1 / sqrt(smoothness), on E-MILES's grid (other grids: scaled by their
        spacing).
    prior_strength : 'gcv' or 'fixed'
        Whether the prior (smoothness and spread) is multiplied, for each spectrum, by the factor that minimises the
        error of prediction as generalised cross-validation estimates it, or taken as it is.
    spread_mh : float
        Prior on the spread of [M/H] about the spectrum's mean: a light-weighted variance v has a probability
        proportional to exp(-spread_mh v).
    emission_lines : bool
        True: emission lines are fitted with the stars.  False: they are masked.
    line_mask_kms : float
        Half-width of the window that is left out around each emission line where lines are masked: in the kinematic
        fit, and with ``emission_lines`` False in all of it.
    sky_mask_angstrom : tuple of (float, float)
        Observed wavelengths that are left out, such as residuals of night-sky lines.
    clip_sigma : float
        Pixels further than this many sigma from the first fit are left out of the final one.
    template_error : float
        What the templates are wrong by, as a fraction of the flux: added to the errors in quadrature.  0 for chi2
        to speak of the noise alone; 0.01 suits real spectra with S/N above 60 per Angstrom.
    kinematics : bool
        False: take velocity 0 and ``default_sigma_kms`` for all spectra.
    default_sigma_kms : float
        Dispersion where none could be measured.
    max_chi2 : float
        Reduced chi2 above which a row is flagged (the paper's 2).
    """

    fit_range_angstrom: tuple[float, float] = (3700.0, 7000.0)
    continuum: str = "polynomial"
    polynomial_order: int = 8
    calibration_rms: float = 0.02
    attenuation_law: str = "calzetti"
    smoothness_age: float = 3e5
    smoothness_mh: float = 4e3
    prior_strength: str = "gcv"
    spread_mh: float = 50.0
    emission_lines: bool = True
    line_mask_kms: float = 700.0
    sky_mask_angstrom: tuple[tuple[float, float], ...] = ()
    clip_sigma: float = 5.0
    template_error: float = 0.0
    kinematics: bool = True
    default_sigma_kms: float = 120.0
    max_chi2: float = 2.0

    def __post_init__(self) -> None:
        # lists do as well, but what is cached by its settings needs tuples
        object.__setattr__(self, "fit_range_angstrom", tuple(self.fit_range_angstrom))
        object.__setattr__(self, "sky_mask_angstrom", tuple(tuple(window) for window in self.sky_mask_angstrom))
        for name, allowed in (("continuum", CONTINUA), ("prior_strength", PRIOR_STRENGTHS)):
            if getattr(self, name) not in allowed:
                raise AgezError(f"{name} {getattr(self, name)!r} is unknown; choose among {', '.join(allowed)}")
        if not self.calibration_rms > 0:
            raise AgezError(f"calibration_rms must be positive, found {self.calibration_rms}")
        for name in ("smoothness_age", "smoothness_mh"):
            if not 0 < getattr(self, name) < 1e12:
                raise AgezError(f"{name} is {getattr(self, name):g}; expected a positive number below 1e12")
        for name in ("spread_mh", "template_error"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise AgezError(f"{name} must be a number and not negative, found {getattr(self, name)}")
        if not (isinstance(self.polynomial_order, int) and 0 <= self.polynomial_order <= 100):
            raise AgezError(f"polynomial_order is {self.polynomial_order!r}; expected a whole number from 0 to 100")
        for name, (least, most) in _LIMITS.items():
            if not least <= getattr(self, name) <= most:
                raise AgezError(f"{name} is {getattr(self, name)}; expected a number from {least:g} to {most:g}")
        for name, (low, high) in [
            ("fit range", self.fit_range_angstrom), *(("sky mask", window) for window in self.sky_mask_angstrom)
        ]:  # fmt: skip
            if not 0 < 1.001 * low < high < math.inf:
                raise AgezError(
                    f"{name} {low:g}-{high:g} A is empty or too narrow; give a lower and a higher wavelength"
                )
