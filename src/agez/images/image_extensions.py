"""Which extension of a FITS file is the science image, and which ones are its weight, error, variance or mask."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from agez.errors import AgezError
from agez.types import Floats

Role = Literal["weight", "error", "variance", "mask"]
#: Words of an extension's name, or of a file's, that say what it holds besides a science image.
ROLE_WORDS: dict[Role, tuple[str, ...]] = {
    "weight": ("weight", "weights", "wht", "wgt", "ivar", "invvar", "swpweight", "weightmap", "wmap"),
    "error": ("err", "error", "errors", "sigma", "rms", "std", "stddev", "unc", "uncert", "uncertainty", "noise"),
    "variance": ("var", "variance", "stat"),
    "mask": ("mask", "masks", "msk", "dq", "flag", "flags", "flg", "bpm", "badpix", "weimask", "maskbits", "quality"),
}
ROLE_OF = {word: role for role, words in ROLE_WORDS.items() for word in words}
#: Words for the science image itself.
SCIENCE_WORDS = frozenset(
    ("sci", "science", "image", "img", "data", "flux", "swp", "coadd", "drz", "stamp", "cut", "cutout")
)
#: Words for images that are neither the science image nor used here.
OTHER_WORDS = frozenset(
    (
        "psf", "psfex", "moffat", "kernel", "exp", "expmap", "exposure", "exptime", "nexp", "nimages", "ncombine",
        "cov", "coverage", "ctx", "context", "bkg", "back", "background", "sky", "model", "models", "resid",
        "residual", "residuals", "chi", "seg", "segm", "segmap", "segmentation", "thumbnail", "detection", "dark",
        "flat", "bias",
    )
)  # fmt: skip
#: What fpack calls an image that had no name.
_UNNAMED = ("", "COMPRESSED_IMAGE")


def science_hdu(hdus: Sequence[Any], path: Path, *, extension: str | None = None) -> Any:
    """The science image of a file.

    Extensions that a word of their name says to be something else (:data:`ROLE_WORDS`, :data:`OTHER_WORDS`) are none.
    Of several that are left it is the one named by one of :data:`SCIENCE_WORDS`; or by the band, as the file's name or
    a keyword FILTER says it; or the primary; or the only one with a celestial WCS; or of the size of the weights.

    Parameters
    ----------
    extension : str, optional
        The user's choice: a name, ``NAME,VERSION``, or a number (0 is the primary).

    Raises
    ------
    AgezError
        If there is none, or more than one, or not the one that is asked for.
    """
    images = [hdu for hdu in hdus if is_two_dimensional(hdu)]
    if not images:
        raise AgezError(f"{path}: no two-dimensional image in this file; give one image for each band")
    if extension is not None:
        return _asked_for(hdus, images, path, extension)
    left = [hdu for hdu in images if role_of(hdu) is None and not OTHER_WORDS & set(_words(hdu))]
    if not left:
        raise AgezError(
            f"{path}: by their names none of its images is the science image ({_listed(hdus, images)}); say which with "
            "--extension NAME or NUMBER"
        )
    for test in _tests(hdus, images, path):
        fitting = [hdu for hdu in left if test(hdu)] if len(left) > 1 else []
        left = fitting or left
    if len(left) > 1:
        raise AgezError(
            f"{path}: {len(left)} of its images could be the science image ({_listed(hdus, left)}); say which with "
            "--extension NAME or NUMBER"
        )
    return left[0]


def layer_hdus(hdus: Sequence[Any], science: Any, path: Path) -> dict[Role, Any]:
    """The weight, error, variance and mask that belong to a science image: of the same band, version and size.

    Raises
    ------
    AgezError
        If two extensions of one role fit.
    """
    found: dict[Role, Any] = {}
    for role in ROLE_WORDS:
        fitting = [hdu for hdu in hdus if hdu is not science and role_of(hdu) == role]
        for test in (
            lambda hdu: _whose(hdu) == _whose(science),
            lambda hdu: hdu.ver == science.ver,
            lambda hdu: _size(hdu) == _size(science),
        ):
            fitting = [hdu for hdu in fitting if test(hdu)] or fitting if len(fitting) > 1 else fitting
        if len(fitting) > 1:
            raise AgezError(f"{path}: two extensions of {role}: {_listed(hdus, fitting)}; keep the one that counts")
        if fitting:
            found[role] = fitting[0]
    return found


def only_image(hdus: Sequence[Any], path: Path, *, words: Sequence[str], what: str) -> Any:
    """The image of a file that holds one thing: the one named by one of ``words``, or the only one; else AgezError."""
    images = [hdu for hdu in hdus if is_two_dimensional(hdu)]
    if not images:
        raise AgezError(f"{path}: no two-dimensional image in this file; expected {what}")
    named = [hdu for hdu in images if set(words) & set(_words(hdu))]
    left = named or images
    if len(left) > 1:
        raise AgezError(f"{path}: {len(left)} of its images could be {what} ({_listed(hdus, left)}); keep one")
    return left[0]


def role_of(hdu: Any) -> Role | None:
    """What the name of a two-dimensional extension says that it is besides a science image."""
    if not is_two_dimensional(hdu):
        return None
    return next((ROLE_OF[word] for word in _words(hdu) if word in ROLE_OF), None)


def is_two_dimensional(hdu: Any) -> bool:
    """Whether an extension is an image of two axes (others of length 1 do not count)."""
    shape = hdu.shape if getattr(hdu, "is_image", False) else ()
    return len(shape) >= 2 and all(n == 1 for n in shape[:-2])


def pixels_of(hdu: Any) -> Floats:
    """(ny, nx) values, scaled as the header says."""
    pixels = np.asarray(hdu.data, dtype=float)
    return pixels.reshape(pixels.shape[-2:])


def _tests(hdus: Sequence[Any], images: Sequence[Any], path: Path) -> list[Callable[[Any], bool]]:
    layers = {_size(hdu) for hdu in images if role_of(hdu) is not None}
    bands = set(_split(path.name))
    bands |= {str(hdus[0].header.get(key, "")).strip().lower() for key in ("FILTER", "BAND")} - {""}
    return [
        lambda hdu: bool(SCIENCE_WORDS & set(_words(hdu))),
        lambda hdu: bool(bands & set(_split(_name(hdu)))),
        lambda hdu: hdu is hdus[0],
        lambda hdu: str(hdu.header.get("CTYPE1", "")).strip() != "",
        lambda hdu: _size(hdu) in layers,
    ]


def _asked_for(hdus: Sequence[Any], images: Sequence[Any], path: Path, extension: str) -> Any:
    name, _, version = (part.strip() for part in extension.partition(","))
    fitting = [hdu for hdu in hdus if hdu.name.upper() == name.upper() and (not version or str(hdu.ver) == version)]
    if not fitting and name.isdigit() and int(name) < len(hdus):
        fitting = [hdus[int(name)]]
    fitting = [hdu for hdu in fitting if hdu in images]
    if len(fitting) != 1:
        why = "no image of this file" if not fitting else "several images of this file (say NAME,VERSION)"
        raise AgezError(f"{path}: --extension {extension} is {why}; its images are {_listed(hdus, images)}")
    return fitting[0]


def _name(hdu: Any) -> str:
    name = str(hdu.name).strip()
    return "" if name.upper() in _UNNAMED else name


def _words(hdu: Any) -> list[str]:
    """Words of an extension's name, without numbers at their ends."""
    return [word.rstrip("0123456789") or word for word in _split(_name(hdu))]


def _split(name: str) -> list[str]:
    return [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]


def _whose(hdu: Any) -> set[str]:
    """The words of a name that say of what it is (a band, a chip), and not what."""
    return set(_split(_name(hdu))) - set(ROLE_OF) - SCIENCE_WORDS


def _size(hdu: Any) -> tuple[int, int]:
    return hdu.shape[-1], hdu.shape[-2]


def _listed(hdus: Sequence[Any], some: Sequence[Any]) -> str:
    """Number, name and size of extensions, for messages."""
    numbers = {id(hdu): number for number, hdu in enumerate(hdus)}
    parts = []
    for hdu in some:
        version = f",{hdu.ver}" if sum(other.name == hdu.name for other in hdus) > 1 and _name(hdu) else ""
        nx, ny = _size(hdu)
        parts.append(f"{numbers[id(hdu)]} {_name(hdu) or 'without a name'}{version} {nx} x {ny}")
    return "; ".join(parts)
