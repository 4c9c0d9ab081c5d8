"""Data of ``agez demo``: mock galaxies of S-PLUS, made by ``tools/make_demo.py``."""
