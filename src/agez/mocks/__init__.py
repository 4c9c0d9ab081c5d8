"""A CALIFA-like survey of mock galaxies, with its truth."""
