"""Metrics and radial gradients."""
