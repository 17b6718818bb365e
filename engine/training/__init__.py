"""What all trainings share: steps, state, curve, weights folder."""
