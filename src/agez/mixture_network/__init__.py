"""Networks that answer with a distribution: features, trunk, head, calibration."""
