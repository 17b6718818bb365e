"""Results of STeP-Diff: baselines, samplers, calibration of the spread."""
