"""One set of real objects: where it is, how it is read, what is known of it, and whom to cite."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agez.bench.rows import BenchRows
from agez.errors import AgezError

#: Environment variable with the folder of the shipped sets' files.
ENVIRONMENT = "AGEZ_SKY"


@dataclass(frozen=True)
class BenchSet:
    """A set of real objects.

    Attributes
    ----------
    name, title : str
    files : tuple of str
        What must be there, relative to the folder of the data.
    read : callable
        Its rows, of that folder.
    filters : str
        The filter set of its photometry, and the model that answers by default; of spectra, that which they are seen
        through.
    older : (str, str), optional
        Two kinds of which the first is known to be older in the light-weighted mean.
    order, dust_order : tuple of str
        Kinds by falling age, and by rising dust.
    redshift_range : (low, high)
        Rows that are judged.
    ebv : float or None
        E(B-V) of the Milky Way in front of all rows, on the scale of Schlegel et al. (1998), where their fluxes are not
        corrected for it.
    citation, licence : str
    folder : Path, optional
        Of its files, where that is its own; None: the folder of the data.
    """

    name: str
    title: str
    files: tuple[str, ...]
    read: Callable[[Path], BenchRows]
    filters: str
    older: tuple[str, str] | None = None
    order: tuple[str, ...] = ()
    dust_order: tuple[str, ...] = ()
    redshift_range: tuple[float, float] = (-0.01, 20.0)
    ebv: float | None = None
    citation: str = ""
    licence: str = ""
    folder: Path | None = None

    def rows(self, option: str | None = None) -> BenchRows:
        """Its rows; AgezError that names the first file that is missing.  ``option``: of :func:`data_folder`."""
        folder = self.folder or data_folder(option)
        for name in self.files:
            if not (folder / name).exists():
                raise AgezError(
                    f"set {self.name!r} needs {folder / name}, which is not there; give the folder of the data with "
                    f"--data DIR or {ENVIRONMENT} (see docs/real_sky.md)"
                )
        return self.read(folder)


def data_folder(option: str | None) -> Path:
    """The folder that ``--data`` or the environment names; AgezError without either, or if it is none."""
    text = option or os.environ.get(ENVIRONMENT, "")
    if not text:
        raise AgezError(
            f"no folder of real data: give --data DIR, or set {ENVIRONMENT}; docs/real_sky.md says what it holds and "
            "where it comes from"
        )
    if not Path(text).is_dir():
        raise AgezError(f"{'--data' if option else ENVIRONMENT} {text} is no folder; give that of the data")
    return Path(text)
