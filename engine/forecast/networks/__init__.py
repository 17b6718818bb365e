"""Networks and operators of the forecast: tensors in, tensors out."""
