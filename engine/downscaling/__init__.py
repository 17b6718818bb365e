"""From a coarse map to a fine one: regridding by area, area means, effective resolution.

NumPy and SciPy in and out: no files, no datasets, no screen. NaN is no data.
"""
