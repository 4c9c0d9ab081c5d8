"""Samples to train on: photometry joined with labels and galaxies, on disk, and their splits."""
