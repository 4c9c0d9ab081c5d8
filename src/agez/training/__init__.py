"""Training of mixture networks: shipped models, a user's own sample, calibration and novelty."""
