"""What the reader has chosen, as one value that a link can hold."""
