"""agez: ages and metallicities of galaxies from narrow-band photometry."""

# Written by tools/write_stub.py.

from agez import analysis as analysis
from agez import bench as bench
from agez import catalogues as catalogues
from agez import distributions as distributions
from agez import engine as engine
from agez import errors as errors
from agez import experiments as experiments
from agez import flags as flags
from agez import images as images
from agez import labelling as labelling
from agez import mapping as mapping
from agez import mixture_network as mixture_network
from agez import mocks as mocks
from agez import models as models
from agez import novelty as novelty
from agez import onnx as onnx
from agez import paper_network as paper_network
from agez import photometry as photometry
from agez import populations as populations
from agez import report as report
from agez import samples as samples
from agez import spectra as spectra
from agez import surveys as surveys
from agez import tables as tables
from agez import targets as targets
from agez import training as training
from agez import training_seds as training_seds
from agez import types as types
from agez.analysis.geometry import face_on_radius as face_on_radius
from agez.analysis.gradients import radial_gradient as radial_gradient
from agez.distributions.redshift_mixture import RedshiftMixture as RedshiftMixture
from agez.engine.lsdb_catalogue import predict_hats as predict_hats
from agez.engine.predict_data import predict as predict
from agez.errors import AgezError as AgezError
from agez.flags import Flag as Flag
from agez.images.prepare import prepare as prepare_images
from agez.images.read_images import read_images as read_images
from agez.images.regions import RegionSettings as RegionSettings
from agez.label_types import Galaxies as Galaxies
from agez.label_types import Labels as Labels
from agez.label_types import Sample as Sample
from agez.mapping.map_files import write_galaxy_maps as write_galaxy_maps
from agez.mapping.map_galaxy import Geometry as Geometry
from agez.mapping.map_galaxy import MapSettings as MapSettings
from agez.mapping.map_galaxy import map_galaxy as map_galaxy
from agez.mocks.image_light import galaxy_tiles as galaxy_tiles
from agez.mocks.images import make_mock_images as make_mock_images
from agez.mocks.plan import survey_plan as survey_plan
from agez.models.model import Model as Model
from agez.models.model_file import load_model as load_model
from agez.photometry.filters import load_filters as load_filters
from agez.photometry.redshift_columns import with_redshifts as with_redshifts
from agez.photometry.synthesis import synthesize as synthesize
from agez.photometry.tables import read_photometry as read_photometry
from agez.photometry.tables import write_photometry as write_photometry
from agez.samples.labelled_table import read_labelled_table as read_labelled_table
from agez.samples.sample import make_sample as make_sample
from agez.samples.sample import read_sample as read_sample
from agez.samples.sample import write_sample as write_sample
from agez.spectra.fitting import fit_labels as fit_labels
from agez.spectra.label_files import read_labels as read_labels
from agez.spectra.label_files import write_labels as write_labels
from agez.spectra.library_labels import fit_labels_by_libraries as fit_labels_by_libraries
from agez.spectra.readers import read_spectra as read_spectra
from agez.spectra.redshift_finder import find_redshift as find_redshift
from agez.spectra.subtraction import subtract_lines as subtract_lines
from agez.spectra.templates import load_templates as load_templates
from agez.surveys.record import ImageFacts as ImageFacts
from agez.surveys.record import SurveyRecord as SurveyRecord
from agez.surveys.record import VectorOrder as VectorOrder
from agez.surveys.registry import register_survey as register_survey
from agez.tables.maps_files import read_maps as read_maps
from agez.tables.prediction_files import read_prediction as read_prediction
from agez.tables.prediction_files import write_prediction as write_prediction
from agez.targets import Target as Target
from agez.training.train import train as train
from agez.types import Bands as Bands
from agez.types import Photometry as Photometry
from agez.types import Prediction as Prediction
from agez.types import Rows as Rows
from agez.types import Spectra as Spectra

__version__: str
__all__ = [
    "__version__",
    "AgezError",
    "Flag",
    "Bands",
    "Galaxies",
    "Labels",
    "Model",
    "Photometry",
    "Prediction",
    "RedshiftMixture",
    "Sample",
    "Spectra",
    "SurveyRecord",
    "register_survey",
    "Rows",
    "Target",
    "VectorOrder",
    "ImageFacts",
    "load_filters",
    "synthesize",
    "predict",
    "read_photometry",
    "write_photometry",
    "with_redshifts",
    "predict_hats",
    "read_prediction",
    "write_prediction",
    "load_templates",
    "read_spectra",
    "find_redshift",
    "fit_labels",
    "fit_labels_by_libraries",
    "read_labels",
    "write_labels",
    "read_images",
    "prepare_images",
    "map_galaxy",
    "MapSettings",
    "RegionSettings",
    "Geometry",
    "write_galaxy_maps",
    "read_maps",
    "subtract_lines",
    "make_sample",
    "read_sample",
    "read_labelled_table",
    "write_sample",
    "train",
    "load_model",
    "radial_gradient",
    "face_on_radius",
    "survey_plan",
    "galaxy_tiles",
    "make_mock_images",
]

def __dir__() -> list[str]: ...
