"""A GPU that is only pretended: whatever is sent there stays in memory, and mixing is an error.

It knows tensors by their storage. It says nothing of speed, of numbers or of kernels; it finds
what breaks on every GPU: a tensor left behind on the processor, a generator or a NumPy call on
the wrong side.
"""

from contextlib import contextmanager

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten

HERE, THERE = torch.device("cpu"), torch.device("cuda", 0)
LEAVES = {"cpu", "tolist", "item", "__bool__", "__float__", "__int__", "__index__", "__len__"}
READS_HERE = {"numpy", "__array__"}
MAY_MIX = {"copy_", "__set__", "set_", "_has_compatible_shallow_copy_type"}
NAMES_ALONE = {"device", "_parse_to"}  # read the name of a device, move nothing
INDEXES = {"__getitem__", "gather_by_index"}


class AnyGenerator(torch.Generator):
    """A generator that says it is wherever of a request be."""

    def __new__(cls, device="cpu"):
        return super().__new__(cls)


class WrongSideError(RuntimeError):
    """What a GPU would have refused."""


def _name(func) -> str:
    return getattr(func, "__name__", "") or str(func)


class PretendedGPU(TorchFunctionMode):
    """Every call of torch, as a GPU's driver would see it."""

    def __init__(self) -> None:
        super().__init__()
        self.there: dict[int, torch.UntypedStorage] = {}  # kept, so that no address comes twice
        self.calls = 0

    def has(self, tensor) -> bool:
        return tensor.untyped_storage().data_ptr() in self.there

    def send(self, found):
        for tensor in _tensors(found):
            storage = tensor.untyped_storage()
            if storage.data_ptr():
                self.there[storage.data_ptr()] = storage
        return found

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name, kwargs = _name(func), dict(kwargs or {})
        if name in NAMES_ALONE:
            return func(*args, **kwargs)
        if func in (torch.Tensor.device.__get__, torch.Tensor.is_cuda.__get__):
            there = self.has(args[0])
            if func == torch.Tensor.is_cuda.__get__:
                return there
            return THERE if there else HERE
        if func == torch.Tensor.grad.__get__:  # made by the engine of gradients, beside its tensor
            grad = func(*args)
            return self.send(grad) if self.has(args[0]) else grad
        given = _tensors((args, kwargs))
        there = [t for t in given if self.has(t)]
        if name == "__get__" and not there:
            return func(*args, **kwargs)
        if name in READS_HERE and there:
            raise WrongSideError(f"{name} of a tensor on the GPU")
        requested, args, kwargs = _asked(args, kwargs, self)
        if name in ("to", "type_as") and len(given) > 1:
            like = given[1] if given[1].numel() else given[0]  # nothing is nowhere
            requested = THERE if self.has(like) else HERE
        elif there and name not in MAY_MIX:
            self._refuse_mixed(name, args, given)
        if requested is None:
            requested = THERE if there and name not in LEAVES else HERE
        self.calls += requested.type == "cuda"
        if requested.type == "cpu":
            found = func(*args, **kwargs)
            return (
                found.clone() if there and torch.is_tensor(found) and name != "__get__" else found
            )
        found = func(*args, **kwargs)
        if not there and name == "to" and found is args[0]:
            found = found.clone()
        return self.send(found)

    def _refuse_mixed(self, name, args, given) -> None:
        behind = [t for t in given if t.ndim and t.numel() and not self.has(t)]
        if name in INDEXES and self.has(args[0]):  # a GPU takes indices from here
            behind = [t for t in behind if t.dtype not in (torch.bool, torch.int64)]
        if behind:
            shapes = ", ".join(f"{tuple(t.shape)}" for t in behind)
            raise WrongSideError(f"{name}: left behind on the processor: {shapes}")


def _tensors(tree) -> list[torch.Tensor]:
    return [leaf for leaf in tree_flatten(tree)[0] if isinstance(leaf, torch.Tensor)]


def _asked(args, kwargs, gpu):
    """The device that a call names, and the call without it."""
    requested = None

    def plain(value):
        nonlocal requested
        if isinstance(value, torch.device) or value in ("cuda", "cuda:0"):
            requested = THERE if torch.device(value).type == "cuda" else HERE
            return HERE
        return value

    kwargs = {k: plain(v) if not isinstance(v, torch.Tensor) else v for k, v in kwargs.items()}
    args = tuple(
        plain(a) if isinstance(a, (torch.device, str)) else a for a in args
    )  # fmt: skip
    return requested, args, kwargs


@contextmanager
def pretended_gpu(monkeypatch):
    """Inside, `cuda` is a device like any other."""
    monkeypatch.setattr(torch, "Generator", AnyGenerator)
    with PretendedGPU() as gpu:
        yield gpu
