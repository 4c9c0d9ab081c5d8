"""Small posterior models and their data, made in a moment: nothing here knows any astronomy."""

from functools import lru_cache

import numpy as np

from agez.mixture_network.build_model import build_model
from agez.mixture_network.mixture_model import MixtureNetwork, Network, ensemble
from agez.mixture_network.trunks import NetworkShape
from agez.models.features import n_features, normalised
from agez.photometry.filters import load_filters
from agez.spectra.templates import made_up_grid
from agez.training.learn_calibration import learn_calibration
from agez.training.learn_novelty import learn_novelty
from agez.training.mixture_fit import FitSettings, fit
from agez.training.sed_batches import SedBatches, scaling_of_seds
from agez.training_seds.libraries import library_of
from agez.training_seds.observe import Survey, observe
from agez.training_seds.seds import make_training_seds
from agez.types import Photometry, Rows

RANGE = (0.0, 0.02)
SURVEY = Survey(snr=(10.0, 200.0))


@lru_cache
def small_sky():
    """2000 galaxies of the made-up library in 16 bands."""
    filters = load_filters("jpas").select(tuple(f"J0{n}" for n in range(400, 720, 20)))
    return make_training_seds(
        filters, [library_of(made_up_grid())], 2000, np.random.default_rng(0), redshift_range=RANGE
    )


def small_member(seed=1, *, steps=300, hidden=(24, 16), components=2):
    """A network that has seen a little of that sky."""
    sky, rng = small_sky(), np.random.default_rng(seed)
    scaling = scaling_of_seds(sky, RANGE, rng)
    shape = NetworkShape(n_features(len(sky.bands)), hidden, components)
    trained = fit(SedBatches(sky, scaling, SURVEY), shape, FitSettings(steps, 128, 3e-3), rng)
    return Network(scaling, shape, trained.parameters)


@lru_cache
def small_parts():
    """Two networks with a calibration and a typicality."""
    sky, rng = small_sky(), np.random.default_rng(2)
    members = (small_member(1), small_member(2))
    seds = normalised(*observe(sky.flux, sky.present, np.array(sky.bands.pivot_angstrom), rng, survey=SURVEY))
    raw = ensemble(members, seds, sky.redshift, np.zeros(len(sky)))
    standard = members[0].scaling
    recalibration = learn_calibration(
        raw, sky.labels, seds, n_galaxies=len(sky), center=standard.label_mean, width=standard.label_std
    )
    return MixtureNetwork(members, recalibration, learn_novelty(sky, rng, redshift_range=RANGE, survey=SURVEY))


@lru_cache
def small_model():
    """The model of those parts."""
    sky = small_sky()
    return build_model(
        small_parts(), sky.bands, targets=sky.targets, name="small",
        label_range=np.stack([sky.labels.min(axis=0), sky.labels.max(axis=0)]),
        redshift_range=RANGE, least_bands=5, least_snr=3.0, frame="observed",
        labels={"templates": "made-up"}, training={"seed": 1}, calibration={}, scores={},
    )  # fmt: skip


def small_photometry(n=200, *, seed=5, **survey):
    """Rows of that sky as a survey sees them, and their labels."""
    sky, rng = small_sky().take(slice(0, n)), np.random.default_rng(seed)
    settings = Survey(**({"snr": (20.0, 100.0), "complete": 0.5, "least_bands": 8} | survey))
    seen = observe(sky.flux, sky.present, np.array(sky.bands.pivot_angstrom), rng, survey=settings)
    scale = np.exp(rng.normal(3, 2, (n, 1)))
    flux, error = (np.where(seen.covered, one * scale, np.nan) for one in (seen.flux, seen.flux_err))
    photometry = Photometry(
        sky.bands, flux, error, seen.covered, Rows.numbered(n), sky.redshift, np.zeros(n, np.int32),
        {"source": "tests"}, redshift_err=np.zeros(n),
    )  # fmt: skip
    return photometry, sky.labels
