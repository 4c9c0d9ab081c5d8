"""Maps of one galaxy from its images or its cube: regions, their photometry, a model's answer, gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from agez import __version__
from agez.analysis.geometry import azimuth_deg, disc_coordinates
from agez.analysis.gradients import GradientTable, gradients_with_errors
from agez.arguments import number_in, takes
from agez.arrays import Summarised
from agez.errors import AgezError
from agez.flags import Flag, count_flags, has_flag, is_good
from agez.images.alignment import pixel_size_arcsec
from agez.images.colour_picture import colour_image, three_bands
from agez.images.image_set import ImageSet
from agez.images.measure import light_of_pixels, measure, pixel_offsets
from agez.images.regions import RegionSettings, make_regions
from agez.images.stars import circles
from agez.models.asked import Asked
from agez.models.model import Model
from agez.models.predict import check_redshift_inside, predict_asked
from agez.photometry.dereddening import deredden
from agez.photometry.error_floors import with_error_floor
from agez.runtime.finished_work import input_record
from agez.sky_offsets import sky_positions
from agez.tables.maps import BinMap, MapFrame
from agez.types import LABEL_NAMES, Floats, Ints, Photometry, Prediction

#: A map of which a smaller share of the regions is answered has failed, whatever else is in it.
LEAST_SHARE = 0.1


@dataclass(frozen=True)
class Geometry:
    """The disc in which radii are measured; NaN where unknown.

    Examples
    --------
    >>> import agez
    >>> agez.Geometry(re_arcsec=12.0, inclination_deg=40.0, pa_deg=75.0).tilt_deg
    (40.0, 75.0)
    """

    re_arcsec: float = np.nan
    inclination_deg: float = np.nan
    pa_deg: float = np.nan

    def __post_init__(self) -> None:
        for name in ("re_arcsec", "inclination_deg", "pa_deg"):
            unit = "arcsec" if name == "re_arcsec" else "deg"
            object.__setattr__(self, name, number_in(getattr(self, name), unit, name=name))
        if not np.isnan(self.re_arcsec) and not self.re_arcsec > 0:
            raise AgezError(f"--re is {self.re_arcsec:g} arcsec; expected a positive effective radius")
        if np.isnan(self.inclination_deg) != np.isnan(self.pa_deg):
            raise AgezError("--inclination and --pa belong together: a tilted disc needs both; or neither for face-on")
        if not (np.isnan(self.inclination_deg) or 0 <= self.inclination_deg < 90):
            raise AgezError(f"--inclination is {self.inclination_deg:g}; expected 0 (face-on) to below 90 degrees")

    @property
    def tilt_deg(self) -> tuple[float, float]:
        """Inclination and position angle; face-on if they are not known."""
        return (self.inclination_deg, self.pa_deg) if np.isfinite(self.inclination_deg) else (0.0, 0.0)

    def coordinates(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Along the major and the deprojected minor axis [arcsec]; face-on if the tilt is not known."""
        inclination, pa = self.tilt_deg
        return disc_coordinates(x, y, inclination_deg=inclination, pa_deg=pa)


@dataclass(frozen=True)
class MapSettings:
    """What a map is made with.

    Attributes
    ----------
    regions : RegionSettings
    geometry : Geometry
    redshift : float or 'auto', optional
        Of the galaxy; default: the images', or the cube's.  ``auto``: found from the spectra of a cube.
    redshift_err : float
    ebv : float
        E(B-V) of the Milky Way in front of it, of the map of Schlegel et al. (1998).
    error_floor : float
        Fraction of the flux, added to errors in quadrature.
    seed : int
        Of the gradients' subsets.
    asked : Asked
        Which targets, and for what.

    Examples
    --------
    >>> import agez
    >>> settings = agez.MapSettings(agez.RegionSettings(target_snr=20.0), ebv=0.03)
    >>> settings.regions.target_snr, settings.redshift is None
    (20.0, True)
    """

    regions: RegionSettings = field(default_factory=RegionSettings)
    geometry: Geometry = field(default_factory=Geometry)
    redshift: float | Literal["auto"] | None = None
    redshift_err: float = 0.0
    ebv: float = 0.0
    error_floor: float = 0.0
    seed: int = 1
    asked: Asked = field(default_factory=Asked)

    def __post_init__(self) -> None:
        for name in ("redshift", "redshift_err"):
            number = number_in(getattr(self, name), "redshift", name=name, optional=True)
            object.__setattr__(self, name, number)


