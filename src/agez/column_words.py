"""What the columns of agez's tables are: unit and comment of each, in one place."""

from __future__ import annotations

from astropy.table import Table

#: Unit (as FITS spells it; logarithms have none there) and comment, by the name of the column.
WORDS: dict[str, tuple[str | None, str]] = {
    "id": (None, "spectrum, spaxel, bin or object"),
    "spec_id": (None, "spectrum, spaxel or bin"),
    "galaxy_id": (None, "galaxy"),
    "x": ("arcsec", "offset from the centre, to the west"),
    "y": ("arcsec", "offset from the centre, to the north"),
    "r_re": (None, "face-on radius / effective radius"),
    "radius_arcsec": ("arcsec", "light-weighted radius in the plane of the disc"),
    "radius_arcsec_inner": ("arcsec", "inner radius of the ring"),
    "radius_arcsec_outer": ("arcsec", "outer radius of the ring"),
    "n_pixels": (None, "pixels in the region"),
    "n_regions": (None, "regions in the ring"),
    "snr_band": (None, "S/N of the region in the band it was made for"),
    "redshift": (None, "redshift; of photometry: at which the bands see it"),
    "flux": ("uJy", "f_nu in each band of table BANDS; NaN: not covered"),
    "flux_err": ("uJy", "1-sigma error of flux"),
    "covered": (None, "true where the band was observed"),
    "log_age_lw": (None, "light-weighted mean log10(age/yr)"),
    "mh_lw": (None, "light-weighted mean [M/H], dex"),
    "log_age_mw": (None, "mass-weighted mean log10(age/yr)"),
    "mh_mw": (None, "mass-weighted mean [M/H], dex"),
    "velocity_kms": ("km/s", "velocity relative to the redshift"),
    "n_spaxels": (None, "spaxels in the bin"),
    "prior_strength": (None, "factor on the prior of the fit"),
    "sigma_kms": ("km/s", "stellar velocity dispersion"),
    "av": ("mag", "V-band attenuation of the stars"),
    "snr": ("Angstrom-1", "median signal-to-noise ratio per Angstrom"),
    "chi2": (None, "reduced chi2 of the spectral fit"),
    "ood": (None, "distance from the training set; 0 = like it"),
    "fold": (None, "fold whose networks did not see this row"),
    "flags": (None, "sum of quality bits, 0 = nothing wrong"),
    "photometry_flags": (None, "quality bits of the photometry"),
    "label_flags": (None, "quality bits of the labels"),
    "morphology": (None, "early or late"),
    "log_mass": (None, "log10(stellar mass / solar mass)"),
    "re_arcsec": ("arcsec", "effective radius along the major axis"),
    "inclination": ("deg", "inclination, 0 = face-on"),
    "pa": ("deg", "major axis' position angle, north through east"),
    "log_ssfr": (None, "log10(specific star-formation rate * yr)"),
    "bulge_fraction": (None, "bulge-to-total light"),
    "name": (None, "band"),
    "pivot": ("Angstrom", "pivot wavelength, vacuum"),
    "fwhm": ("Angstrom", "full width at half maximum"),
    "band": (None, "band"),
    "factor": (None, "zero point: fluxes are to be multiplied by it"),
    "magnitude_offset": ("mag", "zero point: to be added to magnitudes"),
    "n_rows": (None, "rows that it rests on"),
    "ebv": ("mag", "E(B-V) of the Milky Way's dust in front"),
    "log_age": (None, "log10(age/yr) of the template"),
    "mh": (None, "[M/H] of the template, dex"),
    "light_per_mass": (None, "mean f_lambda in the light-weight band per mass"),
    "quantity": (None, "column whose gradient this is"),
    "slope": (None, "mean slope over subsets, unit of quantity per Re"),
    "slope_err": (None, "standard deviation of the slope over subsets"),
    "intercept": (None, "value at R = 0, unit of quantity"),
    "n_inside": (None, "points inside the largest radius of the fit"),
    "n_outside": (None, "points outside it"),
    "reason": (None, "why there is no gradient"),
}  # fmt: skip
_PREFIXES = {
    "true_": "truth of the mock: ",
    "label_": "label: ",
    "set_a_": "Set A: ",
    "set_b_": "Set B: ",
}
_SUFFIXES = {
    "_err": "1-sigma error of ",
    "_p16": "16 % quantile of ",
    "_p50": "median of ",
    "_p84": "84 % quantile of ",
}


def words_of(name: str) -> tuple[str | None, str]:
    """Unit and comment of a column; ``(None, "")`` if it is not one of agez's."""
    if name in WORDS:
        return WORDS[name]
    for suffix, what in _SUFFIXES.items():
        if name.endswith(suffix):
            unit, comment = words_of(name.removesuffix(suffix))
            return unit, what + comment if comment else ""
    for prefix, what in _PREFIXES.items():
        if name.startswith(prefix):
            unit, comment = words_of(name.removeprefix(prefix))
            return unit, what + comment if comment else ""
    kind, _, band = name.partition("_")
    if band and kind == "flux":
        return "uJy", f"f_nu in band {band}; NaN: not observed"
    if band and kind == "mag":
        return "mag", f"AB magnitude in band {band}; 99: see the error"
    return None, ""


def describe_columns(table: Table) -> Table:
    """The same table, each column with its unit and its comment where agez knows them and it has none."""
    for name in table.colnames:
        unit, comment = words_of(name)
        column = table[name]
        if unit is not None and column.unit is None:
            column.unit = unit
        if comment and not column.description:
            column.description = comment
    return table
