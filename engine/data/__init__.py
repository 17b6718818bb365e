"""The only code that opens data files: each reader gives what `engine.core.schema` says."""
