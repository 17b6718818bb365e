"""Results of AQ-Net: folds, baselines, the forecast of a week, experiments."""
