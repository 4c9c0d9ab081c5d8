"""What to do about a table in whose columns no photometry is recognised: which look like it, and how to rename them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from agez.photometry.names import find_band
from agez.surveys.registry import all_bands

_FLUX = {"flux", "fnu", "flam", "flambda", "f"}
_MAGNITUDE = {"mag", "mags", "magnitude", "magab", "abmag", "m"}
_ERROR = {
    "e", "er", "err", "error", "sigma", "sig", "unc", "d", "magerr", "fluxerr",
    *(before + word for before in ("d", "e", "sig", "sigma") for word in ("mag", "flux", "m", "f")),
}  # fmt: skip
#: Words beside a band that say neither.
_OTHER = {"psf", "model", "petro", "auto", "kron", "total", "tot", "aper", "cmodel", "iso", "obs", "ab"}
#: ``gmag``, ``psfMag``, ``J0378err``: words that are written together.
_GLUED = re.compile(
    r"(?P<before>psf|model|petro|kron|cmodel)?(?P<kind>mag|flux)?(?P<band>\w*?)(?P<after>mag|flux)?(?P<err>err)?",
    re.IGNORECASE,
)
#: Errors of fluxes by their words.
_FLUX_ERROR = {"fluxerr", *(before + word for before in ("d", "e", "sig", "sigma") for word in ("flux", "f"))}
#: Columns of nothing but a band's name that make photometry.
_LEAST_BARE = 3
#: Renamings that are spelled out.
_MOST = 48


def looks_like_photometry(names: Sequence[str]) -> dict[str, str]:
    """Columns whose names speak of a band and of magnitudes, fluxes or errors, and what agez would call them.

    Names of a single letter (``u``, ``z``) count if several bands are named so and have errors (``e_u``).
    """
    every = all_bands()
    found: dict[str, str] = {}
    bare: list[str] = []
    letters: dict[str, str] = {}
    for name in names:
        words, bands = set(), []
        for token in re.split(r"[^A-Za-z0-9]+", name):
            if token.lower() in _FLUX | _MAGNITUDE | _ERROR | _OTHER:
                words.add(token.lower())
                continue
            match = _GLUED.fullmatch(token)
            if match is None or not match["band"]:
                words |= {part.lower() for part in (match.groups() if match else ()) if part} or {token.lower()}
                continue
            words |= {part.lower() for part in (match["kind"], match["after"], match["err"]) if part}
            bands.append(match["band"])
        alone = len(bands) == 1 and find_band(bands[0], every) is not None
        known = words <= _FLUX | _MAGNITUDE | _ERROR | _OTHER | {"psf", "model"}
        if not alone or not known:
            continue
        if not words:
            bare.append(name)
            if len(bands[0]) == 1:
                letters[name] = f"mag_{bands[0]}"
                continue
        kind = "flux" if words & (_FLUX | _FLUX_ERROR) else "mag"
        found[name] = f"{kind}_{bands[0]}" + ("_err" if words & _ERROR else "")
    with_errors = {name: new for name, new in letters.items() if f"{new}_err" in found.values()}
    if len(with_errors) >= _LEAST_BARE:
        found = {name: (with_errors | found)[name] for name in names if name in with_errors or name in found}
    if len(bare) < _LEAST_BARE:  # a band's name alone says little, unless there are several
        found = {name: new for name, new in found.items() if name not in bare}
    twice = [new for new in found.values() if list(found.values()).count(new) > 1]
    return {name: new for name, new in found.items() if new not in twice}


def how_to_rename(names: Sequence[str], *, source: str) -> str:
    """Which columns look like photometry, and a command line that renames them; '' if none does."""
    found = looks_like_photometry(names)
    if not any(not new.endswith("_err") for new in found.values()):
        return ""
    listed = ", ".join(list(found)[:8]) + (", ..." if len(found) > 8 else "")
    pairs = ", ".join(f"'{old}': '{new}'" for old, new in list(found.items())[:_MOST])
    more = ", ..." if len(found) > _MOST else ""
    target = f"renamed-{Path(source).name.split('.')[0]}.fits"
    return (
        f'these look like photometry: {listed}; if they are, rename them: python -c "from astropy.table import Table; '
        f"t = Table.read('{source}'); [t.rename_column(a, b) for a, b in {{{pairs}{more}}}.items()]; "
        f"t.write('{target}', overwrite=True)\" and give the same command with {target} in place of {Path(source).name}"
    )
