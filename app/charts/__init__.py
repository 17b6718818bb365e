"""Charts and tables of the pages."""
