"""Catalogues of photometry too large for memory: FITS, CSV, Parquet, HATS, in partitions."""
