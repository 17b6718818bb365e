"""Forecasts of a week: what is an input, what may be known, and baselines by hand."""

import numpy as np
import pytest
import torch
from station_worlds import world

from engine.core.results_page import TEMPLATES, read
from engine.research.aqnet import week_baselines as weekbaselines
from engine.research.aqnet.folds import Parts
from engine.research.aqnet.forecasts import all_scores, daily, held, predict
from engine.research.aqnet.published import AQNet, AQNetConfig
from engine.research.aqnet.record import origins, summaries, week_record
from engine.research.aqnet.week_page import section
from engine.research.aqnet.week_training import Hours, WeekTraining, loss, train

SHAPE = AQNetConfig(history=24, horizon=12, width=8, layers=1, dropout=0.0, weather=("u10",))
HIDDEN, END = ("S1", "S4"), 250


@pytest.fixture(scope="module")
def dataset():
    return world(hours=400, stations=6)


@pytest.fixture(scope="module")
def record(dataset):
    return week_record(dataset, HIDDEN, END, SHAPE)


def test_hidden_stations_come_last_and_say_nothing(dataset, record):
    assert record.names == ("S0", "S2", "S3", "S5", "S1", "S4")
    assert record.visible == 4
    other = dataset.copy(deep=True)
    other["pm2p5"].loc[{"station": ["s1", "s4"]}] = 999.0
    other["no2"].loc[{"station": ["s1", "s4"]}] = 1.0
    again = week_record(other, HIDDEN, END, SHAPE)
    assert torch.equal(again.hours.inputs, record.hours.inputs)
    assert torch.equal(again.hours.summary, record.hours.summary)
    assert (again.unit, again.log) == (record.unit, record.log)
    assert (again.readings()[:, 4:] > 900).all()


def test_later_hours_normalise_nothing(dataset, record):
    other = dataset.copy(deep=True)
    other["pm2p5"][END:] = 500.0
    again = week_record(other, HIDDEN, END, SHAPE)
    assert (again.unit, again.log) == (record.unit, record.log)
    assert torch.equal(again.hours.inputs[:END], record.hours.inputs[:END])
    assert torch.equal(again.hours.summary[: END + 1], record.hours.summary[: END + 1])


def test_a_gap_is_a_flag_and_no_reading(record):
    measured = len(SHAPE.measured)
    gap = record.hours.target[:, 0].isnan()
    assert gap.any()
    inputs = record.hours.inputs[:, 0]
    assert (inputs[gap, measured - 1] == 0).all()
    assert torch.equal(inputs[:, 2 * measured - 1] == 1, gap)
    assert (inputs[:, measured] == 1).all()  # co, which this network does not measure
    assert record.hours.inputs.shape[-1] == SHAPE.inputs


def test_what_is_seen_of_a_station_ends_before_the_hour():
    target = np.arange(1.0, 11)[:, None]
    local = np.zeros((10, 4), dtype=np.int64)
    changed = target.copy()
    changed[6:] = 100.0
    one = summaries(target, target[..., None], local, 1, 5)
    other = summaries(changed, changed[..., None], local, 1, 5)
    assert np.array_equal(one[:7], other[:7])
    assert not np.array_equal(one[7], other[7])


def test_weeks_lie_within_their_part(record):
    parts = Parts.of(400, 10, (0.5, 0.7))
    found = origins(record, parts.test, 400, (24, 12), 5)
    assert int(found[0]) == parts.test + 24
    assert int(found[-1]) + 12 <= 400
    history = record.hours.history(found, 24)
    assert history.shape == (len(found), 6, 24, SHAPE.inputs)
    assert torch.equal(history[0, 2, -1], record.hours.inputs[found[0] - 1, 2])
    week = record.hours.week(found, 12)
    assert week[0, 3, 0].isnan() or week[0, 3, 0] == record.hours.target[found[0], 3]


def test_baselines_that_learn_nothing(record):
    steps, readings = torch.tensor([300]), record.readings()
    held_ = weekbaselines.persistence(record, steps, 12)[0, 0]
    known = readings[:300, 0][np.isfinite(readings[:300, 0])]
    assert (held_ == known[-1]).all()
    usual = weekbaselines.climatology(record, steps, 12, END, monthly=False)
    hour = record.local[300 + 4, 0]
    before = readings[:END][record.local[:END, 0] == hour]
    assert usual[0, 2, 4] == pytest.approx(np.nanmean(before[:, 2]))


def test_a_line_is_found_again_and_the_first_day_forgives():
    random = np.random.default_rng(0)
    inputs = random.standard_normal((4000, 3))
    target = np.repeat(inputs @ [[0.5], [-0.2], [0.1]] + 1, 30, 1)
    slope, constant = weekbaselines.ridge(inputs, target, 0)
    assert np.allclose(slope[:, 0], [0.5, -0.2, 0.1])
    assert np.allclose(constant, 1)
    target[:200] += 20.0
    plain = weekbaselines.ridge(inputs, target, 0)
    _, level = weekbaselines.robust(inputs, target, *plain)
    assert level[0] == pytest.approx(1, abs=0.05)
    assert level[-1] == pytest.approx(2, abs=0.2)  # of later days the mean is wanted


def test_hidden_places_get_the_mean_of_their_neighbours(record):
    predicted = np.full((2, 4, 12), 7.0)
    assert np.allclose(weekbaselines.spread(record, predicted), 7)
    assert weekbaselines.spread(record, predicted).shape == (2, 6, 12)


