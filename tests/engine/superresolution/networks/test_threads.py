"""Several threads give the numbers of one, the same each time, and leave torch as it was."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from engine.superresolution.networks.attention import window_attention
from engine.superresolution.networks.threads import side_by_side


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def attention(count, set_threads):
    set_threads(count)
    g = torch.Generator().manual_seed(1)
    maps = [torch.randn(1, 1, 3, 31, 13, generator=g).double().requires_grad_() for _ in range(3)]
    out = window_attention(*maps, patch=4)
    return [out.detach(), *torch.autograd.grad(out.sin().sum(), maps)]


def test_any_number_of_threads_gives_the_same(threads):
    one = attention(1, threads)
    for count in (2, 3, 64):
        several = attention(count, threads)
        torch.testing.assert_close(several, one, atol=1e-12, rtol=1e-10)
        for _ in range(3):
            again = attention(count, threads)
            assert all(torch.equal(a, b) for a, b in zip(several, again, strict=True))


def test_parts_run_at_once_and_alone_in_their_thread(threads):
    threads(2)
    seen, meet = [None, None], threading.Barrier(2, timeout=20)

    def part(i):
        meet.wait()  # would break if one ran after the other
        seen[i] = (
            threading.get_ident(),
            torch.get_num_threads(),
            torch.is_inference_mode_enabled(),
        )

    with torch.inference_mode():
        side_by_side([lambda: part(0), lambda: part(1)])
    assert len({thread for thread, _, _ in seen}) == 2
    assert [rest for _, *rest in seen] == [[1, True], [1, True]]
    assert torch.get_num_threads() == 2
    with ThreadPoolExecutor(1) as other:  # nor do threads to come have fewer
        assert other.submit(torch.get_num_threads).result() == 2


def test_a_part_that_fails_is_heard_of_when_all_have_ended():
    ended = []

    def slow():
        time.sleep(0.05)
        ended.append(True)

    def broken():
        raise ValueError("no such row")

    with pytest.raises(ValueError, match="no such row"):
        side_by_side([broken, slow])
    assert ended
