"""The only code that opens data files: each reader gives a dataset as `engine.core.schema` wants it."""
