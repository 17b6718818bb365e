"""One training loop for all models; needs torch, NumPy and safetensors alone."""
