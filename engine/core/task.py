"""What a model asks for and promises: the contract between a recipe and those who run it.

A *recipe* turns data into tensors, runs one network, and turns tensors back into data. It
opens no file. All models of one task give the same variables, so that they can be compared.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import xarray as xr

from engine.core.schema import Kind

if TYPE_CHECKING:  # the dashboard lists models long before it runs one, and torch takes seconds
    import torch

TaskName = Literal["super-resolution", "reanalysis", "forecast"]


@dataclass(frozen=True)
class Need:
    """One input of a model.

    Attributes:
        kind: Which kind of dataset.
        before: Time steps before the one requested.
        after: Time steps after it. Where the record ends, the last step is repeated.
    """

    kind: Kind
    before: int = 0
    after: int = 0


@dataclass(frozen=True)
class Task:
    """What a model does.

    Attributes:
        name: The task.
        needs: Its inputs.
        factor: Fine cells along a coarse cell's side (super-resolution only).
        lead_times: Number of steps ahead (forecast only).
    """

    name: TaskName
    needs: tuple[Need, ...]
    factor: int = 8
    lead_times: int = 0


class Recipe(Protocol):
    """Data → tensors → data, for one model. Each task's folder has its own."""

    @property
    def task(self) -> Task:
        """What the model asks for and gives."""
        ...

    def prepare(self, inputs: Mapping[Kind, xr.Dataset]) -> "Mapping[str, torch.Tensor]":
        """Tensors for `run`, from checked datasets in physical units."""
        ...

    def run(
        self,
        network: "torch.nn.Module",
        tensors: "Mapping[str, torch.Tensor]",
        generator: "torch.Generator",
    ) -> "Mapping[str, torch.Tensor]":
        """The network's answer: "prediction" in ug m-3 and, where it has one, "uncertainty"."""
        ...

    def restore(
        self, output: "Mapping[str, torch.Tensor]", inputs: Mapping[Kind, xr.Dataset]
    ) -> xr.Dataset:
        """The answer on the inputs' coordinates."""
        ...
