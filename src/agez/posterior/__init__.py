"""Models that answer with a distribution of age and metallicity together, and know where they do not know."""
