"""Measure, on files of real CALIFA galaxies, the numbers that agez.mocks.califa_numbers holds; print them as JSON.

Usage: python tools/measure_relations.py ecalifa_global.csv > src/agez/mocks/data/califa_numbers.json
       python tools/measure_relations.py ecalifa_ages_metallicities.fits > src/agez/mocks/data/califa_stars.json

The file is the table of global properties of eCALIFA galaxies (Sanchez et al. 2023, RMxAA 59, 213) that the
``edge_pydb`` package distributes.  Galaxies with QC_flag 0, redshift 0.005-0.03 (the selection of CALIFA,
Walcher et al. 2014, A&A 569, A1) and an effective radius of 5-30 arcsec (so that the field of view reaches
beyond it) are used.  Equivalent widths are negative for emission in the file and positive here.

The second file (the same survey, by way of CL_eCALIFA, MIT) has ages and metallicities of whole galaxies and of their
centres; those with QC_flag 0 are used, at any redshift and size.
"""

from __future__ import annotations

import json
import sys

import numpy as np
from astropy.table import Table
from scipy.special import ndtri
from scipy.stats import rankdata

LEVELS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
EARLY = ("E0", "E1", "E2", "E3", "E4", "E5", "E6", "E7", "S0", "S0a")
RATIOS = {
    "log_nii_ha": "log_NII_Ha_Re",
    "log_oiii_hb": "log_OIII_Hb_Re",
    "log_sii_ha": "log_SII_Ha_Re",
    "log_oii_hb": "log_OII_Hb_Re",
    "log_oi_ha": "log_OI_Ha_Re",
}


