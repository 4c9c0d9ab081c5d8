"""Measured curves from the SVO Filter Profile Service: fetched once, checked, kept in the user's cache."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Table

from agez.errors import AgezError
from agez.photometry.curves_io import check_curve
from agez.photometry.filters import FilterSet, replace_curves
from agez.photometry.names import find_band
from agez.runtime.files import whole_file
from agez.runtime.finished_work import read_json
from agez.runtime.optional_packages import need
from agez.surveys.registry import find_survey, surveys
from agez.types import Floats

_LOG = logging.getLogger("agez")
#: Rodrigo & Solano 2020, sea..conf, 182.
_ACKNOWLEDGE = "SVO Filter Profile Service, http://svo2.cab.inta-csic.es/theory/fps/"


class SvoUnavailable(Exception):
    """The service could not be reached, or what it gave is not usable; the message is one line."""


def cache_folder() -> Path:
    """Where downloads are kept: ``$AGEZ_CACHE``, else ``$XDG_CACHE_HOME/agez``, else ``~/.cache/agez``."""
    own = os.environ.get("AGEZ_CACHE")
    if own:
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "agez"


def measured_curves(shipped: FilterSet) -> FilterSet:
    """Measured curves of the bands of a shipped set, from the cache or fetched; if neither works, the shipped set.

    A failure is logged in one line (logger ``agez``, level warning: stderr, unless the caller says otherwise), and
    the shipped set is returned: a set that is not what was asked for says so in its ``source``, too.
    """
    try:
        curves = _read_cache(shipped.name)
        if curves is None:
            return fetch_svo(shipped)
        return replace_curves(shipped, curves, source=f"{_ACKNOWLEDGE} (cached in {cache_folder()})")
    except (SvoUnavailable, AgezError) as error:
        _LOG.warning("%s; going on with the shipped %r profiles", error, shipped.name)
        return shipped


def fetch_svo(shipped: FilterSet) -> FilterSet:
    """Fetch the measured curves of a set with astroquery (``pip install 'agez[svo]'``), check them and cache them.

    Checked: each band is there once, its curve can be integrated, it comes down to at most 10 % of its
    peak at both ends (a truncated answer does not), and its pivot is that of the shipped band within
    the tolerance of :func:`agez.photometry.filters.replace_curves`.  The cache file carries a checksum.

    Raises
    ------
    SvoUnavailable
        If the service does not answer, or the answer fails a check.
    AgezError
        If astroquery is missing, or the service does not have the set.
    """
    survey = find_survey(shipped.name)
    if survey is None or survey.svo is None:
        there = ", ".join(one.name for one in surveys() if one.svo is not None)
        raise AgezError(f"filter set {shipped.name!r} is not at the SVO service; it has {there}")
    curves = _download(*survey.svo, shipped.names)
    try:
        measured = replace_curves(shipped, curves, source=_ACKNOWLEDGE)
    except AgezError as error:
        raise SvoUnavailable(f"SVO Filter Profile Service: wrong data: {error}") from error
    _write_cache(shipped.name, curves)
    return measured


def _download(facility: str, instrument: str, bands: tuple[str, ...]) -> dict[str, tuple[Floats, Floats]]:
    service = need("astroquery.svo_fps", extra="svo", purpose="a set of measured curves").SvoFps
    found: dict[str, tuple[Floats, Floats]] = {}
    try:
        with warnings.catch_warnings(action="ignore"):  # the service's tables break rules of the VOTable standard
            listed = service.get_filter_list(facility, instrument=instrument)
            # Several versions of a curve may be listed (with and without atmosphere): the plain name comes first.
            ids: dict[str, str] = {}
            for identifier in sorted((str(i) for i in listed["filterID"]), key=len):
                band = find_band(identifier.rsplit(".", 1)[-1], bands)
                if band is not None:
                    ids.setdefault(band, identifier)
            missing = [band for band in bands if band not in ids]
            if missing:
                raise SvoUnavailable(f"SVO Filter Profile Service: {facility}/{instrument} lacks {', '.join(missing)}")
            for wanted in bands:
                found[wanted] = _curve(service.get_transmission_data(ids[wanted]), ids[wanted])
    except (SvoUnavailable, KeyboardInterrupt):
        raise
    except AgezError as error:
        raise SvoUnavailable(f"SVO Filter Profile Service: wrong data: {error}") from error
    except Exception as error:  # requests, astroquery and the VOTable parser raise what they like
        reason = (str(error).splitlines() or [""])[0][:120]
        raise SvoUnavailable(
            f"SVO Filter Profile Service: no answer for {facility}/{instrument} ({type(error).__name__}: {reason})"
        ) from error
    return found


def _curve(table: Table, identifier: str) -> tuple[Floats, Floats]:
    """Wavelength [Angstrom] and photon response of one answer, checked."""
    if not {"Wavelength", "Transmission"} <= set(table.colnames):
        raise AgezError(f"{identifier}: the answer has the columns {', '.join(table.colnames)}")
    unit = table["Wavelength"].unit or u.AA
    wave = np.ma.filled(np.ma.asarray(table["Wavelength"]).astype(float), np.nan) * float(u.Unit(unit).to(u.AA))
    response = np.ma.filled(np.ma.asarray(table["Transmission"]).astype(float), np.nan)
    check_curve(identifier, wave, response)
    if max(response[0], response[-1]) > 0.1 * response.max():
        raise AgezError(f"{identifier}: the curve is cut off at {wave[0]:.0f}-{wave[-1]:.0f} A: a truncated answer?")
    return wave, response


def _cache_file(filter_set: str) -> Path:
    return cache_folder() / "filters" / f"svo-{filter_set}.json"


def _checksum(bands: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(bands, sort_keys=True).encode()).hexdigest()


def _write_cache(filter_set: str, curves: dict[str, tuple[Floats, Floats]]) -> None:
    bands = {name: [wave.tolist(), response.tolist()] for name, (wave, response) in curves.items()}
    content = {"schema": "agez.curves/1", "source": _ACKNOWLEDGE, "sha256": _checksum(bands), "bands": bands}
    with whole_file(_cache_file(filter_set)) as part:
        part.write_text(json.dumps(content), encoding="utf-8")


def _read_cache(filter_set: str) -> dict[str, tuple[Floats, Floats]] | None:
    """Cached curves; None if there are none, or if the file is damaged (it is then fetched again)."""
    content = read_json(_cache_file(filter_set))
    try:
        if content is None or content["sha256"] != _checksum(content["bands"]):
            return None
        return {name: (np.array(wave), np.array(response)) for name, (wave, response) in content["bands"].items()}
    except (ValueError, KeyError, TypeError):
        return None
