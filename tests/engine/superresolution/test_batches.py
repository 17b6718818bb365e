import pytest
import torch

from engine.superresolution.batches import SCALE, Series, crops, load, save, window


def predicted(frames, rows=6, columns=7, first=0):
    """Maps whose values say where and when they are: frame · 10000 + row · 100 + column."""
    h, w = rows * SCALE, columns * SCALE
    when = 10_000.0 * torch.arange(first, first + frames)[:, None, None]
    coarse = when + 100.0 * torch.arange(rows)[:, None] + torch.arange(columns)
    fine = when + 100.0 * torch.arange(h)[:, None] + torch.arange(w)
    return Series(
        coarse,
        torch.ones(1, rows, columns, dtype=torch.bool),
        fine,
        torch.ones(1, h, w, dtype=torch.bool),
        base=fine + 0.25,
        guide=torch.stack((fine[0], -fine[0]))[None],
    )


def frames_in(part):
    return (part.flatten(2)[..., 0] // 10_000).flatten().tolist()


def test_a_window_is_centred_and_repeats_the_last_frame_at_either_end():
    series = predicted(6)
    assert frames_in(window(series, 3, 5).coarse[0]) == [1, 2, 3, 4, 5]
    assert frames_in(window(series, 0, 5).coarse[0]) == [0, 0, 0, 1, 2]
    assert frames_in(window(series, 5, 5).coarse[0]) == [3, 4, 5, 5, 5]
    assert frames_in(window(series, 5, 5).fine[0]) == [5]


def test_all_frames_are_scored_when_asked():
    batch = window(predicted(6), 2, 5, all_frames=True)
    assert batch.wanted == (0, 1, 2, 3, 4)
    assert frames_in(batch.fine[0]) == frames_in(batch.coarse[0])


def test_no_window_crosses_from_one_series_to_the_other():
    early, late = predicted(4), predicted(4, first=100)
    generator = torch.Generator().manual_seed(0)
    seen = set()
    for _ in range(60):
        batch = crops((early, late), 5, 4, 1, generator, all_frames=True)
        days = frames_in(batch.coarse[0])
        assert max(days) < 4 or min(days) >= 100
        assert frames_in(batch.fine[0]) == days
        seen |= set(days)
    assert seen == {0, 1, 2, 3, 100, 101, 102, 103}


def test_a_crop_is_the_same_place_in_every_part():
    generator = torch.Generator().manual_seed(1)
    places = set()
    for _ in range(30):
        batch = crops((predicted(3),), 3, 4, 2, generator)
        assert batch.coarse.shape == (2, 3, 1, 4, 4)
        assert batch.fine.shape == (2, 1, 1, 32, 32)
        corner = batch.coarse[:, 1, 0, 0, 0] % 10_000
        row, column = corner // 100, corner % 100
        fine_corner = batch.fine[:, 0, 0, 0, 0] % 10_000
        torch.testing.assert_close(fine_corner, 100 * SCALE * row + SCALE * column)
        torch.testing.assert_close(batch.base, batch.fine + 0.25)
        torch.testing.assert_close(batch.guide[:, 0, 0], batch.fine[:, 0, 0] % 10_000)
        torch.testing.assert_close(batch.guide[:, :, 1], -batch.guide[:, :, 0])
        places |= {(int(r), int(c)) for r, c in zip(row, column, strict=True)}
    assert places == {(r, c) for r in range(3) for c in range(4)}


def test_a_batch_depends_on_the_generator_alone():
    def draw():
        return crops((predicted(5),), 5, 3, 3, torch.Generator().manual_seed(7))

    torch.manual_seed(1)
    one = draw()
    torch.manual_seed(2)
    assert torch.equal(one.fine, draw().fine)
    other = crops((predicted(5),), 5, 3, 3, torch.Generator().manual_seed(8))
    assert not torch.equal(one.fine, other.fine)


def test_a_crop_larger_than_the_map_is_the_map():
    batch = crops((predicted(3),), 3, 48, 1, torch.Generator().manual_seed(0))
    assert batch.coarse.shape[-2:] == (6, 7)


def test_crops_look_for_land():
    series = predicted(3, rows=20, columns=20)
    mask = torch.zeros(1, 20, 20, dtype=torch.bool)
    mask[:, 12:, 12:] = True
    series = Series(series.coarse, mask, series.fine, series.fine_mask)
    generator = torch.Generator().manual_seed(0)
    shares = [crops((series,), 3, 8, 1, generator).mask.float().mean() for _ in range(40)]
    # A place drawn blindly holds over a quarter of land in one case out of five or so.
    assert sum(share > 0.25 for share in shares) > 25


def test_what_is_saved_is_read(tmp_path):
    series = predicted(2)
    save(series, tmp_path / "series.safetensors")
    read = load(tmp_path / "series.safetensors")
    for name in ("coarse", "mask", "fine", "fine_mask", "base", "guide"):
        assert torch.equal(getattr(read, name), getattr(series, name))
    bare = Series(series.coarse, series.mask, series.fine, series.fine_mask)
    save(bare, tmp_path / "bare.safetensors")
    assert load(tmp_path / "bare.safetensors").base is None


def test_parts_that_do_not_belong_together_are_refused():
    s = predicted(3)
    with pytest.raises(ValueError, match="do not match"):
        Series(s.coarse, s.mask, s.fine[:, :-1], s.fine_mask)
    with pytest.raises(ValueError, match="2 masks or guides for 3 frames"):
        Series(s.coarse, s.mask.expand(2, -1, -1), s.fine, s.fine_mask)
    with pytest.raises(ValueError, match="not finite"):
        Series(s.coarse, s.mask, s.fine / 0, s.fine_mask)
