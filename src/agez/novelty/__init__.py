"""The out-of-distribution score, and the photometry that a model expects of a row."""
