"""The columns of agez's tables: unit, comment and UCD of each, in one place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from astropy.table import Table

from agez.targets import SHIPPED_TARGETS, Target


class Words(NamedTuple):
    """What a table says of a column.

    ``unit`` is spelled as FITS does, with ``dex`` for decimal logarithms, which the standard lacks and every reader
    shows; None where there is none.  ``ucd`` is of the IVOA's vocabulary UCD1+ (TUCDn in FITS, ``ucd`` in the metadata
    of a column elsewhere).
    """

    unit: str | None
    comment: str
    ucd: str


#: By the name of the column, in whatever table it is.
WORDS: dict[str, Words] = {
    name: Words(*words)
    for name, words in {
        "id": (None, "spectrum, spaxel, bin or object", "meta.id;meta.main"),
        "spec_id": (None, "spectrum, spaxel or bin", "meta.id;meta.main"),
        "galaxy_id": (None, "galaxy", "meta.id.parent"),
        "x": ("arcsec", "offset from the centre, to the west", "pos.cartesian.x"),
        "y": ("arcsec", "offset from the centre, to the north", "pos.cartesian.y"),
        "r_re": (None, "face-on radius / effective radius", "pos.angDistance"),
        "r_re_inner": (None, "inner radius of the ring / effective radius", "pos.angDistance;stat.min"),
        "r_re_outer": (None, "outer radius of the ring / effective radius", "pos.angDistance;stat.max"),
        "radius_arcsec": ("arcsec", "light-weighted radius in the plane of the disc", "pos.angDistance"),
        "radius_arcsec_inner": ("arcsec", "inner radius of the ring", "pos.angDistance;stat.min"),
        "radius_arcsec_outer": ("arcsec", "outer radius of the ring", "pos.angDistance;stat.max"),
        "n_pixels": (None, "pixels in the region", "meta.number;instr.pixel"),
        "n_regions": (None, "regions in the ring", "meta.number"),
        "snr_band": (None, "S/N of the region in the band it was made for", "stat.snr"),
        "redshift": (None, "redshift; of photometry: at which the bands see it", "src.redshift"),
        "flux": ("uJy", "f_nu in each band of table BANDS; NaN: not covered", "phot.flux.density"),
        "flux_err": ("uJy", "1-sigma error of flux", "stat.error;phot.flux.density"),
        "covered": (None, "true where the band was observed", "meta.code.status"),
        **{one.name: (one.unit, one.description, one.ucd) for one in SHIPPED_TARGETS},
        "log_age_mw": ("dex", "mass-weighted mean log10(age/yr)", "time.age;stat.mean"),
        "mh_mw": ("dex", "mass-weighted mean [M/H], dex", "phys.abund.Z;stat.mean"),
        "correlation": (None, "of the errors in log age and [M/H]", "stat.correlation"),
        "velocity_kms": ("km/s", "velocity relative to the redshift", "spect.dopplerVeloc.opt"),
        "n_spaxels": (None, "spaxels in the bin", "meta.number"),
        "prior_strength": (None, "factor on the prior of the fit", "stat.fit.param"),
        "sigma_kms": ("km/s", "stellar velocity dispersion", "phys.veloc.dispersion"),
        "av": ("mag", "V-band attenuation of the stars", "phys.absorption;em.opt.V"),
        "snr": ("Angstrom-1", "median signal-to-noise ratio per Angstrom", "stat.snr"),
        "chi2": (None, "reduced chi2 of the spectral fit", "stat.fit.chi2"),
        "ood": (None, "distance from the training set; 0 = like it", "stat.param"),
        "redshift_inside": (None, "share of the redshift's distribution in the range", "stat.probability"),
        "fold": (None, "fold whose networks did not see this row", "meta.code.member"),
        "flags": (None, "sum of quality bits; see docs/flags.md", "meta.code.qual"),
        "good": (None, "true where no bit of flags is a fault", "meta.code.qual"),
        "photometry_flags": (None, "quality bits of the photometry", "meta.code.qual"),
        "label_flags": (None, "quality bits of the labels", "meta.code.qual"),
        "morphology": (None, "early or late", "src.morph.type"),
        "log_mass": ("dex", "log10(stellar mass / solar mass)", "phys.mass"),
        "re_arcsec": ("arcsec", "effective radius along the major axis", "phys.angSize.smajAxis"),
        "inclination": ("deg", "inclination, 0 = face-on", "src.orbital.inclination"),
        "pa": ("deg", "major axis' position angle, north through east", "pos.posAng"),
        "log_ssfr": ("dex", "log10(specific star-formation rate * yr)", "phys.SFR"),
        "bulge_fraction": (None, "bulge-to-total light", "src.morph.param"),
        "name": (None, "band", "meta.id;instr.filter"),
        "pivot": ("Angstrom", "pivot wavelength, vacuum", "em.wl.central"),
        "fwhm": ("Angstrom", "full width at half maximum", "instr.bandwidth"),
        "band": (None, "band", "meta.id;instr.filter"),
        "factor": (None, "zero point: fluxes are to be multiplied by it", "phot.calib"),
        "magnitude_offset": ("mag", "zero point: to be added to magnitudes", "phot.calib"),
        "n_rows": (None, "rows that it rests on", "meta.number"),
        "ebv": ("mag", "E(B-V) of the Milky Way's dust in front", "phot.color.excess"),
        "log_age": ("dex", "log10(age/yr) of the template", "time.age"),
        "mh": ("dex", "[M/H] of the template, dex", "phys.abund.Z"),
        "light_per_mass": (None, "mean f_lambda in the light-weight band per mass", "phot.flux.density"),
        "light": (None, "weight of the spaxel in means by light", "stat.weight;phot.flux"),
        "mass": (None, "weight of the spaxel in means by mass", "stat.weight;phys.mass"),
        "psf_fwhm": ("arcsec", "FWHM of the PSF", "instr.obsty.seeing"),
        "sky": ("uJy", "background left in each pixel", "instr.skyLevel"),
        "sky_sigma": ("uJy", "noise of the sky in each pixel", "stat.stdev;instr.skyLevel"),
        "gain": ("uJy-1", "photons a microjansky", "instr.calib"),
        "zero_point": ("mag", "AB magnitude of 1 count", "phot.calib"),
        "x_pixel": ("pixel", "position in the image, from 0", "pos.cartesian.x;instr.pixel"),
        "y_pixel": ("pixel", "position in the image, from 0", "pos.cartesian.y;instr.pixel"),
        "ra": ("deg", "right ascension, ICRS", "pos.eq.ra"),
        "dec": ("deg", "declination, ICRS", "pos.eq.dec"),
        "quantity": (None, "column whose gradient this is", "meta.id"),
        "slope": (None, "slope of the line, unit of quantity per Re", "stat.fit.param"),
        "slope_scatter": (None, "scatter of the slope over subsets, same unit", "stat.stdev;stat.fit.param"),
        "slope_err": (None, "1-sigma error of slope, same unit", "stat.error;stat.fit.param"),
        "intercept": (None, "value at R = 0, unit of quantity", "stat.fit.param"),
        "n_inside": (None, "points inside the largest radius of the fit", "meta.number"),
        "n_outside": (None, "points outside it", "meta.number"),
        "reason": (None, "why there is no gradient", "meta.note"),
    }.items()
}  # fmt: skip
#: What a prediction has under names that mean another thing in labels.
OF_PREDICTIONS: dict[str, Words] = {
    "chi2": Words(None, "reduced chi2 of the SED: best combination of training SEDs", "stat.fit.chi2"),
    "chi2_nearest": Words(None, "reduced chi2 of the SED: nearest training SED", "stat.fit.chi2"),
}


def words_of_targets(targets: Sequence[Target]) -> dict[str, Words]:
    """Unit, comment and UCD of the columns of targets; those of their errors and quantiles follow from them."""
    return {one.name: Words(one.unit, one.description, one.ucd) for one in targets}


_PREFIXES = {
    "true_": ("truth of the mock: ", ""),
    "label_": ("label: ", ""),
    "set_a_": ("Set A: ", ""),
    "set_b_": ("Set B: ", ""),
    "var_": ("variance of ", "stat.variance"),
}
_SUFFIXES = {
    "_err": ("1-sigma error of ", "stat.error"),
    "_scatter": ("robust scatter of ", "stat.mad"),
    "_p025": ("2.5 % quantile of ", "stat.percentile"),
    "_p16": ("16 % quantile of ", "stat.percentile"),
    "_p50": ("median of ", "stat.percentile"),
    "_p84": ("84 % quantile of ", "stat.percentile"),
    "_p975": ("97.5 % quantile of ", "stat.percentile"),
}
_COMPONENT = re.compile(r"mix(\d+)_(weight|cov|cov_\w+|var_\w+|\w+)")
_NOTHING = Words(None, "", "")


def words_of(name: str, special: Mapping[str, Words] | None = None) -> Words:
    """Unit, comment and UCD of a column; ``(None, "", "")`` if it is not one of agez's.

    ``special`` has the columns that mean another thing in this table.
    """
    for known in (special or {}, WORDS):
        if name in known:
            return known[name]
    for suffix, (what, ucd) in _SUFFIXES.items():
        if name.endswith(suffix):
            return _of(what, ucd, words_of(name.removesuffix(suffix), special))
    for prefix, (what, ucd) in _PREFIXES.items():
        if name.startswith(prefix):
            return _of(what, ucd, words_of(name.removeprefix(prefix), special))
    component = _COMPONENT.fullmatch(name)
    if component is not None:
        return _of_component(component[1], component[2], special)
    kind, _, band = name.partition("_")
    if band and kind == "flux":
        return Words("uJy", f"f_nu in band {band}; NaN: not observed", "phot.flux.density")
    if band and kind == "mag":
        return Words("mag", f"AB magnitude in band {band}; 99: see the error", "phot.mag")
    return _NOTHING


def _of(what: str, ucd: str, of: Words) -> Words:
    """Words of a statistic of a column, or of the column in another role (no ``ucd``)."""
    if not of.comment:
        return _NOTHING
    unit = f"{of.unit}2" if what.startswith("variance") and of.unit else of.unit
    return Words(unit, what + of.comment, f"{ucd};{of.ucd.partition(';')[0]}" if ucd else of.ucd)


def _of_component(number: str, part: str, special: Mapping[str, Words] | None) -> Words:
    """Words of a column of a prediction's whole distribution."""
    if part == "weight":
        return Words(None, f"weight of component {number} of the distribution", "stat.weight")
    if part == "cov":
        return Words("dex2", f"component {number}: covariance of log age and [M/H]", "stat.covariance")
    if part.startswith("cov_"):
        return Words(None, f"component {number}: covariance of {part[4:]}", "stat.covariance")
    words = words_of(part, special)
    return words._replace(comment=f"component {number}: {words.comment}") if words.comment else _NOTHING


def describe_columns(
    table: Table, *, special: Mapping[str, Words] | None = None, only: Sequence[str] | None = None
) -> Table:
    """The same table, each column (of ``only``) with unit, comment and UCD where agez knows them and it has none."""
    for name in table.colnames if only is None else [one for one in only if one in table.colnames]:
        words = words_of(name, special)
        column = table[name]
        if words.unit is not None and column.unit is None:
            column.unit = words.unit
        if words.comment and not column.description:
            column.description = words.comment
        if words.ucd:
            column.meta.setdefault("ucd", words.ucd)
    return table
