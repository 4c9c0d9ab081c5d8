"""Rows and images from the surveys' own archives."""
