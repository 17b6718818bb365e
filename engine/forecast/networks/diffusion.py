"""Denoising diffusion: a noise schedule, and samplers that walk it; any denoiser will do.

Three things that know little of each other: a `Schedule` says how much noise there is at a step, a
denoiser (a function of a noisy tensor and a step) says what the noise is, a sampler turns noise
into a sample by asking it. `beta, alpha, alpha_bar` are those of Ho et al.

Source: Ho et al. 2020, arXiv:2006.11239 (equations 4, 11 and 15); Song et al. 2020,
arXiv:2010.02502 (equation 12); Lu et al. 2022, arXiv:2211.01095 (algorithm 2, DPM-Solver++ 2M).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

# The noise in a tensor at a step of the schedule, counted from 0.
Denoise = Callable[[Tensor, int], Tensor]
# Noise of the kind that the sample starts from.
Fresh = Callable[[], Tensor]


@dataclass(frozen=True)
class Schedule:
    """How much noise there is at each step, from 0 (hardly any) to `steps - 1` (all but noise).

    Attributes:
        steps: Number of steps.
        first: Of beta.
        last: Of beta.
        shape: "quad" is linear in the square root of beta, as CSDI has it; "linear" in beta.
    """

    steps: int = 50
    first: float = 1e-4
    last: float = 0.5
    shape: Literal["quad", "linear"] = "quad"

    def __post_init__(self) -> None:
        """Refuse what is no schedule.

        Raises:
            ValueError: With the values.
        """
        if self.steps < 2 or not 0 < self.first <= self.last < 1:
            raise ValueError(
                f"{self.steps} steps from {self.first} to {self.last} are no schedule; take two or "
                "more steps and 0 < first <= last < 1"
            )

    @property
    def beta(self) -> Float[Tensor, " step"]:
        """Variance of the noise that a step adds."""
        power = 2 if self.shape == "quad" else 1
        ends = (self.first ** (1 / power), self.last ** (1 / power))
        return torch.linspace(*ends, self.steps, dtype=torch.float64) ** power

    @property
    def alpha(self) -> Float[Tensor, " step"]:
        """Share of the variance that a step leaves."""
        return 1 - self.beta

    @property
    def alpha_bar(self) -> Float[Tensor, " step"]:
        """Share of the clean tensor's variance that is left after a step."""
        return self.alpha.cumprod(0)

    def noisy(self, clean: Tensor, noise: Tensor, step: Tensor) -> Tensor:
        """The clean tensors (batch, ...) as they are at steps (batch) with this noise."""
        kept = self.alpha_bar.to(clean)[step].reshape(-1, *[1] * (clean.ndim - 1))
        return kept.sqrt() * clean + (1 - kept).sqrt() * noise


@runtime_checkable
class Sampler(Protocol):
    """Turns noise into a sample."""

    def sample(self, schedule: Schedule, denoise: Denoise, noise: Tensor, fresh: Fresh) -> Tensor:
        """A sample, in as many calls of `denoise` as the sampler takes."""
        ...


def clean_estimate(noisy: Tensor, noise: Tensor, alpha_bar: float, limit: float | None) -> Tensor:
    """The clean tensor if the noise is right, within the limit to either side of zero."""
    clean: Tensor = (noisy - (1 - alpha_bar) ** 0.5 * noise) / alpha_bar**0.5
    return clean if limit is None else clean.clamp(-limit, limit)


@dataclass(frozen=True)
class Ancestral:
    """Every step of the schedule, with fresh noise at each: Ho et al., algorithm 2."""

    def sample(self, schedule: Schedule, denoise: Denoise, noise: Tensor, fresh: Fresh) -> Tensor:
        """A sample, in `schedule.steps` calls."""
        beta, alpha, kept = (
            a.tolist() for a in (schedule.beta, schedule.alpha, schedule.alpha_bar)
        )
        x = noise
        for k in range(schedule.steps - 1, -1, -1):
            mean = (x - beta[k] / (1 - kept[k]) ** 0.5 * denoise(x, k)) / alpha[k] ** 0.5
            x = mean
            if k > 0:
                x = mean + (beta[k] * (1 - kept[k - 1]) / (1 - kept[k])) ** 0.5 * fresh()
        return x


