"""Parts of one piece of work on several cores, each by a thread that computes alone.

Torch shares every operation among its threads, which helps large operations and costs small ones
more than it gains. Its operations let other Python threads run meanwhile, so many small ones are
better given to threads of ours, each of which has one of torch's.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch

_starting = threading.Lock()
_pools: dict[int, ThreadPoolExecutor] = {}


def side_by_side(parts: Sequence[Callable[[], None]]) -> None:
    """Run all parts, at once where there are several, and return when all are done.

    What they compute must not depend on which is first. They record no gradients; inference mode
    is that of the calling thread.
    """
    if len(parts) == 1:
        parts[0]()
        return
    inference = torch.is_inference_mode_enabled()

    def run(part: Callable[[], None]) -> None:
        with torch.inference_mode(inference), torch.set_grad_enabled(False):
            part()

    pool = _pool(len(parts))
    running = [pool.submit(run, part) for part in parts]
    failures = [done.exception() for done in running]  # waits for every one
    for failure in failures:
        if failure is not None:
            raise failure


def _pool(count: int) -> ThreadPoolExecutor:
    with _starting:
        if count not in _pools:
            before = torch.get_num_threads()
            pool = ThreadPoolExecutor(count, "airlens-part")
            all_there = threading.Barrier(count + 1)
            for _ in range(count):
                pool.submit(_begin, all_there)
            all_there.wait()
            # Threads to come begin with the last number set, which was theirs.
            torch.set_num_threads(before)
            _pools[count] = pool
        return _pools[count]


def _begin(all_there: threading.Barrier) -> None:
    torch.get_num_threads()  # the first question takes the number over that others have
    torch.set_num_threads(1)
    all_there.wait()
