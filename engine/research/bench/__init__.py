"""Measurements of time and memory that the documents quote."""
