"""What a model expects the photometry of each object to be, where it can say so."""

from __future__ import annotations

from agez.errors import AgezError
from agez.photometry.zero_points import Expect
from agez.types import Model


def expected_of(model: Model) -> Expect:
    """The function that gives, for a Photometry in bands of the model, the fluxes that it expects and their errors.

    Raises
    ------
    AgezError
        If models of this kind know ages and metallicities only, and no SEDs.
    """
    kind = model.header.get("kind", "convolutional")
    raise AgezError(
        f"model {model.header.get('name', '')!r} is of the kind {kind!r}, which does not say what fluxes it expects: "
        "zero points cannot be estimated with it; give --model another"
    )
