"""Command map: images or a cube of one galaxy to maps of its ages and metallicities."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from agez.commands.answers import Answer, asked_of, check_any_answered, flag_lines
from agez.commands.known_galaxy import with_known_galaxy
from agez.errors import AgezError, PartlyDoneError, counted
from agez.flags import count_flags
from agez.mapping.remarks import together
from agez.models.model import Model
from agez.runtime.files import check_input, make_folder
from agez.runtime.finished_work import input_record
from agez.runtime.optional_packages import check_installed
from agez.tables.table_files import check_fits_output
from agez.targets import PAPER_TARGETS, word_of
from agez.types import Photometry

if TYPE_CHECKING:
    from agez.images.image_set import ImageSet
    from agez.images.prepare import ImageSettings
    from agez.mapping.map_galaxy import GalaxyMaps, MapSettings

#: Options that only images know, and the value that means that they are not given.
_OF_IMAGES = {
    "band_of": None, "psf": None, "no_psf_match": False, "max_psf": None, "background": None, "noise": None,
    "no_stars": False, "star_table": None, "reproject": False, "zero_points": None, "error_floor": None,
    "redshift_err": None, "segments": None, "extension": None, "pixel_snr": None, "size": None,
    "no_source_noise": False,
}  # fmt: skip
#: Default S/N of the regions of images, and of bins of spectra per Angstrom.
IMAGE_SNR, SPECTRA_SNR = 10.0, 40.0


def map_(options: Namespace) -> Answer:
    """``agez map``."""
    from agez.commands.galaxy_list import folders_of_galaxies, is_list

    first = options.input[0]
    if len(options.input) == 1 and (is_list(first) or folders_of_galaxies(first, but=options.out)):
        from agez.commands.many_maps import map_many

        return map_many(options)
    for name in ("images", "workers", "scheduler", "fresh"):
        if getattr(options, name):
            raise AgezError(f"--{name} is for a list of galaxies, or a folder of their folders; leave it out for one")
    return _map_one(options)


def _map_one(options: Namespace) -> Answer:
    from agez.mapping.map_files import write_galaxy_maps
    from agez.models.model_file import load_model

    check_fits_output(options.out)
    options = completed(options)
    settings = checked_settings(options)
    model = load_model(options.model)
    maps = maps_of(options, model, settings)
    write_galaxy_maps(options.out, maps)
    pictures = []
    if options.pictures is not None:
        from agez.report.map_pictures import draw_maps

        pictures = draw_maps(maps, options.pictures)
    if options.page is not None:
        from agez.report.answer_page import write_answer_page
        from agez.report.page_content import content_of_maps

        write_answer_page(options.page, content_of_maps(maps))
    return _answer(options, maps, [str(path) for path in pictures])


def completed(options: Namespace) -> Namespace:
    """The options of one galaxy with what ``--galaxies`` knows of it; AgezError if its files are not there."""
    for one in options.input:
        if not Path(one).is_dir():
            check_input(one)
    return with_known_galaxy(options, cube=is_spectral_cube(options.input))


def checked_settings(options: Namespace) -> MapSettings:
    """The settings of one galaxy; AgezError if options contradict each other, or name files that are not there."""
    if options.segments is not None:
        check_input(options.segments)
    if options.star_table is not None:
        check_input(options.star_table)
    if options.pictures is not None:
        check_installed("matplotlib", extra="report", purpose="--pictures")
        make_folder(options.pictures, option="--pictures")
    if options.page is not None:
        from agez.report.answer_page import check_page

        check_page(options.page)
    settings = settings_of(options)
    if options.centre is not None and not (np.isfinite(options.centre).all() and abs(options.centre[1]) <= 90):
        raise AgezError(f"--centre is {options.centre[0]:g},{options.centre[1]:g}; expected RA,DEC in degrees")
    return settings


def maps_of(options: Namespace, model: Model, settings: MapSettings) -> GalaxyMaps:
    """The maps of one galaxy."""
    settings.asked.check(model)
    undrawn = [name for name in PAPER_TARGETS if name not in settings.asked.targets(model)]
    if options.pictures is not None and undrawn:
        raise AgezError(f"--pictures draws {', '.join(PAPER_TARGETS)}: name {undrawn[0]} in --columns, too")
    if is_spectral_cube(options.input):
        maps = _of_cube(options, model, settings)
        maps = maps if options.name is None else replace(maps, meta={**maps.meta, "galaxy": options.name})
    else:
        maps = _of_images(options, model, settings)
    named = [
        input_record(path, what)
        for path, what in ((options.model, "model"), (options.filters, "filters"))
        if path is not None and Path(path).is_file()
    ]
    of_run = {"inputs": [*maps.meta["inputs"], *named], "command": options.command_line}
    return replace(maps, meta={**maps.meta, **of_run})


def settings_of(options: Namespace) -> MapSettings:
    """What the options say of the map; AgezError if they contradict each other."""
    from agez.images.galaxy_extent import LEAST_PIXEL_SNR
    from agez.images.regions import RegionSettings
    from agez.mapping.map_galaxy import Geometry, MapSettings

    def number(value: float | None, default: float = np.nan) -> float:
        return default if value is None else float(value)

    geometry = Geometry(number(options.re), number(options.inclination), number(options.pa))
    regions = RegionSettings(
        method=options.bins, target_snr=number(options.snr, IMAGE_SNR), segments=options.segments,
        pixel_snr=number(options.pixel_snr, LEAST_PIXEL_SNR),
    )  # fmt: skip
    return MapSettings(
        regions, geometry, options.redshift, number(options.redshift_err, 0.0), number(options.ebv, 0.0),
        number(options.error_floor, 0.0), options.seed, asked_of(options),
    )  # fmt: skip


def is_spectral_cube(inputs: list[str]) -> bool:
    """Whether the input is one file, and a cube of spectra."""
    from agez.images.scubes import is_photometric_cube
    from agez.labelling.cube_bins import is_cube

    return len(inputs) == 1 and Path(inputs[0]).is_file() and is_cube(inputs[0]) and not is_photometric_cube(inputs[0])


def _of_cube(options: Namespace, model: Model, settings: MapSettings) -> GalaxyMaps:
    from agez.mapping.map_cube import map_cube
    from agez.photometry.filters import load_filters
    from agez.photometry.same_set import check_same_set
    from agez.spectra.binning import BinSettings, can_bin

    for name, default in _OF_IMAGES.items():
        if getattr(options, name) != default:
            option = "--" + name.replace("_", "-")
            raise AgezError(f"{option} is of images; {options.input[0]} is a cube of spectra: leave it out")
    if options.bins not in ("voronoi", "pixels"):
        raise AgezError(f"--bins {options.bins} is of images; a cube of spectra knows voronoi and pixels")
    method = "voronoi" if options.bins == "voronoi" else "none"
    can_bin(method)
    binning = BinSettings(method=method, target_snr=SPECTRA_SNR if options.snr is None else options.snr)
    filters = None if options.filters is None else load_filters(options.filters)
    if filters is not None:
        check_same_set(model.bands, filters.bands, source="--filters")
    return map_cube(
        Path(options.input[0]), model, settings=settings, binning=binning, filters=filters,
        galaxies=options.galaxies, centre_deg=options.centre,
    )  # fmt: skip


def _of_images(options: Namespace, model: Model, settings: MapSettings) -> GalaxyMaps:
    from agez.images.prepare import prepare
    from agez.mapping.map_galaxy import checked_redshift, map_galaxy
    from agez.models.predict import in_model_order

    check_installed("photutils", extra="images", purpose="a map of images")
    if options.bins == "voronoi":
        from agez.spectra.voronoi import need_powerbin

        need_powerbin()
    redshift = checked_redshift(settings.redshift, model)  # before pixels are read: no header of images says it
    images = _read(options, model)
    in_model_order(model, Photometry.of_no_row(images.bands, source=options.input[0]))
    names = [name for name in images.bands.names if name in model.bands.names]
    left_out = [name for name in images.bands.names if name not in names]
    if left_out:
        from agez.images.prepare import select_bands

        images = select_bands(images, names)
        words = f"bands that model {options.model} does not know are left out: {', '.join(left_out)}"
        images = replace(images, meta={**images.meta, "remarks": [*images.meta.get("remarks", []), words]})
    if options.name is not None:
        images = replace(images, meta={**images.meta, "object": options.name})
    images = prepare(images, settings=_image_settings(options))
    return map_galaxy(images, model, settings=replace(settings, redshift=redshift))


def _read(options: Namespace, model: Model) -> ImageSet:
    from agez.images.read_images import read_images
    from agez.images.scubes import is_photometric_cube, read_photometric_cube

    if len(options.input) == 1 and Path(options.input[0]).is_file() and is_photometric_cube(options.input[0]):
        for name in ("zero_points", "psf", "band_of", "size", "extension", "reproject", "no_source_noise"):
            if getattr(options, name) != _OF_IMAGES[name]:
                option = "--" + name.replace("_", "-")
                raise AgezError(f"{option} is of images in files of their own; leave it out for a cube")
        return read_photometric_cube(
            options.input[0], filters=options.filters, redshift=options.redshift, model_set=model.bands.filter_set
        )
    band_of = None if options.band_of is None else dict(_pair(one) for one in options.band_of)
    centre = None if options.size is None else options.centre
    if options.size is not None and centre is None:
        raise AgezError("--size cuts a square out around --centre RA,DEC: give that, too")
    return read_images(
        options.input, filters=options.filters, zero_points=options.zero_points, psf_fwhm=options.psf, band_of=band_of,
        extension=options.extension,
        center=centre, size_arcsec=options.size, reproject=options.reproject,
        source_noise=not options.no_source_noise, redshift=options.redshift, model_set=model.bands.filter_set,
    )  # fmt: skip


def _pair(text: str) -> tuple[str, str]:
    name, equals, band = text.partition("=")
    if not (name and equals and band):
        raise AgezError(f"--band-of is {text!r}; expected FILE=BAND, as in ngc1_f378.fits=J0378")
    return name, band


def _image_settings(options: Namespace) -> ImageSettings:
    from agez.images.prepare import ImageSettings

    return ImageSettings(
        background=options.background or "auto", noise=options.noise or "auto", stars=not options.no_stars,
        star_catalogue=options.star_table, center=options.centre, match_psf=not options.no_psf_match,
        max_psf_arcsec=options.max_psf,
    )  # fmt: skip


def _answer(options: Namespace, maps: GalaxyMaps, pictures: list[str]) -> Answer:
    from agez.mapping.map_files import snr_words
    from agez.mapping.map_galaxy import LEAST_SHARE
    from agez.mapping.summary_row import summary_row
    from agez.tables.summaries import galaxy_lines

    prediction, meta = maps.prediction, maps.meta
    answered = int(prediction.answered.sum())
    gradients = [] if maps.gradients is None else maps.gradients.to_json()
    content = {
        "output": options.out, "galaxy": meta["galaxy"], "model": meta["model"], "redshift": meta["redshift"],
        "n_regions": len(prediction), "n_answered": answered, "n_good": int(prediction.good.sum()),
        "n_pixels": int((maps.frame.bin_id >= 0).sum()), "snr_band": meta["snr_band"],
        "target_snr": meta["regions"]["target_snr"], "snr_of": snr_words(maps), "flags": count_flags(prediction.flags),
        "remarks": list(meta["remarks"]),
        "gradients": gradients, "pictures": pictures, "page": options.page,
    }  # fmt: skip
    told = f"{options.out}: {answered} of {counted(len(prediction), 'region')} answered"
    lines = [*together(meta["remarks"]), *_seen(maps), told]
    if meta["regions"]["method"] in ("voronoi", "annuli"):
        lines.append(f"  regions of S/N {content['target_snr']:g} in {content['snr_of']}")
    for one in gradients:
        word = word_of(one["quantity"])
        slope = one["reason"] or f"{one['slope']:+.3f} +- {one['slope_err']:.3f} dex/Re"
        lines.append(f"  gradient of {word}: {slope}")
    lines += [*galaxy_lines(summary_row(maps)), *flag_lines(prediction.flags)]
    check_any_answered(answered, len(prediction), "regions", options.out, content["flags"], (content, lines))
    if answered < LEAST_SHARE * len(prediction):
        raise PartlyDoneError(f"{told}; the remarks say what may be wrong", content=content, lines=lines)
    return content, lines


def _seen(maps: GalaxyMaps) -> list[str]:
    """The size of the images and of their pixels, the PSF, and the stars that are masked."""
    ny, nx = maps.frame.bin_id.shape
    corner = None if maps.frame.offsets is None or min(nx, ny) < 2 else maps.frame.offsets[:, :2, :2]
    size = "" if corner is None else f" of {np.hypot(*(corner[:, 0, 1] - corner[:, 0, 0])):.2f} arcsec"
    psf = maps.meta.get("images", {}).get("psf")
    words = f"{nx} x {ny} pixels{size}" + (f", PSF {psf['fwhm_arcsec']:.1f} arcsec" if psf else "")
    return [words, *filter(None, [maps.meta.get("stars_said", "")])]
