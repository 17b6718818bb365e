"""What stands around every page: sidebar, import, provenance, downloads, errors."""
