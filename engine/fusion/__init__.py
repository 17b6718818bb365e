"""Stations merged into a map: analysis, its intervals, and how well it does where none stood.

NumPy and SciPy in and out: no files, no datasets, no screen. Maps are flat lists of places; NaN is
no data; concentrations in ug m-3, distances in km.
"""
