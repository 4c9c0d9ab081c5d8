"""Labels of one file of spectra: read, bin, fit chunk by chunk so that an interruption costs little, write."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import numpy as np

from agez.errors import AgezError
from agez.label_types import Labels
from agez.labelling.cube_bins import fitted_rows, is_cube, unknown_galaxies
from agez.labelling.fit_remarks import fit_remarks, resolution_fwhm
from agez.labelling.input_files import SaidRedshift, remarks_on
from agez.labelling.label_parts import FINGERPRINT, part_path, parts_folder, read_part, remove_parts, write_part
from agez.runtime.finished_work import file_hash, fingerprint
from agez.runtime.progress import progress
from agez.runtime.worker_pool import each_done
from agez.samples.galaxy_facts import GalaxyTable
from agez.spectra.binning import BinSettings
from agez.spectra.fit_settings import FitSettings
from agez.spectra.label_files import write_labels
from agez.spectra.library_labels import check_libraries, with_libraries
from agez.spectra.templates import SSPGrid, TemplateFacts, load_templates
from agez.tables.maps import MapFrame
from agez.types import Spectra

Engine = Literal["agez", "ppxf"]
#: Rows that are fitted, and kept, at a time: an interruption costs at most these.
CHUNK: dict[str, int] = {"agez": 256, "ppxf": 16}


@dataclass(frozen=True, eq=False)
class LabelOptions:
    """How files of spectra are labelled."""

    #: As :func:`agez.load_templates` knows them; several, separated by commas: labels by each, the first the main one.
    templates: str = "emiles"
    template_facts: TemplateFacts = field(default_factory=TemplateFacts)  #: What is said of templates of one's own.
    settings: FitSettings = field(default_factory=FitSettings)
    engine: Engine = "agez"
    redshift: SaidRedshift = None  #: Of the spectra, in place of what the files say; ``auto``: found from them.
    binning: BinSettings = field(default_factory=BinSettings)  #: Of cubes.
    galaxies: GalaxyTable | None = None  #: Redshifts that files do not say, Galactic dust; of cubes centre and disc.
    keep_fits: bool = False  #: Write data and model, too.
    overwrite: bool = False  #: Fit again what is done.
    chunk: int | None = None  #: Rows that are fitted, and kept, at a time; by engine (``CHUNK``) if not given.
    remark: str = ""  #: What is to be said of the choice of templates.

    def __post_init__(self) -> None:
        names = self.template_names
        if not all(names):
            raise AgezError(f"templates {self.templates!r}: a name is empty; give names or paths with a comma between")
        if len(names) > 1:
            check_libraries(names)
            if self.template_facts != TemplateFacts():
                raise AgezError(
                    f"templates {self.templates!r} are several sets; resolution, reference and medium can be given for "
                    "one alone: write them into the files"
                )

    @property
    def template_names(self) -> tuple[str, ...]:
        """Each of the template sets."""
        # a folder's name may have a comma in it
        if Path(self.templates).exists():
            return (self.templates,)
        return tuple(name.strip() for name in self.templates.split(","))

    def grid(self) -> SSPGrid:
        """The templates, or the first of several sets."""
        return load_templates(self.template_names[0], **asdict(self.template_facts))

    def other_grids(self) -> tuple[SSPGrid, ...]:
        """The template sets after the first."""
        return tuple(load_templates(name) for name in self.template_names[1:])

    @property
    def rows_at_once(self) -> int:
        """Rows that an interruption costs at most."""
        return CHUNK[self.engine] if self.chunk is None else self.chunk


def fit(spectra: Spectra, grid: SSPGrid, options: LabelOptions, *, keep_fits: bool | None = None) -> Labels:
    """Labels by the engine of the options; of several template sets, ``grid`` is the first."""
    keep = options.keep_fits if keep_fits is None else keep_fits
    main = _fit_with(spectra, grid, options, keep_fits=keep)
    others = options.other_grids()
    if not others:
        return main
    parts = [main, *(_fit_with(spectra, one, options, keep_fits=False) for one in others)]
    names = [grid.name, *(one.name for one in others)]
    check_libraries(names)
    return with_libraries(parts, names)


def _fit_with(spectra: Spectra, grid: SSPGrid, options: LabelOptions, *, keep_fits: bool) -> Labels:
    """Labels by one template set."""
    if options.engine == "ppxf":
        from agez.spectra.engine_ppxf import fit_labels_ppxf

        return fit_labels_ppxf(spectra, grid, settings=options.settings, keep_fits=keep_fits)
    from agez.spectra.fitting import fit_labels

    return fit_labels(spectra, grid, settings=options.settings, keep_fits=keep_fits)


def what_labels_depend_on(options: LabelOptions, grid: SSPGrid) -> dict[str, Any]:
    """All but the file of spectra itself, JSON-able."""
    star_mask = options.binning.star_mask
    facts = {} if options.template_facts == TemplateFacts() else {"facts": asdict(options.template_facts)}
    others = options.other_grids()
    return {
        "templates": _grid_hash(grid),
        **({"libraries": [_grid_hash(one) for one in others]} if others else {}),
        **facts,
        "fit": asdict(options.settings),
        "engine": [options.engine, metadata.version("ppxf") if options.engine == "ppxf" else ""],
        "chunk": options.rows_at_once,
        "redshift": options.redshift,
        "keep_fits": options.keep_fits,
        **({} if options.galaxies is None else {"galaxies": options.galaxies.as_json()}),
        "cube": {
            "binning": asdict(options.binning) | {"star_mask": None if star_mask is None else file_hash(star_mask)},
        },
    }


def fingerprint_of(path: Path, on: dict[str, Any]) -> str:
    """The fingerprint of the labels of one file; settings of cubes do not matter where it is none."""
    cube = is_cube(path)
    return fingerprint({**on, "cube": on["cube"] if cube else None, "input": file_hash(path), "name": path.name})


@dataclass(frozen=True, eq=False)
class _Chunk:
    """Some rows to be fitted, and where they are kept, if they are."""

    start: int
    spectra: Spectra
    file: Path | None
    word: str


_shared: dict[str, Any] = {}


def _start(options: LabelOptions, grid: SSPGrid) -> None:
    """What a worker keeps: sent once, not with every chunk."""
    _shared.update(options=options, grid=grid)


def _fit_chunk(chunk: _Chunk) -> Labels:
    part = fit(chunk.spectra, _shared["grid"], _shared["options"])
    if chunk.file is not None:
        write_part(chunk.file, part, chunk.word)
    return part


def labels_of_file(
    path: Path,
    options: LabelOptions,
    grid: SSPGrid,
    *,
    word: str,
    kept_for: Path,
    join: bool = False,
    workers: int = 1,
    bar: bool = False,
) -> tuple[Labels, MapFrame | None]:
    """Labels of one file, chunk by chunk; finished chunks are kept beside ``kept_for`` until that is written.

    Parameters
    ----------
    word : str
        The fingerprint.
    join : bool
        ``kept_for`` will hold the labels of other files, too.
    workers : int
        Processes that share the chunks.
    bar : bool
        Show progress over chunks.
    """
    spectra, frame = fitted_rows(
        path, redshift=options.redshift, binning=options.binning, galaxies=options.galaxies, templates=grid,
        sky_mask_angstrom=options.settings.sky_mask_angstrom,
    )  # fmt: skip
    folder, size = parts_folder(kept_for), options.rows_at_once
    starts = range(0, len(spectra), size)
    keep = join or len(starts) > 1  # a single chunk is written to its place at once
    found: dict[int, Labels] = {}
    chunks = []
    for start in starts:
        file = part_path(folder, word, start)
        part = None if options.overwrite else read_part(file, word)
        if part is None:
            chunks.append(_Chunk(start, spectra.take(slice(start, start + size)), file if keep else None, word))
        else:
            found[start] = part
    done = each_done(_fit_chunk, chunks, workers=workers, start=_start, start_with=(options, grid))
    title = "chunks of spectra"
    for chunk, part in progress(done, total=len(chunks), title=title) if bar and len(starts) > 1 else done:
        found[chunk.start] = part
    parts = [found[start] for start in starts]
    labels = joined(parts)
    about: dict[str, Any] = {"source": path.name, "engine": options.engine, "remarks": remarks_on(spectra)}
    about["resolution_fwhm_angstrom"] = resolution_fwhm(spectra)
    about["remarks"] += fit_remarks(spectra, labels, grid, covariance=options.binning.covariance)
    if spectra.meta.get("ebv"):
        about["ebv"] = spectra.meta["ebv"]
    if options.galaxies is not None:
        about["remarks"] += unknown_galaxies(spectra, options.galaxies)
    if options.remark:
        about["remarks"].append(options.remark)
    if grid.assumed:
        about["remarks"].append(f"assumed of the templates, since their files do not say: {', '.join(grid.assumed)}")
    if frame is not None:
        binning = dict(spectra.meta["binning"])
        if binning["star_mask"] is not None:
            binning["star_mask"] = Path(binning["star_mask"]).name  # a file's content does not depend on its place
        about |= {"binning": binning, "spatial_covariance": spectra.meta["spatial_covariance"]}
        about["redshift"] = float(np.nanmedian(spectra.redshift))
        about["remarks"] += [f"{path.name}: {binning['remark']}"] if binning["remark"] else []
    return replace(labels, meta={**labels.meta, **about}), frame


def joined(parts: list[Labels]) -> Labels:
    """Rows of all parts; fitted spectra only if they share their pixels, lines and histories if all have them."""
    if len(parts) == 1:
        return parts[0]
    if any(part.fitted is not None for part in parts):
        waves = [part.fitted.wave_angstrom for part in parts if part.fitted is not None]
        if len(waves) < len(parts) or any(not np.array_equal(one, waves[0]) for one in waves):
            raise AgezError(
                "the fitted spectra of these files are not on one grid of wavelengths; with --keep-fits give "
                "-o a folder: -o FOLDER/"
            )
    for name in ("weights", "lines", "libraries", "history_errors"):
        if any(getattr(part, name) is None for part in parts):
            nothing: dict[str, Any] = {name: None}
            parts = [replace(part, **nothing) for part in parts]
    return Labels.concatenate(parts)


def label_file(
    path: Path,
    output: Path,
    options: LabelOptions,
    grid: SSPGrid,
    *,
    word: str,
    workers: int = 1,
    bar: bool = False,
) -> tuple[Labels, MapFrame | None]:
    """Fit one file and write its labels, whole or not at all; parameters as for :func:`labels_of_file`."""
    labels, frame = labels_of_file(path, options, grid, word=word, kept_for=output, workers=workers, bar=bar)
    write_labels(output, labels, grid=grid, frame=frame, header={FINGERPRINT: (word, "input, settings, version")})
    remove_parts(output)
    return labels, frame


def _grid_hash(grid: SSPGrid) -> str:
    """SHA-256 of a template grid's numbers and name."""
    found = hashlib.sha256(f"{grid.name} {grid.medium} {grid.fwhm_angstrom!r}".encode())
    for array in (grid.wave_angstrom, grid.log_age, grid.mh, grid.flux):
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()
