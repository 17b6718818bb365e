"""Linked maps for Streamlit: rasters, stations and tracks, drawn by deck.gl in the browser."""
