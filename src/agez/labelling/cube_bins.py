"""Spectra of a file as they are fitted: a cube's spaxels in bins, anything else as it is; and those bins again."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from astropy.io import fits

from agez.errors import AgezError
from agez.flags import Flag
from agez.label_types import Labels
from agez.labelling.input_files import SaidRedshift, complete_redshifts, number_of, read_one
from agez.samples.galaxy_facts import GalaxyFacts, GalaxyTable
from agez.spectra.bin_sums import bin_spectra, bins_of_map
from agez.spectra.binning import BinSettings, bin_cube
from agez.spectra.covariance import INDEPENDENT, SpatialCovariance, covariance_for
from agez.spectra.dereddening import deredden_spectra
from agez.spectra.formats_califa import pixel_ids
from agez.spectra.formats_fits import has_sky_axes, spaxel_offsets
from agez.spectra.label_files import read_labels
from agez.spectra.label_maps import cube_frame
from agez.spectra.templates import SSPGrid
from agez.tables.maps import MapFrame
from agez.tables.maps_files import read_maps
from agez.tables.table_files import open_fits
from agez.types import Floats, Rows, Spectra

#: How the files of labels in a folder end.
LABELS_END = ".labels.fits"
_OF_REDSHIFTS = np.int32(int(Flag.REDSHIFT_FOUND | Flag.REDSHIFT_AMBIGUOUS))
_ENDINGS = (".gz", ".bz2", ".fits", ".fit", ".rscube", ".RSS", ".fz", ".ecsv", ".csv", ".txt", ".dat")


def is_cube(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins with an image of three axes; only its first headers are read."""
    try:
        with warnings.catch_warnings(action="ignore"), fits.open(path, memmap=False) as hdus:
            first = hdus[0].header.get("NAXIS")
            return bool((hdus[1].header.get("NAXIS") if first == 0 else first) == 3)
    except Exception:
        return False  # not FITS, or damaged: whoever reads it says what is wrong


def label_name(path: Path) -> str:
    """File name of the labels of one file of spectra: ``NGC1.V500.labels.fits`` of ``NGC1.V500.rscube.fits.gz``."""
    name = path.name
    while Path(name).suffix in _ENDINGS:
        name = Path(name).stem
    return name + LABELS_END


def label_files_in(given: str | os.PathLike[str]) -> list[Path]:
    """The files of labels that a path means: itself, or all of a folder; AgezError if the folder has none."""
    path = Path(given)
    if not path.is_dir():
        return [path]
    found = sorted(path.glob(f"*{LABELS_END}"))
    if not found:
        raise AgezError(f"{path}: no file of labels in this folder (they end in {LABELS_END})")
    return found


def fitted_rows(
    path: Path,
    *,
    redshift: SaidRedshift,
    binning: BinSettings,
    galaxies: GalaxyTable | None = None,
    ebv: float | None = None,
    centre_deg: tuple[float, float] | None = None,
    templates: SSPGrid | None = None,
    sky_mask_angstrom: Sequence[tuple[float, float]] = (),
) -> tuple[Spectra, MapFrame | None]:
    """The spectra of a file that are to be fitted, and, for a cube, where they lie.

    A redshift that the file does not say is that of the galaxy table, else that which is found from the spectra, with
    ``templates`` and without ``sky_mask_angstrom`` (:func:`agez.labelling.input_files.complete_redshifts`).

    Parameters
    ----------
    galaxies : GalaxyTable, optional
        Redshifts, centres, discs and Galactic dust; ``ebv`` and ``centre_deg`` go before it.
    ebv : float, optional
        E(B-V) of the Milky Way [mag], which is taken away; None: as the table says.
    centre_deg : (ra, dec), optional
        Where offsets are counted from, in place of what the file says.

    Raises
    ------
    AgezError
        Also for a cube without a redshift, where none can be found: its bins would be fitted at rest.
    """
    spectra, auto = read_one(path, redshift=number_of(redshift)), redshift == "auto"
    search = partial(complete_redshifts, auto=auto, templates=templates, sky_mask_angstrom=sky_mask_angstrom)
    known = _known_galaxies(spectra, galaxies)
    if not auto:
        said = _of_rows(spectra, known, "redshift")
        use = np.isnan(spectra.redshift) & np.isfinite(said)
        spectra = replace(spectra, redshift=np.where(use, said, spectra.redshift))
    dust = _of_rows(spectra, known, "ebv") if ebv is None else np.full(len(spectra), ebv)
    if "cube_shape" not in spectra.meta:
        return deredden_spectra(search(spectra), dust), None
    facts = known[str(spectra.rows.galaxy_id[0])] or GalaxyFacts("")
    spectra = _centred(search(spectra), centre_deg or facts.centre_deg)
    if not np.isfinite(spectra.redshift).all():
        raise AgezError(
            f"{path}: the cube's header says no redshift, and none could be found from its spectra; give it with "
            "--redshift, or those of many with --galaxies"
        )
    shape = {"re_arcsec": facts.re_arcsec, "inclination_deg": facts.inclination_deg, "pa_deg": facts.pa_deg}
    if "bin_id" in spectra.meta:
        spectra, frame = _bins_of_file(path, spectra, binning, shape)
        return deredden_spectra(spectra, dust[: len(spectra)]), frame
    cube = bin_cube(spectra, binning)
    frame = cube_frame(
        cube.bin_id, spectra.meta["wcs"], centre_deg=spectra.meta.get("centre_deg"), snr=cube.snr,
        mean_flux=cube.signal, flux_unit=spectra.flux_unit,
        stars=None if binning.star_mask is None else cube.stars, **shape,
    )  # fmt: skip
    return deredden_spectra(cube.spectra, np.full(len(cube.spectra), dust[0])), frame


