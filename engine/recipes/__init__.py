"""Data to tensors and back, one recipe for each family of models. Nothing here opens a file."""