@dataclass(frozen=True, eq=False)
class GalaxyMaps(Summarised):
    """Maps of one galaxy.

    Attributes
    ----------
    frame : MapFrame
    photometry : Photometry
        Of the regions as measured, with the Milky Way's dust and without the error floor; synthetic, of spectra.
    prediction : Prediction
        A row a region.
    gradients : GradientTable or None
        Of log_age_lw and mh_lw [dex/Re]; None without an effective radius.
    radius_arcsec, r_re : (n,) float
        Light-weighted radius of each region in the plane of the disc [arcsec], and over the effective radius; NaN
        without one.
    meta : mapping
        What was done, in plain words and numbers.
    whole : Prediction
        One row: the answer to the light of all regions together.
    snr_whole : float
        Signal-to-noise ratio of that light in the band that regions were made for; NaN of spectra.
    """

    frame: MapFrame
    photometry: Photometry
    prediction: Prediction
    gradients: GradientTable | None
    radius_arcsec: Floats
    r_re: Floats
    meta: Mapping[str, Any]
    whole: Prediction
    snr_whole: float = np.nan


@takes(images="ImageSet", model="Model")
def map_galaxy(images: ImageSet, model: Model, *, settings: MapSettings | None = None) -> GalaxyMaps:
    """Map a galaxy on prepared images (:func:`agez.images.prepare.prepare`).

    Parameters
    ----------
    images : ImageSet
        ``meta['centre']`` is the galaxy's centre (x, y) [pixel], ``meta['redshift']`` its redshift if the settings
        do not say it.

    Raises
    ------
    AgezError
        Without a redshift, if the model does not know it, or as regions and their photometry do.

    Examples
    --------
    >>> import numpy as np
    >>> import agez
    >>> filters = agez.load_filters("splus").select(["J0410", "J0430", "gSDSS", "J0515", "rSDSS", "J0660", "iSDSS"])
    >>> tiles = agez.galaxy_tiles(agez.survey_plan(1, 200), 0, agez.load_templates("made-up"), filters, redshift=0.03)
    >>> see = dict(pixel_arcsec=1.0, shape=(48, 48), psf_fwhm_arcsec=1.5, snr=30, rng=np.random.default_rng(1))
    >>> made = agez.make_mock_images(tiles, filters, **see)
    >>> maps = agez.map_galaxy(agez.prepare_images(made.images), agez.load_model("splus"))
    >>> maps.prediction.log_age_lw.shape == (len(maps.photometry),)
    True
    """
    settings = settings or MapSettings()
    redshift = checked_redshift(images.meta.get("redshift") if settings.redshift is None else settings.redshift, model)
    ny, nx = images.shape
    centre = images.meta.get("centre") or ((nx - 1) / 2, (ny - 1) / 2)
    lacking = [name for name in model.bands.names if name not in images.bands.names]
    inputs = list(images.meta.get("inputs", []))
    if divided_by := settings.regions.segments:
        inputs.append(input_record(divided_by, "segments"))
    divided = _in_the_disc(settings.regions, settings.geometry)
    regions = make_regions(images, divided, centre=centre)
    name = str(images.meta.get("object") or "")
    all_of_it = np.where(regions.bin_id >= 0, 0, -1)
    photometry, whole = (
        measure(images, numbers, galaxy_id=name, redshift=redshift, centre=centre)
        for numbers in (regions.bin_id, all_of_it)
    )
    photometry = _of_redshift_error(photometry, settings.redshift_err)
    prediction = predict_asked(model, _corrected(photometry, settings), settings.asked)
    ready = _corrected(_of_redshift_error(whole, settings.redshift_err), settings)
    frame = replace(_frame(images, regions.bin_id, regions.snr, centre, settings.geometry), snr_of=f"in {regions.band}")
    fwhm = images.psf_fwhm_arcsec
    meta = {
        "galaxy": name, "model": model.header.get("name", ""), "seds_of": "images", "redshift": redshift,
        "redshift_err": float(settings.redshift_err), "ebv": settings.ebv, "error_floor": settings.error_floor,
        "regions": divided.as_meta(),
        "snr_band": regions.band,
        "labels": dict(model.header["labels"]),
        "images": {key: images.meta[key] for key in ("background", "noise", "psf") if key in images.meta},
        "psf_fwhm_arcsec": float(np.nanmax(fwhm)) if np.isfinite(fwhm).any() else None,  # of the widest band
        "n_stars": len(images.meta.get("stars", [])), "stars_said": images.meta.get("stars_said", ""),
        "missing_bands": lacking,
        "remarks": _remarks(images, [*of_lacking(lacking, model, "among the images"), *regions.remarks], prediction),
        "inputs": inputs, "centre": _centre_said(images, centre),
    }  # fmt: skip
    light = light_of_pixels(images, regions.bin_id)
    maps = with_gradients(
        frame, photometry, prediction, settings, meta, light=light, whole=predict_asked(model, ready, settings.asked)
    )
    b = images.bands.names.index(regions.band)
    return replace(maps, snr_whole=float(whole.flux[0, b] / whole.flux_err[0, b]))


