"""Numbers measured on real CALIFA galaxies, from data/*.json, which tools/measure_relations.py writes.

Source: eCALIFA, Sanchez et al. 2023, RMxAA 59, 213.  Early is E to S0a.  califa_numbers.json is of the table
ecalifa_global.csv of edge_pydb: QC_flag 0, redshift 0.005-0.03, Re 5-30 arcsec.  califa_stars.json is of the table of
CL_eCALIFA with ages and metallicities of whole galaxies and of their centres: QC_flag 0.
"""

from __future__ import annotations

import json
from importlib.resources import files

_DATA = files("agez") / "mocks/data"
_NUMBERS = json.loads((_DATA / "califa_numbers.json").read_text(encoding="utf-8"))

#: Order of the rows of CORRELATIONS.
PROPERTIES: list[str] = _NUMBERS["PROPERTIES"]
#: Cumulative fractions that QUANTILES are given at.
LEVELS: list[float] = _NUMBERS["LEVELS"]
#: How many real galaxies were measured, by type (``early``, ``late``).
N_GALAXIES: dict[str, int] = _NUMBERS["N_GALAXIES"]
#: Of each property, by type.  Log: base 10; EW [Angstrom]; av [mag]; mu_mean [mag/arcsec2];
#: ew_gradient: log EW(Ha) at Re minus that at the centre; log_age_lw and line ratios at Re.
QUANTILES: dict[str, dict[str, list[float]]] = _NUMBERS["QUANTILES"]
#: Lower triangle of the correlation matrix of the properties' normal scores, by type.
CORRELATIONS: dict[str, list[list[float]]] = _NUMBERS["CORRELATIONS"]
#: Log dispersion of the stars at Re [km/s] on log_mass - 10.5, by type: slope, intercept, scatter.
LOG_SIGMA_ON_MASS: dict[str, list[float]] = _NUMBERS["LOG_SIGMA_ON_MASS"]
#: Slope of each log line ratio on log EW(Ha), over all types.
RATIO_ON_LOG_EW: dict[str, float] = _NUMBERS["RATIO_ON_LOG_EW"]

_STARS = json.loads((_DATA / "califa_stars.json").read_text(encoding="utf-8"))
#: Properties of whole galaxies and centres, in the order of the rows of STAR_CORRELATIONS; LEVELS are the same.
STAR_PROPERTIES: list[str] = _STARS["PROPERTIES"]
#: By ``whole early``, ``whole late``, ``centre early`` and ``centre late``: quantiles of each property
#: (log_mass, log_age_lw, mh_lw [dex], av [mag], log_ew_ha [log Angstrom]), and correlations as above.
STAR_QUANTILES: dict[str, dict[str, list[float]]] = _STARS["QUANTILES"]
STAR_CORRELATIONS: dict[str, list[list[float]]] = _STARS["CORRELATIONS"]
