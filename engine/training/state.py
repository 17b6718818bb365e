"""Where a run stands, on disk: whole or not at all, and without a pickle.

One safetensors file holds the weights, their running average and Adam's moments; its header holds
the counters and the curve. Random numbers need no state: those of a step are drawn from a generator
seeded with the run's seed and the step's number.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from engine.core.errors import StorageError
from engine.core.files import atomic_file

FILE = "state.safetensors"


@dataclass
class Counters:
    """How far a run is. The curve has one row a validation: stage, step, losses, scores, rate."""

    stage: str = "pretext"
    step: int = 0
    best: float = float("inf")
    best_step: int = 0
    waited: int = 0
    over: bool = False
    seconds: float = 0.0
    curve: list[dict[str, float | str]] = field(default_factory=list)


def write(
    folder: Path,
    counters: Counters,
    network: nn.Module,
    average: dict[str, Tensor],
    best: dict[str, Tensor],
    optimiser: torch.optim.Adam,
    config: str,
) -> None:
    """Publish the state in one rename.

    Raises:
        StorageError: If the disk is full or the folder cannot be written.
    """
    tensors = {f"network/{k}": v for k, v in network.state_dict().items()}
    tensors |= {f"average/{k}": v for k, v in average.items()}
    tensors |= {f"best/{k}": v for k, v in best.items()}
    for i, slots in optimiser.state_dict()["state"].items():
        tensors |= {f"adam/{i}/{name}": value for name, value in slots.items()}
    plain = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    header = {"counters": json.dumps(asdict(counters)), "config": config}
    problem = "the state of the training run cannot be written"
    remedy = "Make room there; the run goes on from its last state when started again"
    with atomic_file(folder / FILE, problem, remedy) as part:
        save_file(plain, part, metadata=header)


def read(
    folder: Path, network: nn.Module, optimiser: torch.optim.Adam, config: str
) -> tuple[Counters, dict[str, Tensor], dict[str, Tensor]] | None:
    """Load the last state into the network and the optimiser; None if there is none.

    Returns:
        Counters, running average, and the best average so far.

    Raises:
        StorageError: If it belongs to a run with other choices, or is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except Exception as problem:  # safetensors raises its own type for a damaged file
        raise StorageError(
            "the state of the training run is damaged",
            where=str(path),
            remedy="Delete the folder and start again",
        ) from problem
    if header["config"] != config:
        raise StorageError(
            "a training run with other choices is in this folder",
            where=str(folder),
            remedy="Give another --out, or the same choices to go on",
        )
    network.load_state_dict(_part(tensors, "network"))
    _load_adam(optimiser, _part(tensors, "adam"))
    counters = Counters(**json.loads(header["counters"]))
    return counters, _part(tensors, "average"), _part(tensors, "best")


def _part(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    prefix = f"{name}/"
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _load_adam(optimiser: torch.optim.Adam, flat: dict[str, Tensor]) -> None:
    slots: dict[int, dict[str, Any]] = {}
    for key, value in flat.items():
        i, name = key.split("/")
        slots.setdefault(int(i), {})[name] = value
    whole = optimiser.state_dict()
    whole["state"] = slots
    optimiser.load_state_dict(whole)
