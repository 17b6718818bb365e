"""The mean of reanalysis networks that differ in what was drawn in training, used as one."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from engine.stations.networks.neighbourhood import StationContext
from engine.stations.networks.reanalysis import Estimate, Reanalysis


class Averaged(Reanalysis):
    """Several networks of one shape; values and scales are their means.

    What each learned by chance of the few places it knew differs, and cancels in part.

    Args:
        members: The networks, all of the same shape.

    Raises:
        ValueError: If there is none, or shapes differ.
    """

    def __init__(self, members: Sequence[Reanalysis]) -> None:
        nn.Module.__init__(self)
        if not members or any(m.config != members[0].config for m in members):
            raise ValueError("an average wants one or more networks of one shape")
        self.config = members[0].config
        self.members = nn.ModuleList(members)

    @property
    def raw_exponent(self) -> Tensor:  # type: ignore[override]
        """Of the members' inverse distance, the mean."""
        exponents: list[Tensor] = [m.get_parameter("raw_exponent") for m in self.members]
        return torch.stack(exponents).mean()

    def forward(
        self, known: StationContext, start: Float[Tensor, " query"] | None = None
    ) -> Estimate:
        """Means of what the members say; what they correct is worked out once."""
        if start is None and self.config.base != "idw":
            start = self.interpolated(known)
        predicted = [member(known, start) for member in self.members]
        return Estimate(
            torch.stack([one.value for one in predicted]).mean(0),
            torch.stack([one.scale for one in predicted]).mean(0),
            torch.stack([one.interpolated for one in predicted]).mean(0),
        )
