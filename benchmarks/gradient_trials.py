"""Mock galaxies on the road from files to maps, with the truth of their regions: for ``gradient_errors.py``."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from maps_trials import REFERENCE, SHAPE, SNR_RANGE, noise_of_regions, perfect_flux, truth_of, with_flux

from agez.errors import AgezError
from agez.flags import is_good
from agez.images.prepare import ImageSettings, prepare
from agez.images.psf import match_psf
from agez.images.read_images import read_images
from agez.images.regions import RegionSettings
from agez.mapping.map_cube import map_cube
from agez.mapping.map_galaxy import GalaxyMaps, Geometry, MapSettings, map_galaxy
from agez.mocks.cubes import MockCube, cube_name, make_cube, write_cube
from agez.mocks.image_files import TILES, make_survey_images, write_mock_images
from agez.mocks.plan import SurveyPlan, survey_plan
from agez.models.model import Model
from agez.models.model_file import load_model
from agez.models.predict import predict
from agez.photometry.error_floors import with_error_floor
from agez.photometry.filters import load_filters
from agez.spectra.binning import BinSettings
from agez.spectra.fitting import fit_labels
from agez.spectra.templates import SSPGrid, load_templates
from agez.targets import PAPER_TARGETS
from agez.types import Floats, Prediction


@dataclass(frozen=True, eq=False)
class Regions:
    """The regions of one mapped galaxy.

    ``value``, ``err``, ``truth`` (n, 2) of age and [M/H]; ``r_re`` (n,), ``good`` (n,).  ``noiseless`` and ``perfect``
    (n, 2): answers to the true fluxes through the PSF, and to these with the images' noise; NaN of spectra.
    """

    galaxy: str
    method: str
    r_re: Floats
    value: Floats
    err: Floats
    good: Any
    truth: Floats
    noiseless: Floats
    perfect: Floats

    def save(self, folder: Path) -> None:
        """Keep it as a file of arrays."""
        np.savez(folder / f"{self.galaxy}_{self.method}.npz", **vars(self))

    @classmethod
    def load(cls, path: Path) -> Regions:
        """What :meth:`save` kept."""
        with np.load(path) as kept:
            return cls(**{key: kept[key][()] if kept[key].ndim == 0 else kept[key] for key in kept.files})


def regions_of_galaxies(model_name: str, n_galaxies: int, *, seed: int, first: int = 0) -> Iterator[Regions]:
    """Galaxies of a mock survey, mapped: images with Voronoi regions and annuli; cubes for ``paper`` and ``labels``."""
    grid = load_templates("emiles")
    plan = survey_plan(n_galaxies, n_galaxies * TILES, seed=seed)
    for index in range(first, n_galaxies):
        try:
            if model_name in ("paper", "labels"):
                yield _of_cube(plan, index, grid, None if model_name == "labels" else load_model("paper"))
            else:
                yield from _of_images(plan, index, grid, model_name)
        except AgezError as error:
            print(f"galaxy {index} is left out: {error}", flush=True)


def _of_images(plan: SurveyPlan, index: int, grid: SSPGrid, name: str) -> Iterator[Regions]:
    filters, model = load_filters(name), load_model(name)
    snr = np.random.default_rng(plan.seed).permutation(np.geomspace(*SNR_RANGE, len(plan)))[index]
    made = make_survey_images(plan, index, grid, filters, snr=float(snr), shape=SHAPE, reference=REFERENCE[name])
    redshift = float(made.galaxies.redshift[0])
    with tempfile.TemporaryDirectory() as folder:
        write_mock_images(folder, made)
        unmatched = prepare(
            read_images(folder, filters=filters, redshift=redshift), settings=ImageSettings(match_psf=False)
        )
    images = match_psf(unmatched)
    rng = np.random.default_rng([plan.seed, index])
    for method in ("voronoi", "annuli"):
        settings = MapSettings(regions=RegionSettings(method=method), geometry=_geometry(made))
        maps = map_galaxy(images, model, settings=settings)
        regions = maps.frame.bin_id
        flux = perfect_flux(made, images, regions)
        noise = noise_of_regions(unmatched, images, regions, rng)
        asked = [
            predict(model, with_error_floor(with_flux(maps.photometry, one), settings.error_floor))
            for one in (flux, flux + noise)
        ]
        yield _regions(maps, method, truth_of(made, images, regions)[0], *(_values(one) for one in asked))


def _of_cube(plan: SurveyPlan, index: int, grid: SSPGrid, model: Model | None) -> Regions:
    made = make_cube(plan, index, grid)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / cube_name(str(made.galaxies.galaxy_id[0]))
        write_cube(path, made)
        if model is None:
            return _labelled(path, made, grid)
        maps = map_cube(path, model, settings=MapSettings(geometry=_geometry(made)), binning=BinSettings())
    return _regions(maps, "cube", _of_bins(made, maps.frame.bin_id, *_truth(made)))


def _labelled(path: Path, made: MockCube, grid: SSPGrid) -> Regions:
    from agez.labelling.cube_bins import fitted_rows

    spectra, frame = fitted_rows(path, redshift=None, binning=BinSettings())
    assert frame is not None
    labels = fit_labels(spectra, grid)
    radius = _of_bins(made, frame.bin_id, made.r_re)[:, 0]
    value, err = (np.stack([getattr(labels, name + end) for name in PAPER_TARGETS], axis=1) for end in ("", "_err"))
    nan = np.full_like(value, np.nan)
    return Regions(
        str(made.galaxies.galaxy_id[0]), "labels", radius, value, err, is_good(labels.flags),
        _of_bins(made, frame.bin_id, *_truth(made)), nan, nan,
    )  # fmt: skip


def _geometry(made: Any) -> Geometry:
    return Geometry(*(float(getattr(made.galaxies, key)[0]) for key in ("re_arcsec", "inclination", "pa")))


def _regions(maps: GalaxyMaps, method: str, truth: Floats, *asked: Floats) -> Regions:
    prediction = maps.prediction
    nan = np.full_like(truth, np.nan)
    err = np.stack([getattr(prediction, f"{name}_err") for name in PAPER_TARGETS], axis=1)
    noiseless, perfect = asked or (nan, nan)
    return Regions(
        str(maps.meta["galaxy"]), method, maps.r_re, _values(prediction), err, is_good(prediction.flags), truth,
        noiseless, perfect,
    )  # fmt: skip


def _values(prediction: Prediction) -> Floats:
    return np.stack([getattr(prediction, name) for name in PAPER_TARGETS], axis=1)


def _truth(made: MockCube) -> list[Floats]:
    return [getattr(made.truth, name) for name in PAPER_TARGETS]


def _of_bins(made: MockCube, bin_id: Any, *values: Floats) -> Floats:
    """(n, values) light-weighted means of the spaxels of each bin."""
    bins = bin_id[made.pixel_y, made.pixel_x]
    inside, n = bins >= 0, int(bin_id.max()) + 1
    sums = [np.bincount(bins[inside], (made.light * one)[inside], minlength=n) for one in (*values, 1.0)]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.stack(sums[:-1], axis=1) / sums[-1][:, None]
