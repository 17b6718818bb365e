"""What a network learns from: runs of consecutive frames, as tensors, and crops of them.

Tensors are in the network's normalisation; their statistics come from the training part, and that
is the caller's business. A window never leaves its series, so no window crosses the border between
training, validation and test; at either end of a series the last frame is repeated, as it is when
the network is used.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

SCALE = 8  # fine cells along the side of a coarse cell


@dataclass(frozen=True)
class Series:
    """One run of consecutive frames.

    Attributes:
        coarse: (t, h, w), any finite value where `mask` is False.
        mask: (t, h, w) or (1, h, w), True where a coarse cell holds data.
        fine: (t, 8h, 8w), the target, any finite value where `fine_mask` is False.
        fine_mask: (t or 1, 8h, 8w), True where the target holds data.
        base: (t, 8h, 8w), what the network adds to, or None for its own bilinear map.
        guide: (t or 1, k, 8h, 8w), planes of guidance, or None.
    """

    coarse: Tensor
    mask: Tensor
    fine: Tensor
    fine_mask: Tensor
    base: Tensor | None = None
    guide: Tensor | None = None

    def __post_init__(self) -> None:
        """Refuse tensors that do not belong together.

        Raises:
            ValueError: Naming the shapes.
        """
        t, h, w = self.coarse.shape
        fine = (SCALE * h, SCALE * w)
        if self.fine.shape != (t, *fine) or self.fine_mask.shape[1:] != fine:
            raise ValueError(f"coarse {self.coarse.shape} and fine {self.fine.shape} do not match")
        for part in (self.mask, self.fine_mask, self.guide):
            if part is not None and part.shape[0] not in (1, t):
                raise ValueError(f"{part.shape[0]} masks or guides for {t} frames; give 1 or {t}")
        if not (self.coarse.isfinite().all() and self.fine.isfinite().all()):
            raise ValueError("a value is not finite; put 0 where there is no data")

    def __len__(self) -> int:
        return len(self.coarse)


@dataclass(frozen=True)
class Batch:
    """Windows of several series or places: what one step sees. Leading axis is the batch."""

    coarse: Tensor  # (b, frames, 1, h, w)
    mask: Tensor  # (b, frames, h, w)
    fine: Tensor  # (b, f, 1, 8h, 8w)
    fine_mask: Tensor  # (b, f, 8h, 8w)
    base: Tensor | None  # (b, f, 1, 8h, 8w)
    guide: Tensor | None  # (b, f, k, 8h, 8w)
    wanted: tuple[int, ...]  # which frames of the window the fine maps are of

    def to(self, device: torch.device) -> "Batch":
        """The same on another device, half-precision planes widened."""

        def move(part: Tensor) -> Tensor:
            moved = part.to(device)
            return moved if moved.dtype == torch.bool else moved.float()

        return replace(
            self,
            coarse=move(self.coarse),
            mask=move(self.mask),
            fine=move(self.fine),
            fine_mask=move(self.fine_mask),
            base=_maybe(move, self.base),
            guide=_maybe(move, self.guide),
        )


def _maybe(change: Callable[[Tensor], Tensor], part: Tensor | None) -> Tensor | None:
    return None if part is None else change(part)


def window(series: Series, at: int, frames: int, *, all_frames: bool = False) -> Batch:
    """The window of `frames` frames around frame `at`, whole map, batch of one."""
    half = frames // 2
    places = [min(max(i, 0), len(series) - 1) for i in range(at - half, at - half + frames)]
    wanted = tuple(range(frames)) if all_frames else (half,)
    targets = [places[i] for i in wanted]
    return Batch(
        series.coarse[places][None, :, None],
        _frames(series.mask, places)[None],
        series.fine[targets][None, :, None],
        _frames(series.fine_mask, targets)[None],
        None if series.base is None else series.base[targets][None, :, None],
        None if series.guide is None else _frames(series.guide, targets)[None],
        wanted,
    )


def crops(
    sets: Sequence[Series],
    frames: int,
    crop: int,
    batch: int,
    generator: torch.Generator,
    *,
    all_frames: bool = False,
) -> Batch:
    """A random batch: a frame of all frames alike, then a place that holds data.

    Batches are a function of the generator alone, which is what makes a resumed run equal to one
    that was never stopped.
    """
    lengths = torch.tensor([len(s) for s in sets])
    picked = []
    for _ in range(batch):
        frame = int(torch.randint(int(lengths.sum()), (1,), generator=generator))
        which = int((lengths.cumsum(0) > frame).nonzero()[0])
        at = frame - int(lengths[:which].sum())
        whole = window(sets[which], at, frames, all_frames=all_frames)
        picked.append(_cut(whole, crop, generator))
    return Batch(
        torch.cat([p.coarse for p in picked]),
        torch.cat([p.mask for p in picked]),
        torch.cat([p.fine for p in picked]),
        torch.cat([p.fine_mask for p in picked]),
        _join([p.base for p in picked]),
        _join([p.guide for p in picked]),
        picked[0].wanted,
    )


def _join(parts: Sequence[Tensor | None]) -> Tensor | None:
    known = [part for part in parts if part is not None]
    return torch.cat(known) if known else None


def save(series: Series, path: Path) -> None:
    """Write a series as a plain tensor file."""
    parts = {name: getattr(series, name) for name in series.__dataclass_fields__}
    save_file({k: v.contiguous() for k, v in parts.items() if v is not None}, path)


def load(path: Path) -> Series:
    """Read what `save` wrote."""
    return Series(**load_file(path))


def _frames(part: Tensor, places: Sequence[int]) -> Tensor:
    if len(part) == 1:
        return part.expand(len(places), *part.shape[1:])
    return part[list(places)]


def _cut(whole: Batch, crop: int, generator: torch.Generator) -> Batch:
    """A square of `crop` coarse cells; a few tries to find one that is not mostly sea."""
    h, w = whole.coarse.shape[-2:]
    rows, columns = min(crop, h), min(crop, w)
    for _ in range(8):
        top = int(torch.randint(h - rows + 1, (1,), generator=generator))
        left = int(torch.randint(w - columns + 1, (1,), generator=generator))
        seen = whole.mask[..., top : top + rows, left : left + columns].float().mean()
        if seen > 0.25:
            break
    return replace(
        whole,
        coarse=whole.coarse[..., top : top + rows, left : left + columns],
        mask=whole.mask[..., top : top + rows, left : left + columns],
        fine=_fine(whole.fine, top, left, rows, columns),
        fine_mask=_fine(whole.fine_mask, top, left, rows, columns),
        base=_maybe(lambda z: _fine(z, top, left, rows, columns), whole.base),
        guide=_maybe(lambda z: _fine(z, top, left, rows, columns), whole.guide),
    )


def _fine(part: Tensor, top: int, left: int, rows: int, columns: int) -> Tensor:
    """The fine cells of a window of coarse ones."""
    down = slice(SCALE * top, SCALE * (top + rows))
    across = slice(SCALE * left, SCALE * (left + columns))
    return part[..., down, across]
