"""Samples, splits, networks and their training."""
