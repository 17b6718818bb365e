"""Reanalysis from stations: AQ-Net, kriging, IDW; record, training, weights, series."""
