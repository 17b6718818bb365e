"""How much of a record the regression takes; without torch, for who only wants to know."""

# Fewer calendar years than this say nothing about a year that is left out.
LEAST_YEARS = 5
# Values of the fine record in memory; a longer record is thinned evenly, a larger grid refused.
MOST_VALUES = 120_000_000
LEAST_FRAMES = 60
MOST_CELLS = MOST_VALUES // LEAST_FRAMES
