"""Results, ablation and demo weights of AirSTFM."""
