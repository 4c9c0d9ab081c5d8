"""agez: ages and metallicities of galaxies from narrow-band photometry.

Examples
--------
>>> import agez
>>> from astropy.table import Table
>>> model = agez.load_model("jplus")
>>> magnitudes = [18.9, 18.4, 18.2, 17.6, 17.4, 17.2, 16.9, 16.6, 16.3, 16.2, 15.9, 15.8]
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

__version__ = "0.1.0"

#: Public names and where they live; loaded on first use, so that ``import agez`` stays light.
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
    "load_filters": "agez.photometry.filters",
    "synthesize": "agez.photometry.synthesis",
    "read_photometry": "agez.photometry.tables",
    "write_photometry": "agez.photometry.tables",
    "load_templates": "agez.spectra.templates",
    "read_spectra": "agez.spectra.readers",
    "find_redshift": "agez.spectra.redshift_finder",
    "fit_labels": "agez.spectra.fitting",
    "fit_labels_by_libraries": "agez.spectra.library_labels",
    "read_labels": "agez.spectra.label_files",
    "write_labels": "agez.spectra.label_files",
    "read_maps": "agez.tables.maps_files",
    "subtract_lines": "agez.spectra.subtraction",
    "make_sample": "agez.samples.sample",
    "read_sample": "agez.samples.sample",
    "read_labelled_table": "agez.samples.labelled_table",
    "write_sample": "agez.samples.sample",
    "train": "agez.training.train",
    "load_model": "agez.models.model_file",
    "radial_gradient": "agez.analysis.gradients",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'agez' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
