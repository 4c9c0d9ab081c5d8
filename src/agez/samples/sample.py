"""Joining photometry, labels and galaxies into the sample that networks learn from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from agez.analysis.geometry import face_on_radius
from agez.arguments import takes
from agez.errors import AgezError
from agez.flags import Flag, has_flag, set_flag
from agez.label_types import Galaxies, Labels, Sample, Truth
from agez.samples.galaxy_files import read_galaxies, unknown_galaxies, write_galaxies
from agez.samples.sample_files import read_sample, write_sample
from agez.targets import PAPER_TARGETS
from agez.types import Floats, Ints, Photometry, Rows

__all__ = ["make_sample", "read_galaxies", "read_sample", "write_galaxies", "write_sample"]

#: Largest reduced chi2 of a spectral fit whose labels are used, as in the paper.
MAX_CHI2 = 2.0


@takes(photometry="Photometry", labels="Labels", galaxies="Galaxies?")
def make_sample(
    photometry: Photometry,
    labels: Labels,
    galaxies: Galaxies | None = None,
    *,
    truth: Truth | None = None,
    meta: Mapping[str, Any] | None = None,
) -> Sample:
    """Join by (galaxy_id, spec_id), in the order of the photometry, and keep what can be learned from.

    Rejected are rows whose labels have a reduced chi2 above 2 or are NaN, and rows without any band;
    ``meta`` says how many (``rejected_chi2``, ``rejected_no_label``, ``rejected_no_band``), and how many SEDs
    had no label and labels no SED (``unmatched_photometry``, ``unmatched_labels``).

    Parameters
    ----------
    photometry, labels
        Any order; each (galaxy_id, spec_id) at most once in each.
    galaxies : Galaxies, optional
        Geometry for ``r_re``; galaxies without a row here get one in which nothing is known.  Rows whose radius
        cannot be had are NaN and flagged NO_GEOMETRY.
    truth : Truth, optional
        Of a mock: row by row that of ``photometry``.
    meta : mapping, optional
        ``source``, ``seed`` and what else is to be remembered.

    Raises
    ------
    AgezError
        If nothing matches, a row is named twice, or nothing is left.

    Examples
    --------
    >>> import agez
    >>> from agez.mocks.survey import iterate_survey, survey_plan
    >>> grid = agez.load_templates("made-up")
    >>> (mock,) = iterate_survey(survey_plan(n_galaxies=1, n_spectra=5), grid)
    >>> seds, labels = agez.synthesize(mock.spectra, "jpas"), agez.fit_labels(mock.spectra, grid)
    >>> sample = agez.make_sample(seds, labels, mock.galaxies)
    >>> len(sample), sample.meta["rejected_chi2"]
    (5, 0)
    """
    if truth is not None and len(truth) != len(photometry):
        raise AgezError(f"sample: {len(truth)} rows of truth for {len(photometry)} SEDs; they must go row by row")
    in_photometry, in_labels = _join(photometry.rows, labels.rows)
    matched_labels = labels.take(in_labels)
    no_label = ~np.all([np.isfinite(getattr(matched_labels, name)) for name in PAPER_TARGETS], axis=0)
    # Of the other faults the paper's selection knows none, and leaving out labels at the templates' edge would bend
    # what is learned; the file's columns flags and good tell them apart.
    bad_chi2 = (matched_labels.chi2 > MAX_CHI2) | has_flag(matched_labels.flags, Flag.BAD_CHI2)
    no_band = ~photometry.covered[in_photometry].any(axis=1)
    keep = ~(no_label | bad_chi2 | no_band)
    if not keep.any():
        raise AgezError(
            f"sample: of {len(keep)} matched spectra none is left: {int(no_label.sum())} without labels, "
            f"{int(bad_chi2.sum())} with reduced chi2 above {MAX_CHI2:g}, {int(no_band.sum())} without any band"
        )
    kept = photometry.take(in_photometry[keep])
    table = _galaxies_of(kept.rows, galaxies)
    r_re = _radius(kept.rows, table)
    flagged = Photometry(
        kept.bands, kept.flux, kept.flux_err, kept.covered, kept.rows, kept.redshift,
        set_flag(kept.flags, ~np.isfinite(r_re), Flag.NO_GEOMETRY), kept.meta, redshift_err=kept.redshift_err,
    )  # fmt: skip
    counts = {
        "rejected_chi2": int((bad_chi2 & ~no_label).sum()),
        "rejected_no_label": int(no_label.sum()),
        "rejected_no_band": int((no_band & ~bad_chi2 & ~no_label).sum()),
        "unmatched_photometry": len(photometry) - len(in_photometry),
        "unmatched_labels": len(labels) - len(in_labels),
    }
    return Sample(
        flagged, matched_labels.take(keep), r_re, table,
        None if truth is None else truth.take(in_photometry[keep]), {**(meta or {}), **counts},
    )  # fmt: skip


def _join(left: Rows, right: Rows) -> tuple[Ints, Ints]:
    """Row numbers in both of each (galaxy_id, spec_id) that both have, in the order of ``left``."""
    keys = []
    for rows, what in ((left, "photometry"), (right, "labels")):
        at = {key: i for i, key in enumerate(zip(rows.galaxy_id.tolist(), rows.spec_id.tolist(), strict=True))}
        if len(at) < len(rows):
            seen: set[tuple[str, str]] = set()
            for key in zip(rows.galaxy_id.tolist(), rows.spec_id.tolist(), strict=True):
                if key in seen:
                    raise AgezError(f"{what}: galaxy_id {key[0]!r}, spec_id {key[1]!r} occurs twice; remove one")
                seen.add(key)
        keys.append(at)
    pairs = [(i, keys[1][key]) for key, i in keys[0].items() if key in keys[1]]
    if not pairs:
        raise AgezError(
            f"sample: no (galaxy_id, spec_id) is in both; the photometry begins with {_first(left)}, "
            f"the labels with {_first(right)}; make both from the same spectra"
        )
    both = np.array(pairs)
    return both[:, 0], both[:, 1]


def _first(rows: Rows) -> str:
    return f"({str(rows.galaxy_id[0])!r}, {str(rows.spec_id[0])!r})" if len(rows) else "no row"


def _galaxies_of(rows: Rows, galaxies: Galaxies | None) -> Galaxies:
    """The galaxies that the rows belong to, and no others."""
    names = np.unique(rows.galaxy_id)
    if galaxies is None:
        return unknown_galaxies(names)
    known = galaxies.take(np.isin(galaxies.galaxy_id, names))
    lacking = np.setdiff1d(names, known.galaxy_id)
    return Galaxies.concatenate([known, unknown_galaxies(lacking)]) if len(lacking) else known


def _radius(rows: Rows, galaxies: Galaxies) -> Floats:
    at = galaxies.rows_of(rows.galaxy_id)
    inclination, re = galaxies.inclination[at], galaxies.re_arcsec[at]
    return face_on_radius(
        rows.x, rows.y, pa_deg=galaxies.pa[at],
        inclination_deg=np.where((inclination >= 0) & (inclination < 90), inclination, np.nan),
        re_arcsec=np.where(re > 0, re, np.nan),
    )  # fmt: skip
