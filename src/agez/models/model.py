"""Models: one interface to networks of every kind, which a file's schema tells apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from agez.arrays import Summarised, check
from agez.errors import AgezError
from agez.targets import Target, targets_of_header
from agez.types import Bands, Floats, Photometry, Prediction

if TYPE_CHECKING:
    from agez.models.asked import Asked

#: Of distances, from which masses, rates and absolute magnitudes follow: a name in :mod:`astropy.cosmology`.
DEFAULT_COSMOLOGY = "Planck18"
#: Schemas of model files: the paper's convolutional networks, and networks that answer with a distribution.
PAPER_SCHEMA, MIXTURE_SCHEMA = "agez.model/1", "agez.model/2"
#: The one place where the kind of a model is asked: the class that answers for each schema, imported when first needed.
KINDS = {
    PAPER_SCHEMA: "agez.paper_network.paper_kind:PaperKind",
    MIXTURE_SCHEMA: "agez.mixture_network.mixture_kind:MixtureKind",
}


class ModelKind(Protocol):
    """What networks of a kind do for :class:`Model`; made of the model, so that they are prepared once."""

    #: The word of ``--json`` and of ONNX files.
    word: str
    #: Whether answers are distributions.
    gives_distribution: bool
    #: Module with ``add_to_graph(graph, model)``, which gives back the description, for ONNX files.
    onnx_module: str
    #: The network as its own room knows it.
    network: Any

    def most_missing(self) -> int:
        """How many of the model's bands a row may lack."""

    def answer(self, photometry: Photometry, *, compiled: bool, asked: Asked) -> Prediction:
        """Predict rows whose bands are the model's, in its order."""

    def expected(self, photometry: Photometry) -> tuple[Floats, Floats]:
        """Expected flux of each band and its error, (n, b) [unit of the photometry]; bands in the model's order."""

    def card_lines(self) -> list[str]:
        """Two sentences for the model card: what answers, and which rows."""


@dataclass(frozen=True, eq=False)
class Model(Summarised):
    """A trained model, complete: one file holds all of it and nothing is pickled.

    Attributes
    ----------
    arrays : mapping of str to array
        Weights and normalisation of every member network.
    header : mapping
        JSON-able: ``architecture``, ``bands`` (names, pivots, widths, filter set), ``targets``, ``frame``,
        ``normalisation``, ``labels`` (definition), ``training`` (sample, seed, split), ``calibration``,
        ``scores``, ``version``, ``schema``.

    Examples
    --------
    >>> import agez
    >>> model = agez.load_model("splus")
    >>> [target.name for target in model.targets[:3]], len(model.bands)
    (['log_age_lw', 'mh_lw', 'redshift_phot'], 12)
    """

    arrays: Mapping[str, NDArray[Any]]
    header: Mapping[str, Any]

    @property
    def name(self) -> str:
        """By which predictions call the model; may be empty."""
        return str(self.header.get("name", ""))

    @property
    def bands(self) -> Bands:
        """The bands that the model needs, in its order."""
        b = self.header["bands"]
        return Bands(tuple(b["names"]), tuple(b["pivot_angstrom"]), tuple(b["fwhm_angstrom"]), b["filter_set"])

    @cached_property
    def targets(self) -> tuple[Target, ...]:
        """The quantities that the model predicts, in the order of its answers."""
        return targets_of_header(self.header)

    @cached_property
    def main_targets(self) -> tuple[str, ...]:
        """Names of the targets that are predicted where no others are asked for."""
        return tuple(self.header.get("main_targets", self.header["targets"]))

    @cached_property
    def kind(self) -> ModelKind:
        """The networks, ready to answer."""
        schema = str(self.header.get("schema", "none"))
        if schema not in KINDS:
            raise AgezError(
                f"a model is of schema {schema}; this agez reads {' and '.join(KINDS)}: install a newer agez or train "
                "again"
            )
        module, _, name = KINDS[schema].partition(":")
        made: ModelKind = getattr(import_module(module), name)(self)
        return made

    @property
    def answer_meta(self) -> dict[str, Any]:
        """What a prediction says of the model that made it."""
        header = self.header
        return {
            "model": header.get("name", ""),
            "version": header["version"],
            "ood_threshold": header["ood_threshold"],
            "labels": header["labels"],
        }

    @property
    def gives_distribution(self) -> bool:
        """Whether the answers are distributions."""
        return self.kind.gives_distribution

    def predict(self, photometry: Photometry) -> Prediction:
        """Answers for ``photometry``; see :func:`agez.models.predict.predict`, which has further options.

        Examples
        --------
        >>> import numpy as np
        >>> import agez
        >>> from agez.types import Rows
        >>> model = agez.load_model("splus")
        >>> flux = np.ones((1, 12))
        >>> seds = agez.Photometry(
        ...     model.bands, flux, 0.02 * flux, flux > 0, Rows.numbered(1), np.full(1, 0.02), np.zeros(1, np.int32)
        ... )
        >>> model.predict(seds).log_age_lw.shape
        (1,)
        """
        from agez.models.predict import predict  # imports this module

        check(
            isinstance(photometry, Photometry),
            f"predict is given a {type(photometry).__name__}; expected Photometry, as agez.read_photometry makes of "
            "files and of tables; agez.predict takes those themselves",
        )
        return predict(self, photometry)

    def expected(self, photometry: Photometry) -> tuple[Floats, Floats]:
        """Fluxes that the model expects of each row, given its other bands, and their errors.

        Parameters
        ----------
        photometry : Photometry
            In bands of the model.

        Returns
        -------
        flux, err : (n, b) float
            In the photometry's bands and unit; NaN where the model does not know the band.

        Raises
        ------
        AgezError
            If models of this kind predict their targets only, and no SEDs.
        """
        from agez.models.predict import in_model_order  # imports this module

        ordered = in_model_order(self, photometry)
        at = self.bands.index(photometry.bands.names)
        flux, err = self.kind.expected(ordered)
        return flux[:, at], err[:, at]