@dataclass(frozen=True)
class DDIM:
    """A few steps of the schedule: Song et al., equation 12.

    Attributes:
        steps: Calls of the denoiser.
        eta: Share of the fresh noise that ancestral sampling has; 0 is deterministic.
        limit: Largest clean value; None: any.
    """

    steps: int = 10
    eta: float = 0.0
    limit: float | None = None

    def sample(self, schedule: Schedule, denoise: Denoise, noise: Tensor, fresh: Fresh) -> Tensor:
        """A sample, in `steps` calls."""
        kept = schedule.alpha_bar.tolist()
        where = _even(schedule.steps, self.steps)
        x = noise
        for k, after in zip(where, [*where[1:], -1], strict=True):
            clean = clean_estimate(x, denoise(x, k), kept[k], self.limit)
            if after < 0:
                return clean
            # The noise that goes with the limited estimate, so that both stay one picture.
            predicted = (x - kept[k] ** 0.5 * clean) / (1 - kept[k]) ** 0.5
            fresh_var = (1 - kept[after]) / (1 - kept[k]) * (1 - kept[k] / kept[after])
            deviation = self.eta * fresh_var**0.5
            x = kept[after] ** 0.5 * clean + (1 - kept[after] - deviation**2) ** 0.5 * predicted
            if deviation:
                x = x + deviation * fresh()
        return x


@dataclass(frozen=True)
class Multistep:
    """Few steps of second order, from the clean estimates of this step and the one before.

    DPM-Solver++ (2M) of Lu et al. on the steps of the schedule that are nearest to even in the
    logarithm of the signal-to-noise ratio; the last step is of first order and ends at the clean
    estimate, as the authors advise for few steps.

    Attributes:
        steps: Calls of the denoiser.
        limit: Largest clean value; None: any.
    """

    steps: int = 8
    limit: float | None = None

    def sample(self, schedule: Schedule, denoise: Denoise, noise: Tensor, fresh: Fresh) -> Tensor:
        """A sample, in at most `steps` calls; no fresh noise is requested."""
        kept = schedule.alpha_bar
        half_log = (0.5 * (kept / (1 - kept)).log()).tolist()  # lambda in the paper
        where = _even_in(half_log, self.steps)
        x, before, last_width = noise, None, 0.0
        for k, after in zip(where, [*where[1:], -1], strict=True):
            clean = clean_estimate(x, denoise(x, k), float(kept[k]), self.limit)
            if after < 0:
                return clean
            width = half_log[after] - half_log[k]
            predicted = clean
            if before is not None:
                share = width / (2 * last_width)
                predicted = (1 + share) * clean - share * before
            noise_ratio = ((1 - kept[after]) / (1 - kept[k])) ** 0.5
            signal = kept[after] ** 0.5
            x = (
                float(noise_ratio) * x
                - float(signal) * float(torch.tensor(-width).expm1()) * predicted
            )
            before, last_width = clean, width
        return x


def _even(total: int, count: int) -> list[int]:
    """`count` steps from the last to the first, evenly spaced."""
    if not 1 <= count <= total:
        raise ValueError(f"{count} steps of a schedule of {total}; take 1 to {total}")
    levels = torch.linspace(total - 1, 0, count, dtype=torch.float64).round().long()
    return [int(k) for k in levels]


def _even_in(values: list[float], count: int) -> list[int]:
    """Steps from the last to the first whose values are nearest to evenly spaced ones."""
    if not 1 <= count <= len(values):
        raise ValueError(f"{count} steps of a schedule of {len(values)}; take 1 to {len(values)}")
    wished = torch.linspace(values[-1], values[0], count, dtype=torch.float64)
    known = torch.tensor(values, dtype=torch.float64)
    nearest = (wished[:, None] - known[None]).abs().argmin(1)
    return sorted({int(k) for k in nearest}, reverse=True)
