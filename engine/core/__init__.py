"""What everything else stands on: errors, paths, grids, dates. Imports nothing of ours."""