def _of_redshift_error(photometry: Photometry, error: float) -> Photometry:
    return replace(photometry, redshift_err=np.full(len(photometry), float(error)))


def _corrected(photometry: Photometry, settings: MapSettings) -> Photometry:
    """Without the Milky Way's dust, and with the error floor."""
    ready = deredden(photometry, settings.ebv) if settings.ebv else photometry
    return with_error_floor(ready, settings.error_floor) if settings.error_floor else ready


def _in_the_disc(regions: RegionSettings, geometry: Geometry) -> RegionSettings:
    """The same with the disc's tilt and effective radius where the settings do not say them."""
    if np.isnan(regions.inclination_deg):
        regions = replace(regions, inclination_deg=geometry.inclination_deg, pa_deg=geometry.pa_deg)
    return replace(regions, re_arcsec=geometry.re_arcsec) if np.isnan(regions.re_arcsec) else regions


def of_lacking(lacking: Sequence[str], model: Model, where: str) -> list[str]:
    """What is said of the model's bands that are not there."""
    if not lacking:
        return []
    name, n = model.header.get("name", ""), len(model.bands)
    return [f"{len(lacking)} of the {n} bands of model {name} are not {where}: {', '.join(lacking)}"]


def _centre_said(images: ImageSet, centre: tuple[float, float]) -> dict[str, Any]:
    """The galaxy's centre, pixel from 0 and sky [degree], and where it comes from."""
    sky = sky_positions(images.wcs, *centre).icrs
    how = "given" if "centre" in images.meta else "middle of the images"
    return {
        "x": float(centre[0]), "y": float(centre[1]), "ra_deg": float(sky.ra.deg), "dec_deg": float(sky.dec.deg),
        "from": images.meta.get("centre_from", how),
    }  # fmt: skip