def test_trees_learn_what_the_climatology_does_not_know(record):
    learn = origins(record, 0, END, (24, 12))
    test = origins(record, END, 400, (24, 12), 7)
    usual = [weekbaselines.climatology(record, o, 12, END, monthly=False) for o in (learn, test)]
    predicted = weekbaselines.trees(record, learn, test, 12, tuple(usual), rows=2000, count=40)
    truth = record.readings()[test.numpy()[:, None] + np.arange(12)].transpose(0, 2, 1)[:, :4]
    assert np.nanmean((predicted - truth) ** 2) < 0.5 * np.nanmean((usual[1] - truth) ** 2)


def lined(record, **changes):
    torch.manual_seed(0)
    count = record.hours.summary.shape[-1]
    network = AQNet(AQNetConfig(**{**vars(SHAPE), "summary": count, "scale": True} | changes))
    with torch.no_grad():
        network.line.weight.mul_(0.1)
        network.line.bias.fill_(1.0)
    return network


def test_untrained_it_is_the_linear_forecast(record):
    network = lined(record).eval()
    steps = torch.tensor([100, 130])
    shown, requested = torch.arange(4), torch.arange(4, 6)
    predicted, scale = predict(network, record, steps, shown, requested)
    line = network.line(record.hours.summary[steps][:, :4]).clamp(min=0.02).detach()
    assert np.allclose(predicted[:, :4], line.numpy() * record.unit, rtol=1e-4)
    assert (predicted[:, 4:].min(1) >= predicted[:, :4].min(1) - 1e-3).all()
    assert (scale > 0).all()
    with pytest.raises(ValueError, match="summary"):
        network(record.hours.history(steps, 24), record.hours.places, record.hours.places)


def test_steps_of_several_hours_are_their_means(record):
    coarse = lined(record, pool=6)
    history = record.hours.history(torch.tensor([100]), 24)[:, :1].flatten(0, 1)
    same = history.reshape(1, 4, 6, -1).mean(2).repeat_interleave(6, 1)
    assert torch.allclose(coarse.encode(history)[0], coarse.encode(same)[0], atol=1e-6)
    with pytest.raises(ValueError, match="divide"):
        AQNetConfig(history=25, pool=6)


def test_a_stopped_run_ends_with_the_same_weights(record, tmp_path):
    learn = origins(record, 0, END, (24, 12))
    config = WeekTraining(steps=6, batch=2, keep_every=3)

    def run(folder, stop=None):
        network = lined(record)

        def progress(share, doing):
            if stop is not None and share >= stop:
                raise KeyboardInterrupt

        train(config, network, record.seen(), learn, (24, 12), folder, progress=progress)
        return network

    whole = run(tmp_path / "a")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "b", stop=0.6)
    again = run(tmp_path / "b")
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_gaps_of_the_target_count_for_nothing(record):
    week = lined(record)(
        record.hours.history(torch.tensor([100]), 24)[:, :4],
        record.hours.places[:4],
        record.hours.places[4:],
        record.hours.summary[torch.tensor([100])][:, :4],
    )
    target = torch.ones(1, 4, 12)
    target[0, 0] = torch.nan
    spoiled = target.clone()
    spoiled[0, 0, 3] = 50.0
    nothing = torch.full((1, 2, 12), torch.nan)
    config = WeekTraining()
    assert loss(config, week, target, nothing).isfinite()
    assert loss(config, week, spoiled, nothing) > loss(config, week, target, nothing)


def test_a_day_needs_twenty_hours():
    values = np.arange(48.0)[None, None]
    valid = np.ones((1, 1, 48), dtype=bool)
    valid[..., 24:29] = False
    found = daily(values, valid)[0, 0]
    assert found[0] == pytest.approx(11.5)
    assert np.isnan(found[1])


def test_intervals_are_of_their_leads():
    random = np.random.default_rng(0)
    size = np.linspace(1, 5, 168)
    earlier, later = (np.abs(random.standard_normal((300, 2, 168))) * size for _ in range(2))
    assert held(earlier, later, 0.9) == pytest.approx(0.9, abs=0.02)
    assert held(earlier, 3 * later, 0.9) < 0.6


def test_the_page_says_where_it_loses():
    random = np.random.default_rng(0)
    target = 50 + 10 * random.standard_normal((5, 3, 168))
    names = ("a", "b", "c")

    def marks(noise):
        return all_scores(target, target + noise, names, 2)

    found = {
        "data": "a test",
        "dates": ("2013-03-01",) * 6,
        "hidden": ["c"],
        "visible": 2,
        "weeks": 5,
        "training": {"steps": 300, "batch": 12},
        "shape": {"width": 48, "pool": 6, "layers": 3},
        "coverage": {g: {"50": 0.51, "90": 0.88} for g in ("visible", "hidden")},
        "scores": {
            "persistence": marks(9.0),
            "linear start": marks(4.0),
            "boosted trees": marks(5.0),
            "AQ-Net": marks(3.0),
        },
    }
    parts = read(TEMPLATES / "aqnet.md")
    text = section(found, parts)
    assert "at every horizon, at visible and withheld stations" in text
    assert "| boosted trees | 5.0 / 5.0 / 0." in text
    assert "-25.0% to -25.0%" in text
    found["scores"]["boosted trees"] = marks(2.0)
    assert "withheld 6 h (RMSE against boosted trees)" in section(found, parts)


def test_hours_of_some_stations(record):
    some = record.hours.some(torch.tensor([2, 0]))
    assert isinstance(some, Hours)
    assert torch.equal(some.places[1], record.hours.places[0])
