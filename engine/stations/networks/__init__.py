"""Networks and operators of the reanalysis: tensors in, tensors out."""
