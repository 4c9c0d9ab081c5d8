"""The mock survey: galaxies like CALIFA's with their truth; start at survey.py."""
