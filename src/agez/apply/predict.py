"""Ages and metallicities of photometry or spectra by a trained model; numpy only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from agez.errors import AgezError
from agez.flags import Flag, set_flag
from agez.learn import network_numpy
from agez.learn.cross_validation import row_flags
from agez.learn.model import Member, members_of
from agez.learn.normalisation import NormalisedRows, filling_spread, normalise
from agez.types import Bands, Bools, Floats, Model, Photometry, Prediction, Spectra

if TYPE_CHECKING:
    from agez.photometry.filters import FilterSet

#: Rows that are answered at a time, which bounds memory.
CHUNK_ROWS = 4096
#: How far a band's pivot and width may be from those of the model's band of the same name, as parts of its width.
MAX_SHIFT, MAX_WIDENING = 0.2, 0.25
#: Rows whose median signal-to-noise ratio over the bands is below this are flagged LOW_SNR: networks that have seen
#: nearly noiseless photometry know nothing of noise, and the errors do not contain it.
MIN_BAND_SNR = 10.0


def predict(model: Model, photometry: Photometry, *, chunk_rows: int = CHUNK_ROWS) -> Prediction:
    """Predict every row of ``photometry``; a row's answer depends on that row alone.

    The bands are found by name; those that the model does not know are ignored, those that a row lacks are
    filled with their conditional mean (BAND_FILLED) as long as they are at most the model's ``max_missing``,
    and what the filling leaves open is added to the error.  Nothing is clipped.

    Returns
    -------
    Prediction
        ``log_age_lw`` and ``mh_lw`` are the mean of the model's networks; quantiles add those of the calibration.
        NaN, and flagged, are rows with too few bands (TOO_FEW_BANDS), without positive flux (NO_DATA), or seen at
        a redshift that the model does not know (REDSHIFT_OUTSIDE_MODEL).  An unknown redshift (NaN) is taken as
        inside.  Answers outside the training labels are flagged OUT_OF_RANGE, SEDs unlike the training
        set OUT_OF_DISTRIBUTION.

    Raises
    ------
    AgezError
        If so many of the model's bands are missing from the whole table that no row could be answered, or
        a band is not the model's, but another filter of that name.
    """
    if chunk_rows < 1:
        raise AgezError(f"chunk_rows is {chunk_rows}; expected at least 1")
    photometry = _in_model_order(model, photometry)
    members = members_of(model)
    # Tiles are small: a second BLAS thread gains little, and on a busy machine costs a factor of twenty (measured).
    with threadpool_limits(1, user_api="blas"):
        parts = [
            _predict_chunk(model, members, photometry.take(slice(start, start + chunk_rows)))
            for start in range(0, max(len(photometry), 1), chunk_rows)
        ]
    return Prediction.concatenate(parts)


def predict_spectra(model: Model, spectra: Spectra, *, filters: FilterSet | None = None) -> Prediction:
    """Predict spectra: synthetic photometry in the model's bands and frame first.

    Parameters
    ----------
    filters : FilterSet, optional
        Curves of the model's bands; default: the shipped set that the model names.
    """
    from agez.photometry.filters import load_filters
    from agez.photometry.synthesis import synthesize

    names = model.bands.names
    if filters is None:
        filters = load_filters(model.bands.filter_set)
    rest = model.header["frame"] == "rest"
    return predict(model, synthesize(spectra, filters.select(names), redshift=0.0 if rest else None))


def _in_model_order(model: Model, photometry: Photometry) -> Photometry:
    """The model's bands in its order; those that the table lacks are columns of NaN."""
    bands = model.bands
    _check_same_filters(bands, photometry.bands)
    lacking = [name for name in bands.names if name not in photometry.bands.names]
    if not lacking:
        return photometry.select_bands(bands.names)
    allowed = int(model.header["normalisation"]["max_missing"])
    if len(lacking) > allowed:
        some = ", ".join(lacking[:6]) + (", ..." if len(lacking) > 6 else "")
        raise AgezError(
            f"the photometry lacks {len(lacking)} of the model's {len(bands)} bands ({some}); at most {allowed} may be "
            "missing: use a model of these bands, or --filters if they have other names"
        )
    n = len(photometry)
    at = [photometry.bands.names.index(name) if name in photometry.bands.names else -1 for name in bands.names]
    has = np.array(at) >= 0

    def reordered(values: Any, empty: float | bool) -> Any:
        out = np.full((n, len(bands)), empty)
        out[:, has] = values[:, [i for i in at if i >= 0]]
        return out

    return Photometry(
        bands, reordered(photometry.flux, np.nan), reordered(photometry.flux_err, np.nan),
        reordered(photometry.covered, False), photometry.rows, photometry.redshift, photometry.flags, photometry.meta,
        redshift_err=photometry.redshift_err,
    )  # fmt: skip


