"""Super-resolution systems side by side under one budget: runs, scores, charts, page, weights."""
