"""Maps of one galaxy from its cube of spectra: bins, synthetic photometry in the rest frame, a model's answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from agez.errors import AgezError
from agez.labelling.cube_bins import fitted_rows
from agez.labelling.input_files import remarks_on
from agez.mapping.map_galaxy import GalaxyMaps, MapSettings, disc_frame, of_lacking, with_gradients
from agez.mapping.whole_galaxy import bands_missing, sum_of_rows
from agez.models.model import Model
from agez.models.predict import distance_remarks, photometry_for, predict_asked
from agez.photometry.filters import FilterSet
from agez.runtime.finished_work import input_record
from agez.samples.galaxy_facts import GalaxyTable
from agez.spectra.binning import BinSettings
from agez.tables.maps import MapFrame
from agez.types import Spectra


def map_cube(
    path: Path,
    model: Model,
    *,
    settings: MapSettings,
    binning: BinSettings,
    filters: FilterSet | None = None,
    galaxies: GalaxyTable | None = None,
    centre_deg: tuple[float, float] | None = None,
) -> GalaxyMaps:
    """Map a galaxy from a cube of CALIFA, MaNGA, MUSE, KCWI or of their kind.

    Parameters
    ----------
    settings : MapSettings
        Its regions are not used: ``binning`` says how spaxels are gathered.  ``ebv`` is taken away from the spectra.
    binning : BinSettings
        Bins of a signal-to-noise ratio per Angstrom.

    galaxies : GalaxyTable, optional
        Of the redshift, where the file says none.
    centre_deg : (ra, dec), optional
        Of the galaxy; default: as the file says, or the brightest place.

    Raises
    ------
    AgezError
        If the file holds no cube, no redshift is known, or as the steps do.
    """
    spectra, frame = fitted_rows(
        path, redshift=settings.redshift, binning=binning, galaxies=galaxies, ebv=settings.ebv, centre_deg=centre_deg
    )
    if frame is None or frame.offsets is None:
        raise AgezError(f"{path}: rows of spectra, and no cube; use agez predict, then agez gradient")
    photometry = photometry_for(model, spectra, filters=filters)
    prediction = predict_asked(model, photometry, settings.asked)
    whole = predict_asked(model, sum_of_rows(photometry), settings.asked)
    binned = spectra.meta.get("binning", {})
    remark = str(binned.get("remark", ""))
    lacking = bands_missing(model, photometry)
    meta = {
        "galaxy": str(spectra.rows.galaxy_id[0]), "model": model.header.get("name", ""),
        "seds_of": "spectra", "missing_bands": lacking,
        "redshift": float(np.median(spectra.redshift)), "ebv": settings.ebv, "error_floor": 0.0,
        "regions": {"method": binned.get("method", binning.method), "target_snr": binning.target_snr},
        "snr_band": "spectra, per Angstrom", "labels": dict(model.header["labels"]),
        "inputs": [input_record(path, "cube of spectra")], "centre": _centre_said(spectra, frame),
        "remarks": [
            *of_lacking(lacking, model, "covered by the spectra"), *([remark] if remark else []),
            *remarks_on(spectra), *distance_remarks(prediction),
        ],
    }  # fmt: skip
    frame = disc_frame(frame, settings.geometry)
    light = None if frame.mean_flux is None else np.nan_to_num(frame.mean_flux)
    return with_gradients(frame, photometry, prediction, settings, meta, light=light, whole=whole)


def _centre_said(spectra: Spectra, frame: MapFrame) -> dict[str, Any]:
    """Where offsets are 0 [degree], or the reference pixel of the WCS, from 0; and who says so."""
    if (place := spectra.meta.get("centre_deg")) is not None:
        found = "found: the brightest place" if "centre" in spectra.meta.get("assumed", ()) else "the header"
        how = str(spectra.meta.get("centre_from", found))
        return {"ra_deg": float(place[0]), "dec_deg": float(place[1]), "from": how}
    pixel = {axis: frame.wcs[f"CRPIX{k}"] - 1 for k, axis in ((1, "x"), (2, "y")) if f"CRPIX{k}" in frame.wcs}
    return {**pixel, "from": "reference pixel of the cube"}
