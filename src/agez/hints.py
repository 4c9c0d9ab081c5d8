"""What may have been meant: parts of messages about names and numbers that are not what was expected."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches


def named_among(names: Iterable[str], wanted: str = "", *, most: int = 12) -> str:
    """Names for a message: the first of them, how many more there are, and which are nearly the wanted one.

    Examples
    --------
    >>> from agez.hints import named_among
    >>> named_among([f"column_{k}" for k in range(30)] + ["zphot"], "z_phot", most=2)
    'column_0, column_1 and 29 more; did you mean zphot?'
    """
    every = list(names)
    listed = ", ".join(every[:most]) + (f" and {len(every) - most} more" if len(every) > most else "")
    plain = {name: re.sub(r"[^a-z0-9]", "", name.lower()) for name in every}
    word = re.sub(r"[^a-z0-9]", "", wanted.lower())
    near = get_close_matches(word, list(plain.values()), n=3, cutoff=0.7) if word else []
    meant = [name for name in every if plain[name] in near]
    meant.sort(key=lambda name: near.index(plain[name]))
    return listed + (f"; did you mean {' or '.join(meant[:3])}?" if meant else "")


def velocity_hint(redshift: float) -> str:
    """What may be meant by a number too large for a redshift: '; a velocity in km/s? ...', or nothing."""
    if not 100.0 <= abs(redshift) <= 299_792.458:
        return ""
    return f"; a velocity in km/s? divide by 299792.458, which makes it {redshift / 299_792.458:.5f}"
