"""Colours, look, and lines of the standards."""
