"""One request from data to map, its evaluation and export. Import the modules; this is empty."""