def _check_same_filters(ours: Bands, theirs: Bands) -> None:
    """AgezError if a band is another filter of the same name: J0430 of J-PAS is 145 A wide, that of J-PLUS 200 A."""
    for name in sorted(set(ours.names) & set(theirs.names), key=ours.names.index):
        i, j = ours.names.index(name), theirs.names.index(name)
        pivot, width = ours.pivot_angstrom[i], ours.fwhm_angstrom[i]
        moved = abs(theirs.pivot_angstrom[j] - pivot) > MAX_SHIFT * width
        if moved or abs(theirs.fwhm_angstrom[j] - width) > MAX_WIDENING * width:
            raise AgezError(
                f"band {name} of the photometry ({theirs.filter_set!r}: {theirs.pivot_angstrom[j]:.0f} A, "
                f"{theirs.fwhm_angstrom[j]:.0f} A wide) is not that of the model ({ours.filter_set!r}: {pivot:.0f} A, "
                f"{width:.0f} A wide): use a model of these filters, or say with --filters whose they are"
            )


def _predict_chunk(model: Model, members: list[Member], photometry: Photometry) -> Prediction:
    header = model.header
    n, targets = len(photometry), list(header["targets"])
    low, high = header["redshift_range"]
    tolerance = header["redshift_tolerance"]
    with np.errstate(invalid="ignore"):
        outside = (photometry.redshift < low - tolerance) | (photometry.redshift > high + tolerance)
    answers, variances = np.zeros((n, len(targets))), np.zeros((n, len(targets)))
    ood, flags, answered = np.zeros(n), np.array(photometry.flags, np.int32), ~outside
    limit = int(header["normalisation"]["max_missing"])
    for member in members:
        rows = normalise(member.normalisation, photometry.flux, photometry.covered, max_missing=limit)
        flags = row_flags(flags, rows)
        answered &= rows.usable
        ood += rows.ood / len(members)
        usable = np.flatnonzero(rows.usable)
        for t, target in enumerate(targets):
            output = network_numpy.run(member.networks[target], rows.inputs[usable])
            answers[usable, t] += (output * member.label_scale[t] + member.label_center[t]) / len(members)
            spread = _variance_of_filling(member, rows, target) * member.label_scale[t] ** 2
            variances[:, t] += spread / len(members)
    flags = set_flag(flags, outside, Flag.REDSHIFT_OUTSIDE_MODEL)
    flags = set_flag(flags, _signal_to_noise(photometry) < MIN_BAND_SNR, Flag.LOW_SNR)
    answers[~answered], ood[~answered] = np.nan, np.nan
    with np.errstate(invalid="ignore"):
        flags = set_flag(flags, ood > header["ood_threshold"], Flag.OUT_OF_DISTRIBUTION)
        flags = set_flag(flags, _out_of_range(model, answers), Flag.OUT_OF_RANGE)
    columns = {}
    for t, target in enumerate(targets):
        columns.update(_with_errors(target, answers[:, t], variances[:, t], header["calibration"][target]))
    meta = {
        "model": header.get("name", ""),
        "version": header["version"],
        "ood_threshold": header["ood_threshold"],
        "labels": header["labels"],
    }
    return Prediction(rows=photometry.rows, ood=ood, flags=flags, meta={**photometry.meta, **meta}, **columns)


def _variance_of_filling(member: Member, rows: NormalisedRows, target: str) -> Floats:
    """(n,) variance of a network's output due to filled bands, by central differences along each spread.

    Predictions take the mean over members, which is that of a single network: on the wide side for their mean.
    """
    variance = np.zeros(len(rows.inputs))
    network = member.networks[target]
    for members, steps in filling_spread(member.normalisation, rows):
        for step in steps:
            up = network_numpy.run(network, rows.inputs[members] + step)
            down = network_numpy.run(network, rows.inputs[members] - step)
            variance[members] += ((up - down) / 2.0).astype(float) ** 2
    return variance


def _signal_to_noise(photometry: Photometry) -> Floats:
    """Median S/N over the bands (n,); infinite where no error is known."""
    known = photometry.covered & (photometry.flux_err > 0)
    snr = np.full(photometry.flux.shape, np.nan)
    np.divide(photometry.flux, photometry.flux_err, out=snr, where=known)
    snr[~known.any(axis=1)] = np.inf
    return np.asarray(np.nanmedian(snr, axis=1))


def _out_of_range(model: Model, answers: Floats) -> Bools:
    lowest, highest = model.arrays["label_range"].min(axis=(0, 1)), model.arrays["label_range"].max(axis=(0, 1))
    return np.asarray(((answers < lowest) | (answers > highest)).any(axis=1))


def _with_errors(target: str, answer: Floats, variance: Floats, calibration: dict[str, float]) -> dict[str, Floats]:
    """The columns of one target: the calibration's quantiles, widened by the variance of filling."""
    middle = answer + calibration["p50"]
    below = np.hypot(calibration["p50"] - calibration["p16"], np.sqrt(variance))
    above = np.hypot(calibration["p84"] - calibration["p50"], np.sqrt(variance))
    return {
        target: answer,
        f"{target}_err": np.where(np.isfinite(answer), (below + above) / 2, np.nan),
        f"{target}_p16": middle - below,
        f"{target}_p50": middle,
        f"{target}_p84": middle + above,
    }
