"""Networks that predict a distribution: features, trunk, head, calibration."""
