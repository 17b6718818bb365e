"""What everything else stands on: errors, paths, grids, dates, standards. Imports nothing of ours."""
