"""Benchmarks on real data: sets of galaxies on the sky, what is known of them, and scores that need no labels."""
