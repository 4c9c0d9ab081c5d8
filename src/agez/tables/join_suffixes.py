"""Suffixes that joins of tables leave at the names of columns."""

from __future__ import annotations

#: The best first: S-PLUS' dual mode measures all bands in one aperture, its single mode does not; ``_`` is LSDB's.
SUFFIXES = ("", "_dual", "_", "_det", "_single", "_cat", "_phot", "_photoz", "_1", "_2", "_x", "_y")