def read_properties(path: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Properties (NaN where not measured) of the selected galaxies, and which of them are early types."""
    table = Table.read(path, format="ascii.ecsv")
    column = {name: np.ma.filled(np.ma.asarray(table[name]).astype(float), np.nan) for name in table.colnames
              if name not in ("Name", "type")}  # fmt: skip
    types = np.array([str(t).strip() for t in table["type"]])
    keep = (column["QC_flag"] == 0) & (column["z"] > 0.005) & (column["z"] < 0.03) & (types != "U")
    keep &= (column["Re"] > 5) & (column["Re"] < 30)
    with np.errstate(invalid="ignore", divide="ignore"):
        log_ew, log_ew_centre = np.log10(-column["EW_Ha_Re"]), np.log10(-column["EW_Ha_cen"])
        properties = {
            "redshift": column["z"],
            "log_re_arcsec": np.log10(column["Re"]),
            # the column called ellip is the eccentricity sqrt(1 - (b/a)**2)
            "axis_ratio": np.sqrt(1 - column["ellip"] ** 2),
            "log_mass": column["log_Mass"],
            "log_ssfr": column["log_SFR_Ha"] - column["log_Mass"],
            "av": column["Av_ssp_Re"],
            "log_ew_ha": log_ew,
            "ew_gradient": log_ew - log_ew_centre,
            "log_age_lw": column["Age_LW_Re_fit"],
            # mean r-band surface brightness inside Re [AB mag / arcsec2]
            "mu_mean": column["r_band_abs_mag"] + 2.5 * np.log10(2 * np.pi * column["Re_kpc"] ** 2) + 36.57,
            "log_sigma": np.where(
                (column["vel_disp_ssp_1Re"] > 40) & (column["vel_disp_ssp_1Re"] < 400),
                np.log10(np.maximum(column["vel_disp_ssp_1Re"], 1)), np.nan,
            ),
        }  # fmt: skip
    properties.update({name: column[source] for name, source in RATIOS.items()})
    for name, value in properties.items():
        properties[name] = np.where(np.isfinite(value), value, np.nan)[keep]
    return properties, np.isin(types, EARLY)[keep]


def normal_scores(values: np.ndarray) -> np.ndarray:
    """Each value's rank as a standard normal deviate; NaN stays NaN."""
    scores = np.full(len(values), np.nan)
    good = np.isfinite(values)
    scores[good] = ndtri((rankdata(values[good]) - 0.5) / good.sum())
    return scores


def correlation_matrix(columns: list[np.ndarray]) -> np.ndarray:
    """Pairwise correlations of normal scores, made positive definite by raising small eigenvalues."""
    scores = [normal_scores(c) for c in columns]
    n = len(scores)
    result = np.eye(n)
    for i in range(n):
        for j in range(i):
            both = np.isfinite(scores[i]) & np.isfinite(scores[j])
            result[i, j] = result[j, i] = np.corrcoef(scores[i][both], scores[j][both])[0, 1]
    values, vectors = np.linalg.eigh(result)
    result = vectors @ np.diag(np.maximum(values, 0.02)) @ vectors.T
    scale = np.sqrt(np.diag(result))
    return result / scale / scale[:, None]


def robust_line(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Theil-Sen slope, intercept and 1.4826 MAD of the residuals of y on x."""
    good = np.isfinite(x) & np.isfinite(y)
    x, y = x[good], y[good]
    i, j = np.triu_indices(len(x), 1)
    apart = np.abs(x[i] - x[j]) > 0.05
    slope = float(np.median(((y[i] - y[j])[apart]) / (x[i] - x[j])[apart]))
    intercept = float(np.median(y - slope * x))
    residual = y - slope * x - intercept
    return slope, intercept, float(1.4826 * np.median(np.abs(residual - np.median(residual))))


def measure(path: str) -> dict[str, object]:
    """All numbers of agez.mocks.califa_numbers, by name, rounded as they are written."""
    properties, early = read_properties(path)
    copula = [name for name in properties if name != "log_sigma"]
    result: dict[str, object] = {"PROPERTIES": tuple(copula), "LEVELS": LEVELS}
    quantiles, correlations, counts, sigma = {}, {}, {}, {}
    for word, chosen in (("early", early), ("late", ~early)):
        counts[word] = int(chosen.sum())
        here = {name: values[chosen] for name, values in properties.items()}
        quantiles[word] = {n: tuple(round(float(q), 4) for q in np.nanquantile(here[n], LEVELS)) for n in copula}
        matrix = correlation_matrix([here[n] for n in copula])
        correlations[word] = tuple(tuple(round(float(v), 3) for v in row[: i + 1]) for i, row in enumerate(matrix))
        sigma[word] = tuple(round(v, 3) for v in robust_line(here["log_mass"] - 10.5, here["log_sigma"]))
    star_forming = properties["log_ew_ha"]
    result["N_GALAXIES"], result["QUANTILES"], result["CORRELATIONS"] = counts, quantiles, correlations
    result["LOG_SIGMA_ON_MASS"] = sigma
    result["RATIO_ON_LOG_EW"] = {n: round(robust_line(star_forming, properties[n])[0], 3) for n in RATIOS}
    return result


#: Solar metallicity of the second file's templates, MaStar with PARSEC isochrones (Bressan et al. 2012, section 4).
SOLAR_Z = 0.0152
PARTS = {"whole": "int", "centre": "cen"}


def measure_stars(path: str) -> dict[str, object]:
    """Ages, metallicities, dust and H-alpha of whole galaxies and of centres, by type, with their correlations."""
    table = Table.read(path)
    value = {name: np.asarray(table[name], dtype=float) for name in table.colnames if table[name].dtype.kind in "fi"}
    types = np.array([str(t).strip() for t in table["type"]])
    keep = (value["QC_flag"] == 0) & (types != "U")
    early = np.isin(types, EARLY)
    names = ("log_mass", "log_age_lw", "mh_lw", "av", "log_ew_ha")
    result: dict[str, object] = {"PROPERTIES": names, "LEVELS": LEVELS}
    counts, quantiles, correlations = {}, {}, {}
    for part, suffix in PARTS.items():
        columns = {
            "log_mass": value["lMass_int"], "log_age_lw": 9 + np.log10(value[f"Age_LW_{suffix}"]),
            "mh_lw": np.log10(value[f"met_LW_{suffix}"] / SOLAR_Z), "av": value[f"Av_{suffix}"],
            "log_ew_ha": value[f"WHa_{suffix}"],
        }  # fmt: skip
        for word, chosen in (("early", early & keep), ("late", ~early & keep)):
            here = [np.where(np.isfinite(columns[name]), columns[name], np.nan)[chosen] for name in names]
            matrix = correlation_matrix(here)
            key = f"{part} {word}"
            counts[key] = int(chosen.sum())
            quantiles[key] = {n: tuple(round(float(q), 4) for q in np.nanquantile(v, LEVELS))
                              for n, v in zip(names, here, strict=True)}  # fmt: skip
            correlations[key] = tuple(tuple(round(float(v), 3) for v in row[: i + 1]) for i, row in enumerate(matrix))
    result["N_GALAXIES"], result["QUANTILES"], result["CORRELATIONS"] = counts, quantiles, correlations
    return result


def as_json(value: object, indent: str = "") -> str:
    """JSON with a line for each sequence of numbers or names, so that a change of one is a change of one line."""
    if not isinstance(value, dict | tuple) or not any(isinstance(v, dict | tuple) for v in inner(value)):
        return json.dumps(value)
    deeper = indent + "  "
    if isinstance(value, dict):
        lines = [f"{deeper}{json.dumps(name)}: {as_json(v, deeper)}" for name, v in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    return "[\n" + ",\n".join(deeper + as_json(v, deeper) for v in value) + f"\n{indent}]"


def inner(value: dict | tuple) -> tuple:
    """Elements of a sequence, or values of a mapping."""
    return tuple(value.values()) if isinstance(value, dict) else value


def main() -> None:
    """Print the data file."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    stars = sys.argv[1].endswith(".fits")
    print(as_json(measure_stars(sys.argv[1]) if stars else measure(sys.argv[1])))


if __name__ == "__main__":
    main()
