"""Filters, synthetic photometry and tables of it."""