def _known_galaxies(spectra: Spectra, galaxies: GalaxyTable | None) -> dict[str, GalaxyFacts | None]:
    """What the table says of each galaxy of a file, by its name; of the only one also by that of the file."""
    names = np.unique(spectra.rows.galaxy_id).tolist()
    also = [Path(spectra.source).name.split(".")[0]] if len(names) == 1 else []
    return {name: None if galaxies is None else galaxies.of(name, *also) for name in names}


def unknown_galaxies(spectra: Spectra, galaxies: GalaxyTable) -> list[str]:
    """What is to be said where the table does not know the galaxies of a file."""
    unknown = [name for name, facts in _known_galaxies(spectra, galaxies).items() if facts is None]
    more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
    return (
        [f"{Path(spectra.source).name}: no row of {', '.join(unknown[:3])}{more} in {galaxies.source}"]
        if unknown
        else []
    )


def _of_rows(spectra: Spectra, known: Mapping[str, GalaxyFacts | None], what: str) -> Floats:
    """(n,) a number of the galaxy of each row; NaN where it is not known."""
    return np.array([getattr(known[name], what, np.nan) for name in spectra.rows.galaxy_id.tolist()], dtype=float)


def _centred(spectra: Spectra, centre: tuple[float, float] | None) -> Spectra:
    """The same rows of a cube with offsets from another place, if one is given."""
    if centre is None:
        return spectra
    meta, bin_id = spectra.meta, spectra.meta.get("bin_id")
    if not has_sky_axes(meta["wcs"]):
        raise AgezError(f"{spectra.source}: a centre is given, but the cube's header has no celestial axes")
    y, x = (meta["pixel_y"], meta["pixel_x"]) if bin_id is None else np.nonzero(bin_id >= 0)
    offsets = spaxel_offsets(meta["wcs"], x.astype(float), y.astype(float), spectra.source, centre)
    if bin_id is not None:
        number = bin_id[y, x]
        offsets = tuple(np.bincount(number, weights=one) / np.bincount(number) for one in offsets)  # type: ignore[assignment]
    assumed = tuple(word for word in meta.get("assumed", ()) if word != "centre")
    return replace(
        spectra, rows=replace(spectra.rows, x=offsets[0], y=offsets[1]),
        meta={**meta, "centre_deg": centre, "centre_from": "given", "assumed": assumed},
    )  # fmt: skip


