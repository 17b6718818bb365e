import datetime as dt

import numpy as np
import pytest
import torch
from training_maps import days, months

from engine import library
from engine.core import dates as calendar
from engine.core.errors import RequestError
from engine.superresolution.examples import prepare
from engine.superresolution.networks.masking import masked_block_mean


def lessons(name, **options):
    return prepare(library.open_dataset(name), library.info(name), **options)


def stored(values, name="other"):
    library.store(values, name, train_end=dt.date(2004, 12, 1), replace=True)
    return lessons(name, validate_end=dt.date(2005, 12, 1))


def test_parts_follow_each_other_and_leave_the_test_alone(monthly):
    known = lessons(monthly, validate_end=dt.date(2005, 12, 1))
    assert [len(s) for s in known.training] == [60]
    assert [len(s) for s in known.validation] == [12]
    assert (known.train_start, known.train_end) == (dt.date(2000, 1, 1), dt.date(2004, 12, 1))
    assert known.validate_end == dt.date(2005, 12, 1)
    # By default half of what follows the training decides when to stop.
    assert lessons(monthly).validate_end == dt.date(2005, 12, 1)


def test_nothing_after_the_validation_is_looked_at():
    values = months()
    one = stored(values)
    changed = values.copy(deep=True)
    changed["pm2p5"][72:] *= 3
    assert one.identity == stored(changed).identity


def test_statistics_and_maps_come_from_the_training_part_alone():
    values = months()
    one = stored(values)
    changed = values.copy(deep=True)
    changed["pm2p5"][60:] *= np.linspace(0.5, 2, 24, dtype=np.float32)
    other = stored(changed)
    assert (one.mean, one.std) == (other.mean, other.std)
    for name in ("coarse", "fine", "base", "guide"):
        assert torch.equal(getattr(one.training[0], name), getattr(other.training[0], name))
    assert not torch.equal(one.validation[0].fine, other.validation[0].fine)
    # What is learned of the past is the same, so the guidance that does not change by date is too.
    assert torch.equal(one.validation[0].guide[:, 0], other.validation[0].guide[:, 0])


def test_values_are_normalised_by_the_coarse_training_maps(monthly):
    known = lessons(monthly)
    coarse = known.training[0].coarse[known.training[0].mask.expand(60, -1, -1)]
    assert float(coarse.mean()) == pytest.approx(0, abs=1e-5)
    assert float(coarse.std()) == pytest.approx(1, abs=1e-5)


def test_a_short_record_has_no_past(daily):
    known = lessons(daily)
    assert known.base == "bilinear"
    assert known.training[0].base is None
    assert known.training[0].guide is None
    assert known.training_without_climatology == ()


def test_without_climatology_examples_hold_bicubic_maps_with_exact_block_means(monthly):
    known = lessons(monthly)
    without_climatology = known.training_without_climatology[0]
    assert len(without_climatology) == 15
    assert (without_climatology.guide[:, :3] == 0).all()
    assert (without_climatology.guide[:, 3] != 0).any()
    raw = without_climatology.base * known.std + known.mean
    mask = without_climatology.fine_mask.expand_as(raw)
    means = masked_block_mean(raw, mask, 8)
    coarse = (without_climatology.coarse * known.std + known.mean) * without_climatology.mask
    torch.testing.assert_close(means * without_climatology.mask, coarse, rtol=1e-4, atol=1e-3)
    # The past is told in the others.
    assert (known.training[0].guide[:, 0] != 0).any()


def test_further_corners_are_further_looks(monthly):
    known = lessons(monthly, block_offsets=2)
    assert [s.coarse.shape[1:] for s in known.training] == [(3, 3), (2, 2)]
    assert len(known.validation) == 1


def test_empty_parts_are_refused(monthly):
    with pytest.raises(RequestError, match=r"0 time steps to learn from.*Set --train-end"):
        lessons(monthly, train_end=dt.date(1999, 1, 1))
    with pytest.raises(RequestError, match="0 to validate on"):
        lessons(monthly, validate_end=dt.date(2003, 1, 1))


def test_a_record_that_cannot_be_held_is_refused(monthly, monkeypatch):
    from engine.superresolution import examples as module

    monkeypatch.setattr(module, "MOST_VALUES", 1000)
    with pytest.raises(RequestError, match="too many to hold"):
        lessons(monthly)


def test_dates_of_days_are_local(daily):
    known = lessons(daily, train_end=dt.date(2015, 1, 15), validate_end=dt.date(2015, 1, 20))
    assert (known.train_start, known.train_end) == (dt.date(2015, 1, 10), dt.date(2015, 1, 15))
    first = calendar.local_dates(days())[0]
    assert first == np.datetime64("2015-01-10")