def _remarks(images: ImageSet, of_regions: Sequence[str], prediction: Prediction) -> list[str]:
    remarks = [*images.meta.get("remarks", []), *of_regions]
    if prediction.worst_band is not None:
        for band in sorted(set(prediction.worst_band) - {""}):
            share = np.mean(prediction.worst_band == band)
            if share > 0.1:
                remarks.append(
                    f"band {band} is left out of {100 * share:.0f} % of the regions, where all others contradict it: "
                    "check its zero point, its background, and the redshift"
                )
    answered, n = int(prediction.answered.sum()), len(prediction)
    if answered < LEAST_SHARE * n:
        remarks.append(f"only {answered} of {n} regions are answered: {_why_not(prediction)}")
    unlike = has_flag(prediction.flags, Flag.OUT_OF_DISTRIBUTION)
    if unlike.mean() > 0.5:
        remarks.append(
            f"{100 * unlike.mean():.0f} % of the regions are unlike the training set: check the redshift, the zero "
            "points and the filters"
        )
    return remarks


def _why_not(prediction: Prediction) -> str:
    """The commonest flags of rows without an answer."""
    counted = count_flags(prediction.flags[~prediction.answered])
    most = sorted(counted.items(), key=lambda item: -item[1])[:2]
    words = ", ".join(f"{name} {count}" for name, count in most)
    return f"{words or 'no flag says why'}; check the images' background, zero points and masks"


def with_gradients(
    frame: MapFrame,
    photometry: Photometry,
    prediction: Prediction,
    settings: MapSettings,
    meta: Mapping[str, Any],
    *,
    light: Floats | None,
    whole: Prediction,
) -> GalaxyMaps:
    """Radii of the regions, and gradients where the effective radius is known; ``light`` (ny, nx) weighs pixels."""
    geometry = settings.geometry
    radius_arcsec = _radius_of_regions(frame, geometry, light, len(prediction))
    radius = radius_arcsec / geometry.re_arcsec
    gradients = None
    if np.isfinite(geometry.re_arcsec) and any(target.name in LABEL_NAMES for target in prediction.targets):
        names = [target.name for target in prediction.targets if target.name in LABEL_NAMES]
        values = np.stack([getattr(prediction, name) for name in names], axis=1)
        errors = np.stack([getattr(prediction, f"{name}_err") for name in names], axis=1)
        values = np.where(prediction.good[:, None], values, np.nan)
        gradients = gradients_with_errors(
            prediction.rows.galaxy_id, radius, values, errors, names=names,
            rng=np.random.default_rng(settings.seed), kind=str(meta["seds_of"]), model=str(meta["model"]),
        )  # fmt: skip
    told = {**meta, "tilt_deg": geometry.tilt_deg, "seed": settings.seed, "version": __version__}
    return GalaxyMaps(frame, photometry, prediction, gradients, radius_arcsec, radius, told, whole)


def _radius_of_regions(frame: MapFrame, geometry: Geometry, light: Floats | None, n: int) -> Floats:
    """(n,) mean radius of the pixels of each region [arcsec], by their light: a ring's is not that of its middle."""
    if frame.offsets is None:
        return np.full(n, np.nan)
    inside = frame.bin_id >= 0
    number = frame.bin_id[inside]
    radius = np.hypot(*geometry.coordinates(*frame.offsets))[inside]
    weight = np.ones(len(number)) if light is None else np.maximum(np.asarray(light, float)[inside], 0.0)
    total = np.bincount(number, weights=weight, minlength=n)
    weight = np.where(total[number] > 0, weight, 1.0)
    return np.asarray(np.bincount(number, weight * radius, minlength=n) / np.bincount(number, weight, minlength=n))


def checked_redshift(redshift: float | Literal["auto"] | None, model: Model) -> float:
    """A galaxy's redshift that the model knows; AgezError otherwise."""
    if redshift == "auto":
        raise AgezError("--redshift auto is for cubes of spectra, whose lines tell it; of images give a number")
    known = redshift is not None and bool(np.isfinite(redshift))
    if not model.header.get("uses_redshift", True):
        return float(redshift) if redshift is not None and known else 0.0
    if redshift is None or not known:
        raise AgezError("the images do not say the galaxy's redshift; give it with --redshift")
    check_redshift_inside(model, redshift)
    return float(redshift)


