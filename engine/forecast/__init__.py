"""Forecast of a city's field from mobile samples: STeP-Diff, its training and weights."""
