"""Ages and metallicities of photometry or spectra by a trained model; numpy only."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from agez.errors import AgezError
from agez.flags import Flag, has_flag
from agez.models.asked import Asked
from agez.models.model import DEFAULT_COSMOLOGY, Model
from agez.models.model_file import load_model
from agez.photometry.same_set import check_same_set
from agez.runtime.compiled import is_available, is_worthwhile, usable_cores
from agez.runtime.optional_packages import check_installed
from agez.types import Answering, Bands, Floats, Photometry, Prediction, PredictionInput, Spectra

if TYPE_CHECKING:
    from agez.photometry.filters import FilterSet

#: Rows that are answered at a time, which bounds memory; by compiled code more, which sorts them by redshift.
CHUNK_ROWS, COMPILED_CHUNK_ROWS = 4096, 16384
#: How far a band's pivot and width may be from those of the model's band of the same name, as parts of its width.
MAX_SHIFT, MAX_WIDENING = 0.2, 0.25


def predict(
    model: Model, photometry: Photometry, *, chunk_rows: int | None = None, threads: int | None = None,
    compiled: bool | None = None, targets: Sequence[str] | None = None, cosmology: str = DEFAULT_COSMOLOGY,
    library: str | None = None,
) -> Prediction:  # fmt: skip
    """Predict every row of ``photometry``; a row's answer depends on that row alone.

    The bands are found by name; those that the model does not know are ignored.  Nothing is clipped.

    Models that give a distribution (kind ``posterior``) take flux errors, missing bands and the redshift's error
    as they come.  Models of the paper's kind (``convolutional``) fill bands that a row lacks with their
    conditional mean (BAND_FILLED) as long as they are at most the model's ``max_missing``, and add what the
    filling leaves open to the error; they know nothing of noise.

    Parameters
    ----------
    chunk_rows : int, optional
        Rows that are answered at a time; memory grows with it, answers stay.
    threads : int, optional
        Chunks that are answered at once; the answers are the same bit for bit.  Default: as many as OMP_NUM_THREADS
        says, which is 1 in worker processes, and else one on each core.
    compiled : bool, optional
        Whether compiled code answers, for which numba (``agez[fast]``) must be there.  Default: where it is, and the
        table has so many rows that loading it pays.  Predictions are those of numpy but for rounding: those who cut a
        table into pieces and want the same digits whatever the pieces decide once for all of them.
    targets : sequence of str, optional
        Names of the model's targets that are wanted, or 'all'; default: its main ones.  ``NAME_library_spread`` adds by
        how much the means differ from one template library to the next, of every target that is wanted.
    cosmology : str
        Of the distances from which masses, rates and absolute magnitudes follow: a name in :mod:`astropy.cosmology`.
    library : str, optional
        The template library that is taken as true, one of the header's ``libraries``; default: any of them.

    Returns
    -------
    Prediction
        ``log_age_lw`` and ``mh_lw`` are the mean of the distribution, or of the model's networks, to which
        quantiles add those of the calibration.  NaN, and flagged, are rows with too few bands (TOO_FEW_BANDS),
        without positive flux (NO_DATA), or seen at a redshift that the model does not know
        (REDSHIFT_OUTSIDE_MODEL).  An unknown redshift (NaN) is taken as inside.  Answers outside the training
        labels are flagged OUT_OF_RANGE, SEDs unlike the training set OUT_OF_DISTRIBUTION.

    Raises
    ------
    AgezError
        If so many of the model's bands are missing from the whole table that no row could be answered, or
        a band is not the model's, but another filter of that name.  If the model has no such target or library, or
        astropy no such cosmology.
    """
    if chunk_rows is not None and chunk_rows < 1:
        raise AgezError(f"chunk_rows is {chunk_rows}; expected at least 1")
    if threads is not None and threads < 1:
        raise AgezError(f"threads is {threads}; expected at least 1")
    if compiled:
        check_installed("numba", extra="fast", purpose="compiled code")
        if not is_available():
            raise AgezError("compiled code is switched off by NUMBA_DISABLE_JIT; unset it")
    columns = (targets,) if isinstance(targets, str) else tuple(targets or ())
    if targets is not None and not columns:
        raise AgezError("targets is empty; expected names of targets, or None for the model's main ones")
    asked = Asked(columns, cosmology, library)
    asked.check(model)
    photometry = in_model_order(model, photometry)
    fast = is_worthwhile(len(photometry)) if compiled is None else compiled
    rows = chunk_rows or (COMPILED_CHUNK_ROWS if fast else CHUNK_ROWS)
    # Tiles are small: a second BLAS thread gains little, and on a busy machine costs a factor of twenty (measured).
    kind = model.kind  # made once, before threads ask for it

    def chunk(start: int) -> Prediction:
        rows_of_chunk = photometry.take(slice(start, start + rows))
        return kind.answer(rows_of_chunk, compiled=fast, asked=asked)

    starts = range(0, max(len(photometry), 1), rows)
    threads = min(default_threads() if threads is None else threads, len(starts))
    with threadpool_limits(1, user_api="blas"):
        if threads == 1:
            found = Prediction.concatenate([chunk(start) for start in starts])
        else:
            with ThreadPoolExecutor(threads) as pool:
                found = Prediction.concatenate(list(pool.map(chunk, starts)))
    return replace(found, input=PredictionInput(photometry, model=model))


def default_threads() -> int:
    """Threads of one process: what OMP_NUM_THREADS allows, at most one on each core that it may run on."""
    allowed = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    cores = usable_cores()
    return min(int(allowed), cores) if allowed.isdigit() and int(allowed) > 0 else cores


def expected_of(prediction: Prediction) -> tuple[Floats, Floats]:
    """See :meth:`agez.Prediction.expected`; a model that was not pickled with the prediction is read again."""
    if prediction.input is None:
        raise AgezError(
            "this prediction does not know its photometry: it was read from a file; answer again: agez.predict(INPUT)"
        )
    model = prediction.input.model
    if model is None:
        model = load_model(str(prediction.meta.get("model", "")))
        if any(prediction.meta.get(key) != value for key, value in model.answer_meta.items()):
            raise AgezError(f"the model {model.name!r} that comes with agez is not the one that made this prediction")
    return expected_as_answered(model, prediction.input.photometry, prediction)


def expected_as_answered(model: Answering, photometry: Photometry, prediction: Prediction) -> tuple[Floats, Floats]:
    """Expected flux of each band given the others, (n, b), and its error, without what the answer left out.

    A band that all others contradict (BAND_CONTRADICTED) has no say in what the others are expected to be.

    Raises
    ------
    AgezError
        If the model predicts no SEDs.
    """
    covered = photometry.covered
    if prediction.worst_band is not None:
        left_out = has_flag(prediction.flags, Flag.BAND_CONTRADICTED)[:, None]
        named = np.asarray(prediction.worst_band)[:, None] == np.array(photometry.bands.names)
        covered = covered & ~(left_out & named)
    flux, flux_err = (np.where(covered, part, np.nan) for part in (photometry.flux, photometry.flux_err))
    return model.expected(replace(photometry, flux=flux, flux_err=flux_err, covered=covered))


def predict_asked(model: Model, photometry: Photometry, asked: Asked, *, compiled: bool | None = None) -> Prediction:
    """:func:`predict`, with what is asked in one piece."""
    return predict(
        model, photometry, compiled=compiled, targets=asked.columns or None, cosmology=asked.cosmology,
        library=asked.library,
    )  # fmt: skip


def distance_remarks(prediction: Prediction) -> list[str]:
    """What is to be said where masses and the like are missing for want of a distance."""
    bare = [
        target.name
        for target in prediction.targets
        if (target.per_flux or target.sum_of) and not np.isfinite(getattr(prediction, target.name)).any()
    ]
    if not bare or not prediction.answered.any() or not len(prediction):
        return []
    return [
        f"{', '.join(bare)}: NaN, as spectra are answered in the rest frame, where there is no distance; give "
        "photometry and a redshift"
    ]


def predict_spectra(
    model: Model, spectra: Spectra, *, filters: FilterSet | None = None, asked: Asked | None = None
) -> Prediction:  # fmt: skip
    """Predict spectra: synthetic photometry first (:func:`photometry_for`)."""
    found = predict_asked(model, photometry_for(model, spectra, filters=filters), asked or Asked())
    return replace(found, meta={**found.meta, "seds_of": "spectra"})


def photometry_for(model: Model, spectra: Spectra, *, filters: FilterSet | None = None) -> Photometry:
    """Synthetic photometry of spectra in a model's bands, and in the rest frame if the model knows it.

    ``filters`` holds the curves of the model's bands; default: the shipped set that the model names.
    """
    from agez.photometry.filters import load_filters
    from agez.photometry.synthesis import synthesize

    names = model.bands.names
    if filters is None:
        filters = load_filters(model.bands.filter_set)
    return synthesize(spectra, filters.select(names), redshift=0.0 if is_rest_frame(model) else None)


def is_rest_frame(model: Model) -> bool:
    """Whether spectra are brought to the rest frame for a model, as it knows that."""
    return bool(model.header["frame"] == "rest" or model.header["redshift_range"][0] <= 0.0)


def check_redshift_inside(model: Model, redshift: float) -> None:
    """AgezError if a redshift, of all rows or of a galaxy, is one that the model does not know."""
    low, high = model.header["redshift_range"]
    slack = float(model.header["redshift_tolerance"])
    if model.header.get("uses_redshift", True) and not low - slack <= redshift <= high + slack:
        from agez.hints import velocity_hint

        raise AgezError(
            f"--redshift is {redshift:g}; model {model.header.get('name', '')!r} knows {low:g} to {high:g}"
            f"{velocity_hint(redshift) or ': give another --model, or the right redshift'}"
        )


def in_model_order(model: Model, photometry: Photometry) -> Photometry:
    """The model's bands in its order; those that the table lacks are columns of NaN."""
    bands = model.bands
    check_same_set(bands, photometry.bands, source=str(photometry.meta.get("source", "photometry")))
    _check_same_filters(bands, photometry.bands)
    lacking = [name for name in bands.names if name not in photometry.bands.names]
    if photometry.bands.names == bands.names:
        return photometry
    if not lacking:
        return photometry.select_bands(bands.names)
    allowed = model.kind.most_missing()
    if len(lacking) > allowed:
        some = ", ".join(lacking[:6]) + (", ..." if len(lacking) > 6 else "")
        raise AgezError(
            f"the photometry lacks {len(lacking)} of the model's {len(bands)} bands ({some}); at most {allowed} may be "
            "missing: use a model of these bands, or --filters if they have other names"
        )
    return photometry.in_bands(bands)


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
