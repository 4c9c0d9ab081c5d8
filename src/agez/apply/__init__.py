"""Trained models on new data."""
