"""How a network is trained: every choice in one frozen place."""

from dataclasses import dataclass
from typing import Literal

from engine.training import steps

Loss = Literal["mse", "charbonnier", "gaussian", "laplace"]


@dataclass(frozen=True)
class TrainingConfig:
    """Choices of one training run. Defaults are the AirSTFM paper's where it states them.

    Source: Li et al., Atmosphere 2025, 16, 166, doi:10.3390/atmos16020166, section 4.1: Adam
    (0.9, 0.99), learning rate 2e-4, batch 2. Schedule, clipping, averaging, early stopping and
    the number of steps are ours; the paper does not say.
    """

    steps: int = 20_000
    """Steps of the second stage, the whole network."""
    pretext_steps: int = 2_000
    """Steps of the first stage, the pretext network alone."""
    batch: int = 2
    crop: int = 48
    """Side of a training crop in coarse cells; larger than the map means the whole map."""
    learning_rate: float = 2e-4
    last_learning_rate: float = 1e-7
    warm_up: int = 100
    """Steps over which the learning rate rises; then it falls along a cosine."""
    pretext_factor: float = 0.1
    """Learning rate of the pretext network in the second stage, as a share."""
    flow_factor: float = 0.125
    """Learning rate of the optical-flow network, as a share."""
    flow_frozen: int = 5_000
    """Steps before the optical-flow network learns at all."""
    weight_decay: float = 0.0
    clip: float = 1.0
    """Largest norm of the gradient."""
    average: float = 0.999
    """Decay of the running average of the weights, which is what is kept; 0: none."""
    loss: Loss = "mse"
    unit: float = 1.0
    """Errors are counted in this many standard deviations in the loss, so that the mean and the
    scale of small errors learn alike."""
    all_frames: bool = False
    """Score every frame of the window, as the paper does, and not the centre alone."""
    guide_drop: float = 0.0
    """Share of steps in which the guidance is 0, so that the network can do without."""
    check_every: int = 200
    """Steps between validations; a checkpoint is written at each."""
    patience: int = 10
    """Validations without a gain before training stops early."""
    mixed_precision: bool = False
    """bfloat16 where it is safe, on a GPU."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be run.

        Raises:
            ValueError: With the value and what to choose instead.
        """
        steps.at_least(self, ("steps", "batch", "crop", "check_every", "patience"))
        if not 0 <= self.average < 1:
            raise ValueError(f"average={self.average}; choose from 0 up to, not including, 1")
        for name in ("learning_rate", "unit"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}={getattr(self, name)}; choose more than 0")

    def text(self) -> str:
        """The configuration as JSON, the same text for the same choices."""
        return steps.text(self)