def _frame(images: ImageSet, bin_id: Ints, snr: Floats, centre: tuple[float, float], geometry: Geometry) -> MapFrame:
    """Where the regions lie on the sky."""
    keys = {card.keyword: card.value for card in images.wcs.to_header(relax=True).cards}
    pixel = pixel_size_arcsec(images.wcs)
    found = [(one["x"], one["y"], one["radius"] / pixel) for one in images.meta.get("stars", [])]
    stars = circles(images.shape, found) if found else None
    frame = MapFrame(bin_id, keys, np.stack(pixel_offsets(images, centre)), None, snr, stars=stars)
    bands = three_bands(images)[::-1]
    colour = np.moveaxis(np.round(255 * colour_image(images, bands)).astype(np.uint8), -1, 0)
    frame = replace(frame, colour=colour, colour_of=tuple(images.bands.names[b] for b in bands))
    return disc_frame(frame, geometry)


def disc_frame(frame: MapFrame, geometry: Geometry) -> MapFrame:
    """The same with radii and azimuths in the plane of the disc, as far as its geometry is known."""
    if frame.offsets is None or not np.isfinite([geometry.re_arcsec, geometry.inclination_deg]).any():
        return frame
    major, minor = geometry.coordinates(*frame.offsets)
    radius = np.hypot(major, minor)
    azimuth = azimuth_deg(major, minor)
    return replace(frame, ellcoo=np.stack([radius, radius / geometry.re_arcsec, azimuth]))


def bin_maps(maps: GalaxyMaps) -> list[BinMap]:
    """The properties of the regions, as maps."""
    prediction, photometry = maps.prediction, maps.photometry
    doubtful = ~prediction.good
    out = []
    for t, target in enumerate(prediction.targets):
        title, unit = target.name.upper(), target.unit or ""
        value, err = prediction.mean[:, t], getattr(prediction, f"{target.name}_err")
        comment = target.description.removesuffix(", dex")
        comment = f"of the whole region: {comment}" if target.is_extensive else comment
        out.append(BinMap(title, value, err, unit, doubtful, comment=comment))
        between = np.ascontiguousarray(prediction.quantiles[:, t, :3])
        channels = ("p16", "p50", "p84")
        words = f"quantiles 16, 50, 84 % of {title}"
        out.append(BinMap(f"{title}_PCT", between, None, unit, doubtful, channels=channels, comment=words))
    threshold = float(prediction.meta.get("ood_threshold", 1.0))
    out.append(BinMap("OOD", prediction.ood, comment=f"unlike the training set: above {threshold:g} flagged"))
    words = "sum of agez's quality bits; in no region: 1, no data"
    out.append(BinMap("FLAGS", prediction.flags.astype(np.int32), fill=int(Flag.NO_DATA), comment=words))
    out.append(BinMap("GOOD", is_good(prediction.flags), comment="1 = no bit of FLAGS is a fault"))
    if prediction.chi2 is not None:
        words = "reduced chi2 of the SED: best mix of training SEDs"
        out.append(BinMap("CHI2", prediction.chi2, comment=words))
    if maps.meta["snr_band"] in photometry.bands.names:
        out.append(BinMap("BIN_SNR", snr_of_regions(maps), comment=f"S/N of the region in {maps.meta['snr_band']}"))
    pixels = np.maximum(maps.frame.spaxels_in_bins(len(photometry)), 1)[:, None]
    out.append(
        BinMap(
            "FLUX", photometry.flux / pixels, photometry.flux_err / pixels, "uJy", channels=photometry.bands.names,
            comment="f_nu per pixel of the bands, mean over the region, as measured",
        )
    )  # fmt: skip
    return out


def snr_of_regions(maps: GalaxyMaps) -> Floats:
    """(n,) signal-to-noise ratio in the band that regions were made for; NaN of spectra."""
    photometry, band = maps.photometry, maps.meta["snr_band"]
    if band not in photometry.bands.names:
        return np.full(len(photometry), np.nan)
    b = photometry.bands.names.index(band)
    return np.asarray(photometry.flux[:, b] / photometry.flux_err[:, b])