def _bins_of_file(
    path: Path, spectra: Spectra, binning: BinSettings, shape: dict[str, float]
) -> tuple[Spectra, MapFrame]:
    """The bins that a cube is already in; AgezError if others are asked for."""
    usual = BinSettings()
    asked = (binning.target_snr, binning.star_mask, binning.covariance)
    if asked != (usual.target_snr, usual.star_mask, usual.covariance):
        raise AgezError(
            f"{path}: its spectra are those of bins already (extension {spectra.meta['bins_from']}): leave --bin-snr, "
            "--star-mask and --covariance out, or give the cube that was not binned"
        )
    frame = cube_frame(
        spectra.meta["bin_id"], spectra.meta["wcs"], centre_deg=spectra.meta.get("centre_deg"), snr=None,
        mean_flux=None, flux_unit=spectra.flux_unit, stars=None, **shape,
    )  # fmt: skip
    law = replace(INDEPENDENT, source="errors of bins as the file has them")
    binning_meta = {"method": "file", "bins_from": spectra.meta["bins_from"], "star_mask": None, "remark": ""}
    meta = {**spectra.meta, "binning": binning_meta, "spatial_covariance": law.as_meta()}
    return replace(spectra, meta=meta), frame


def same_rows(path: Path, labels_path: Path, *, redshift: SaidRedshift = None) -> tuple[Spectra, Labels]:
    """The spectra of a file in the very bins that its labels have, and those labels.

    Redshifts that the file does not say, or all if ``redshift`` is ``auto``, are those that the labels were made with.

    Raises
    ------
    AgezError
        If the labels are of another file: of other spectra, or of a cube of another shape.
    """
    labels = read_labels(labels_path)
    # a cube that does not say its redshift has that which its labels were made with
    spectra = read_one(path, redshift=labels.meta.get("redshift") if redshift is None else number_of(redshift))
    if "cube_shape" in spectra.meta and "bin_id" not in spectra.meta:
        _, frame = read_maps(labels_path)
        law = labels.meta.get("spatial_covariance")
        covariance = SpatialCovariance(**law) if law else covariance_for(spectra.meta)
        try:
            spectra = bin_spectra(spectra, bins_of_map(spectra, frame.bin_id), covariance)
        except AgezError as error:
            raise AgezError(f"{labels_path} is not of {path}: {error}") from error
    if _names(spectra.rows) != _names(labels.rows):
        raise AgezError(
            f"{labels_path} is not of {path}: it begins with {labels.rows.galaxy_id[0]} {labels.rows.spec_id[0]}, "
            f"the spectra with {spectra.rows.galaxy_id[0]} {spectra.rows.spec_id[0]}; give the labels of that file"
        )
    dust = labels.meta.get("ebv") or {}
    spectra = deredden_spectra(spectra, np.array([dust.get(name, 0.0) for name in spectra.rows.galaxy_id.tolist()]))
    taken = np.isfinite(labels.redshift) & ((redshift == "auto") | ~np.isfinite(spectra.redshift))
    return replace(
        spectra,
        rows=labels.rows,
        redshift=np.where(taken, labels.redshift, spectra.redshift),
        redshift_err=np.where(taken, labels.redshift_err, spectra.redshift_err),
        flags=np.where(taken, spectra.flags | (labels.flags & _OF_REDSHIFTS), spectra.flags).astype(np.int32),
    ), labels


def members_of_bins(label_files: Sequence[Path]) -> dict[tuple[str, str], list[str]]:
    """The ``spec_id`` of the spaxels of each bin, by the bin's (galaxy_id, spec_id), of files of labels of cubes."""
    found: dict[tuple[str, str], list[str]] = {}
    for path in label_files:
        with open_fits(path) as hdus:
            if "BINID" not in hdus:
                continue
        keys = _names(read_labels(path).rows)
        _, frame = read_maps(path)
        y, x = np.nonzero(frame.bin_id >= 0)
        for number, name in zip(frame.bin_id[y, x].tolist(), pixel_ids(y, x), strict=True):
            found.setdefault(keys[number], []).append(name)
    return found


def _names(rows: Rows) -> list[tuple[str, str]]:
    return list(zip(rows.galaxy_id.tolist(), rows.spec_id.tolist(), strict=True))


def labels_of_files(files: Sequence[Path], given: str | os.PathLike[str]) -> dict[Path, Path]:
    """Which file of labels belongs to which file of spectra; ``given`` is a file, or a folder that has all of them."""
    path = Path(given)
    if not path.is_dir():
        if len(files) > 1:
            raise AgezError(
                f"{path} is one file of labels for {len(files)} files of spectra; give the folder of labels"
            )
        return {files[0]: path}
    found = {one: path / label_name(one) for one in files}
    missing = [str(labels.name) for labels in found.values() if not labels.is_file()]
    if missing:
        raise AgezError(f"{path}: no {', '.join(missing[:3])} in this folder; make it with 'agez label ... -o {path}/'")
    return found
