"""What a model expects the photometry of each object to be, where it can say so."""

from __future__ import annotations

from agez.errors import AgezError
from agez.mixture_network.features import scaled
from agez.mixture_network.mixture_model import parts_of
from agez.models.model_file import is_posterior
from agez.models.predict import in_model_order
from agez.novelty.expected_photometry import expected
from agez.photometry.zero_points import Expect
from agez.types import Floats, Model, Photometry


def expected_of(model: Model) -> Expect:
    """The function that gives, for a Photometry in bands of the model, the fluxes that it expects and their errors.

    Raises
    ------
    AgezError
        If models of this kind know ages and metallicities only, and no SEDs.
    """
    if not is_posterior(model):
        raise AgezError(
            f"model {model.header.get('name', '')!r} is of the paper's kind, which does not say what fluxes it "
            "expects: zero points cannot be estimated with it; give --model another"
        )
    typicality = parts_of(model).typicality

    def expect(photometry: Photometry) -> tuple[Floats, Floats]:
        ordered = in_model_order(model, photometry)
        seds = scaled(ordered.flux, ordered.flux_err, ordered.covered)
        at = model.bands.index(photometry.bands.names)
        flux, err = expected(typicality, seds, ordered.redshift, ordered.redshift_err)
        return flux[:, at] * seds.scale[:, None], err[:, at] * seds.scale[:, None]

    return expect
