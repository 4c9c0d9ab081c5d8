"""What is asked of a model: which targets, for which cosmology, and as if which template library were true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agez.errors import AgezError
from agez.models.model import DEFAULT_COSMOLOGY, Model
from agez.targets import Target, derived_of

#: All targets of a model.
ALL = "all"
#: The column that says how far template libraries part in a target.
LIBRARY_SPREAD = "_library_spread"


@dataclass(frozen=True)
class Asked:
    """What is asked of a model."""

    #: Names of targets; :data:`ALL`; and ``NAME_library_spread``.  Empty: the model's main targets.
    columns: tuple[str, ...] = ()
    cosmology: str = DEFAULT_COSMOLOGY  #: Of distances: a name in :mod:`astropy.cosmology`.
    library: str | None = None  #: The template library that is taken as true; None: any of those of the training.

    @property
    def library_spread(self) -> bool:
        """Whether it is asked how far template libraries part."""
        return any(name.endswith(LIBRARY_SPREAD) for name in self.columns)

    def meta(self, targets: Sequence[Target]) -> dict[str, str]:
        """What a prediction of these targets says of it."""
        said = {} if self.library is None else {"library": self.library}
        return {**said, "cosmology": self.cosmology} if any(target.per_flux for target in targets) else said

    def targets(self, model: Model) -> tuple[str, ...]:
        """Names of the targets that are asked for, each once."""
        known = tuple(one.name for one in (*model.targets, *derived_of(model.targets)))
        names: list[str] = []
        for column in self.columns:
            names += known if column == ALL else [column.removesuffix(LIBRARY_SPREAD)]
        return tuple(dict.fromkeys(names)) or model.main_targets

    def library_number(self, model: Model) -> int | None:
        """The place of the library among those that the model may be told of; None if none is asked for."""
        return None if self.library is None else model.header["libraries"].index(self.library)

    def check(self, model: Model) -> None:
        """AgezError if the model has no such target or library, or astropy no such cosmology."""
        known = [one.name for one in (*model.targets, *derived_of(model.targets))]
        unknown = [name for name in self.targets(model) if name not in known]
        if unknown:
            raise AgezError(f"target {unknown[0]!r} is none of model {model.name!r}; it has {', '.join(known)}")
        libraries: Sequence[str] = model.header.get("libraries", ())
        asked = "a library" if self.library is None else f"library {self.library!r}"
        if (self.library is not None and self.library not in libraries) or (self.library_spread and not libraries):
            told = f"it knows {', '.join(libraries)}" if libraries else "it was not trained to be told one"
            raise AgezError(f"model {model.name!r} cannot answer for {asked}; {told}")
        if any(target.per_flux for target in model.targets):
            from agez.models.luminosity import log_distance_factor  # few models need it

            log_distance_factor(np.array([0.1]), cosmology=self.cosmology)
        elif self.cosmology != DEFAULT_COSMOLOGY:
            raise AgezError(
                f"cosmology {self.cosmology!r}: nothing that model {model.name!r} predicts depends on a distance; "
                "leave it out"
            )


def asked_columns(text: str | None) -> tuple[str, ...]:
    """The columns of ``--columns NAME,...``; AgezError if there is none in it."""
    names = tuple(name.strip() for name in (text or "").split(",") if name.strip())
    if text is not None and not names:
        raise AgezError(f"--columns is {text!r}; expected 'all' or names of targets with commas between them")
    return names
