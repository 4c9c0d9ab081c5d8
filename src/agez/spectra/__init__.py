"""Spectra in: readers, templates and full spectral fitting."""
