"""Networks and operators of super-resolution: tensors in, tensors out."""
