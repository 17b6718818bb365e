"""Networks and operators: tensors in, tensors out. Nothing here knows a file or a date."""
