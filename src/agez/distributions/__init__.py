"""Gaussian mixtures over the targets of a model: moments, quantiles, samples and scores."""
