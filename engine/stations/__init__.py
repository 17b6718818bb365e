"""Reanalysis at stations, AQ-Net and what it is held against: folds, trainer, checkpoint, page."""
