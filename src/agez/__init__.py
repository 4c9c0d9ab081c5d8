"""agez: ages and metallicities of galaxies from narrow-band photometry.

Examples
--------
>>> import agez
>>> from astropy.table import Table
>>> model = agez.load_model("jplus")
>>> magnitudes = [18.4, 18.1, 17.8, 17.5, 17.3, 17.1, 16.9, 16.6, 16.5, 16.3, 16.2, 16.2]
>>> columns = {f"mag_{band}": [magnitude] for band, magnitude in zip(model.bands.names, magnitudes, strict=True)}
>>> prediction = model.predict(agez.read_photometry(Table(columns), redshift=0.02, model=model.bands))
>>> prediction.log_age_lw.shape, prediction.good.tolist()
((1,), [True])
>>> len(agez.__version__.split("."))
3
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.2.0"

#: Public names and where they live (``module``, or ``module:name`` of another name there); loaded on first use, so
#: that ``import agez`` stays light.  ``python tools/write_stub.py`` tells editors of them, in ``__init__.pyi``.
_PUBLIC = {
    "AgezError": "agez.errors",
    "Flag": "agez.flags",
    "Bands": "agez.types",
    "Galaxies": "agez.label_types",
    "Labels": "agez.label_types",
    "Model": "agez.models.model",
    "Photometry": "agez.types",
    "Prediction": "agez.types",
    "RedshiftMixture": "agez.distributions.redshift_mixture",
    "Sample": "agez.label_types",
    "Spectra": "agez.types",
    "SurveyRecord": "agez.surveys.record",
    "register_survey": "agez.surveys.registry",
    "Rows": "agez.types",
    "Target": "agez.targets",
    "VectorOrder": "agez.surveys.record",
    "ImageFacts": "agez.surveys.record",
    "load_filters": "agez.photometry.filters",
    "synthesize": "agez.photometry.synthesis",
    "predict": "agez.engine.predict_data",
    "read_photometry": "agez.photometry.tables",
    "write_photometry": "agez.photometry.tables",
    "with_redshifts": "agez.photometry.redshift_columns",
    "predict_hats": "agez.engine.lsdb_catalogue",
    "read_prediction": "agez.tables.prediction_files",
    "write_prediction": "agez.tables.prediction_files",
    "load_templates": "agez.spectra.templates",
    "read_spectra": "agez.spectra.readers",
    "find_redshift": "agez.spectra.redshift_finder",
    "fit_labels": "agez.spectra.fitting",
    "fit_labels_by_libraries": "agez.spectra.library_labels",
    "read_labels": "agez.spectra.label_files",
    "write_labels": "agez.spectra.label_files",
    "read_images": "agez.images.read_images",
    "prepare_images": "agez.images.prepare:prepare",
    "map_galaxy": "agez.mapping.map_galaxy",
    "MapSettings": "agez.mapping.map_galaxy",
    "RegionSettings": "agez.images.regions",
    "Geometry": "agez.mapping.map_galaxy",
    "write_galaxy_maps": "agez.mapping.map_files",
    "read_maps": "agez.tables.maps_files",
    "subtract_lines": "agez.spectra.subtraction",
    "make_sample": "agez.samples.sample",
    "read_sample": "agez.samples.sample",
    "read_labelled_table": "agez.samples.labelled_table",
    "write_sample": "agez.samples.sample",
    "train": "agez.training.train",
    "load_model": "agez.models.model_file",
    "radial_gradient": "agez.analysis.gradients",
    "face_on_radius": "agez.analysis.geometry",
    "survey_plan": "agez.mocks.plan",
    "galaxy_tiles": "agez.mocks.image_light",
    "make_mock_images": "agez.mocks.images",
}
#: Rooms that are attributes without an import of their own: ``agez.photometry``.
_SUBPACKAGES = (
    "analysis", "bench", "catalogues", "distributions", "engine", "experiments", "images", "labelling", "mapping",
    "mixture_network", "mocks", "models", "novelty", "onnx", "paper_network", "photometry", "populations", "report",
    "samples", "spectra", "surveys", "tables", "training", "training_seds", "errors", "flags", "targets", "types",
)  # fmt: skip

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        module, _, other = _PUBLIC[name].partition(":")
        return getattr(import_module(module), other or name)
    if name in _SUBPACKAGES:
        return import_module(f"agez.{name}")
    raise AttributeError(f"module 'agez' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted((*__all__, *_SUBPACKAGES))
