"""What the page of answers shows: observed and expected photometry, answers, their distributions, maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from agez.errors import AgezError
from agez.mapping.map_files import profile_table
from agez.mapping.remarks import together
from agez.models.model import Model
from agez.models.predict import expected_of
from agez.photometry.dereddening import extinction_coefficients
from agez.types import Bands, Floats, Ints, Photometry, Prediction

if TYPE_CHECKING:
    from agez.mapping.map_galaxy import GalaxyMaps

#: Rows of a catalogue that a page shows at most: with 56 bands they take 4 MB.
MOST_ROWS = 2000


@dataclass(frozen=True, eq=False)
class PageMap:
    """Where the regions lie on the sky.

    Attributes
    ----------
    region : (ny, nx) int
        Row of each pixel, -1 where unused; the first row of pixels is the southern one.
    pixel_arcsec : float
        NaN where unknown.
    colour : (ny, nx, 3) uint8 or None
        The galaxy's colour image.
    colour_bands : tuple of str
        What is red, green and blue in it.
    profile : mapping
        Columns of :func:`agez.mapping.map_files.profile_table`.
    """

    region: Ints
    pixel_arcsec: float
    colour: Any = None
    colour_bands: tuple[str, ...] = ()
    profile: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if np.ndim(self.region) != 2:
            raise AgezError(f"regions of a page have shape {np.shape(self.region)}; expected an image")


@dataclass(frozen=True, eq=False)
class PageContent:
    """Everything that a page shows, ``n`` rows in ``b`` bands.

    Attributes
    ----------
    title : str
    noun : str
        What a row is: ``region`` or ``row``.
    photometry : Photometry
        As shown.
    expected, expected_err : (n, b) float
        Flux of each band that the other bands of the row make one expect, and its error; NaN where unknown.
    prediction : Prediction
        With its mixture, if the model gives one.
    columns : mapping of str to (n,) float
        Further numbers of each row, by the label of their axis.
    model : str
    notes : tuple of str
        What the reader must know.
    map : PageMap or None
    """

    title: str
    noun: str
    photometry: Photometry
    expected: Floats
    expected_err: Floats
    prediction: Prediction
    columns: Mapping[str, Floats]
    model: str
    notes: tuple[str, ...] = ()
    map: PageMap | None = None

    def __post_init__(self) -> None:
        n, b = self.photometry.flux.shape
        for name, part in (("expected", self.expected), ("expected_err", self.expected_err)):
            if part.shape != (n, b):
                raise AgezError(f"page: {name} has shape {part.shape}; expected {(n, b)}")
        if len(self.prediction) != n:
            raise AgezError(f"page: {len(self.prediction)} answers of {n} rows of photometry")


def _expected(prediction: Prediction, bands: Bands) -> tuple[Floats, Floats]:
    """Fluxes (n, b) that are expected of what was answered, and their errors; NaN for models that predict no SEDs."""
    assert prediction.input is not None
    try:
        at = prediction.input.photometry.bands.index(bands.names)
        flux, err = expected_of(prediction)
    except AgezError:
        nothing = np.full((len(prediction), len(bands)), np.nan)
        return nothing, nothing
    return flux[:, at], err[:, at]


def content_of_rows(
    photometry: Photometry, prediction: Prediction, model: Model, *, title: str, notes: tuple[str, ...] = ()
) -> PageContent:
    """The page of rows of a catalogue; ``photometry`` is what the model was given."""
    known = [name for name in photometry.bands.names if name in model.bands.names]
    photometry = photometry.select_bands(known)
    expected, expected_err = _expected(prediction, photometry.bands)
    columns = {"redshift given": photometry.redshift, "signal-to-noise ratio": _snr(photometry)}
    if "rSDSS" in photometry.bands.names:
        flux = photometry.flux[:, photometry.bands.names.index("rSDSS")]
        columns["rSDSS [mag AB]"] = 23.9 - 2.5 * np.log10(np.where(flux > 0, flux, np.nan))
    notes = (*notes, "Fluxes are shown as the model was given them: after zero points, dereddening and error floors.")
    return PageContent(title, "row", photometry, expected, expected_err, prediction, columns, model.name, notes)


def content_of_maps(maps: GalaxyMaps) -> PageContent:
    """The page of a galaxy's maps; fluxes are shown as measured."""
    photometry, meta = maps.photometry, maps.meta
    expected, expected_err = _expected(maps.prediction, photometry.bands)
    dimming = np.ones(len(photometry.bands))
    if meta["ebv"] and meta["seds_of"] == "images":  # that of spectra is taken away before they become photometry
        dimming = 10 ** (-0.4 * extinction_coefficients(photometry.bands) * meta["ebv"])
    columns = {"radius [arcsec]": maps.radius_arcsec}
    if np.isfinite(maps.r_re).any():
        columns = {"radius [Re]": maps.r_re, **columns}
    columns["pixels"] = maps.frame.spaxels_in_bins(len(photometry)).astype(float)
    columns["signal-to-noise ratio"] = _snr(photometry)
    table = profile_table(maps)
    profile = {name: np.asarray(table[name], float) for name in table.colnames}
    frame = maps.frame
    colour = None if frame.colour is None else np.moveaxis(frame.colour, 0, -1)
    place = PageMap(frame.bin_id, _pixel_arcsec(frame.offsets), colour, frame.colour_of, profile)
    title = f"{meta['galaxy'] or 'galaxy'}, z = {meta['redshift']:.4f}"
    return PageContent(
        title, "region", photometry, expected * dimming, expected_err * dimming, maps.prediction, columns,
        str(meta["model"]), tuple(together(meta["remarks"])), place,
    )  # fmt: skip


def _snr(photometry: Photometry) -> Floats:
    """(n,) median signal-to-noise ratio of the bands; NaN where no error is known."""
    ratio = np.where(photometry.covered, photometry.flux / photometry.flux_err, np.nan)
    out = np.full(len(photometry), np.nan)
    some = np.isfinite(ratio).any(axis=1)
    out[some] = np.nanmedian(ratio[some], axis=1)
    return out


def _pixel_arcsec(offsets: Floats | None) -> float:
    if offsets is None or offsets.shape[2] < 2:
        return float("nan")
    return float(np.median(np.hypot(*np.diff(offsets, axis=2))))
