"""The super-resolution networks that are trained: one literal dict, name to builder."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from engine.superresolution.networks import airstfm, basicvsr, basicvsrpp, edvr, mana, urbanfm


@dataclass(frozen=True)
class Kind:
    """A family of networks.

    Attributes:
        title: Name for people.
        network: Builds it from a configuration.
        config: Builds the configuration from its fields.
        presets: Configurations by name: paper and small.
        source: Where it was published.
    """

    title: str
    network: Callable[[Any], nn.Module]
    config: Callable[..., Any]
    presets: Mapping[str, Any]
    source: str


NETWORKS: dict[str, Kind] = {
    "airstfm": Kind(
        "AirSTFM",
        airstfm.AirSTFM,
        airstfm.AirSTFMConfig,
        airstfm.PRESETS,
        "Li et al., Atmosphere 2025, 16, 166, doi:10.3390/atmos16020166",
    ),
    "urbanfm": Kind(
        "Urban-FM",
        urbanfm.UrbanFM,
        urbanfm.UrbanFMConfig,
        {"paper": urbanfm.PAPER, "small": urbanfm.SMALL},
        "Liang et al., KDD 2019, doi:10.1145/3292500.3330646",
    ),
    "edvr": Kind(
        "EDVR",
        edvr.EDVR,
        edvr.EDVRConfig,
        {"paper": edvr.PAPER, "small": edvr.SMALL},
        "Wang et al., CVPRW 2019, arXiv:1905.02716",
    ),
    "basicvsr": Kind(
        "BasicVSR",
        basicvsr.BasicVSR,
        basicvsr.BasicVSRConfig,
        {"paper": basicvsr.BASIC_PAPER, "small": basicvsr.BASIC_SMALL},
        "Chan et al., CVPR 2021, arXiv:2012.02181",
    ),
    "iconvsr": Kind(
        "IconVSR",
        basicvsr.IconVSR,
        basicvsr.IconVSRConfig,
        {"paper": basicvsr.ICON_PAPER, "small": basicvsr.ICON_SMALL},
        "Chan et al., CVPR 2021, arXiv:2012.02181",
    ),
    "basicvsrpp": Kind(
        "BasicVSR++",
        basicvsrpp.BasicVSRpp,
        basicvsrpp.BasicVSRppConfig,
        {"paper": basicvsrpp.PAPER, "small": basicvsrpp.SMALL},
        "Chan et al., CVPR 2022, arXiv:2104.13371",
    ),
    "mana": Kind(
        "MANA",
        mana.MANA,
        mana.MANAConfig,
        {"paper": mana.PAPER, "small": mana.SMALL},
        "Yu et al., CVPR 2022, arXiv:2108.11048",
    ),
}


def from_preset(name: str, preset: str = "paper", **changes: object) -> nn.Module:
    """A network of a preset, with fields of its configuration replaced.

    Raises:
        ValueError: If there is no such network or preset, or a value does not fit.
    """
    kind = _kind(name)
    if preset not in kind.presets:
        raise ValueError(f"no preset '{preset}'; choose from {', '.join(kind.presets)}")
    return kind.network(replace(kind.presets[preset], **changes))


def from_fields(name: str, fields: Mapping[str, object]) -> nn.Module:
    """A network from all fields of its configuration, as a checkpoint keeps them.

    Raises:
        ValueError: If there is no such network, or a value does not fit.
        TypeError: If a field is unknown.
    """
    kind = _kind(name)
    plain = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
    return kind.network(kind.config(**plain))


def _kind(name: str) -> Kind:
    if name not in NETWORKS:
        raise ValueError(f"no network '{name}'; choose from {', '.join(NETWORKS)}")
    return NETWORKS[name]
