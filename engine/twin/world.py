"""The demo world in motion: PM2.5 carried by wind, mixed, settled and washed out, hour by hour.

One mass, distinguished by age so that each age is carried on the grid it needs:

* fresh, under 20 minutes, on 0.01° (about 1 km): plumes of plants, roads and towns;
* young, about three hours on average, on 0.02°;
* aged, with what chemistry makes and what the wind brings in, on 0.04°.

Every age obeys `∂c/∂t + u·∇c = K ∇²c + E/h − (v_d/h + Λ + 1/τ) c` with the same winds, the same
mixed layer h and the same sources; what leaves one age by 1/τ enters the next, spread over the
depth of the day. Advection is semi-Lagrangian, K partly that of its interpolation.

Source: after Seinfeld and Pandis, Atmospheric Chemistry and Physics (2016), chapter 25. A
departure of ours is the splitting by age; rates are of the usual size, chosen so that daily means
of towns have the statistics in `docs/demo-world.md`.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from engine.twin.carrying import Carrier, along, spread, upsample
from engine.twin.places import GRID, places
from engine.twin.weather import Hour, Weather

Field = NDArray[np.float32]

EPOCH = dt.date(2000, 1, 1)
SPIN_UP_DAYS = 4  # the air of the delta is replaced in about two

FRESH_H = 1 / 3  # age up to which a plume stays on the finest grid
YOUNG_H = 3.0  # mean age at which young becomes aged
DEPOSITION = 0.0018  # m/s, dry deposition
THINNER = 0.55  # how much of the height over the surroundings thins the air
WASHOUT = 0.11  # per hour and mm/h
AGEING = 0.005  # per hour, other losses of aged particles
DIFFUSIVITY = 0.35  # cells² of 0.02° each hour, about 350 m²/s

# Emission: mean over land in ug m-2 each hour.
URBAN, ROAD, FARM, PLANTS = 46.0, 22.0, 40.0, 11.0
SECONDARY = 890.0
STREAKS, STREAK_CELLS, STRETCH = 0.052, 11.0, 2.0  # in the logarithm; longest, cells of 0.02°
WEEKEND = 0.75  # of a mean day's traffic
FIRES, FIRE = 700, 40.0  # of an ordinary day; what a median one adds to a cell of fields
ACTIVITY = 0.4  # of homes and trades from day to day, from place to place, in the logarithm


@dataclass(frozen=True)
class Day:
    """One local day (UTC+8) of the demo world.

    Attributes:
        date: The local date.
        pm2p5: Daily mean on `places.GRID`, float32 (800, 720), ug m-3; the sea too. Empty where
            maps were not requested.
        points: Hourly values at the points that were requested, float32 (24, point), ug m-3.
    """

    date: dt.date
    pm2p5: Field
    points: Field


@dataclass(frozen=True)
class _Sources:
    """Emission by kind, ug m-2 each hour, on the finest grid; and what the terrain does."""

    urban: Tensor
    road: Tensor
    farm: Tensor
    plant_at: tuple[Tensor, Tensor]
    plant_rate: Tensor
    regional: Tensor  # precursors, relative, on the 0.04° grid
    relief: Tensor  # height above the surroundings in m: above them thinner air, in valleys thicker


@lru_cache(maxsize=1)
def _sources() -> _Sources:
    where = places()
    soft = [ndimage.gaussian_filter(f, 1.3) for f in (where.urban, where.road)]
    rows, columns, strength = where.plants.T
    total = 0.35 * soft[0] + 0.15 * soft[1] + 0.5 * where.farm
    regional = 0.75 + 0.25 * ndimage.gaussian_filter(total, 36.0)[1::4, 1::4]
    plain = ndimage.gaussian_filter(where.height, 25.0)
    relief = where.height - 0.45 * plain
    return _Sources(
        urban=torch.from_numpy(soft[0] * np.float32(URBAN)),
        road=torch.from_numpy(soft[1] * np.float32(ROAD)),
        farm=torch.from_numpy(where.farm * np.float32(FARM)),
        plant_at=(
            torch.from_numpy(rows.astype(np.int64)),
            torch.from_numpy(columns.astype(np.int64)),
        ),
        plant_rate=torch.from_numpy((strength * where.land.sum() * PLANTS).astype(np.float32)),
        regional=torch.from_numpy(np.ascontiguousarray(regional, dtype=np.float32)),
        relief=torch.from_numpy(relief.astype(np.float32)),
    )


def simulate(
    days: int,
    seed: int,
    start: dt.date,
    *,
    latitude: NDArray[np.floating] | None = None,
    longitude: NDArray[np.floating] | None = None,
    maps: bool = True,
    spin_up_days: int = SPIN_UP_DAYS,
) -> Iterator[Day]:
    """Days of the demo world, one after the other; nothing is kept.

    Args:
        days: How many.
        seed: Seed of the weather and of the sources' changes from day to day. The weather of a
            date is the same whatever `start`; the air forgets its start within the spin-up.
        start: First local date.
        latitude: Points to follow hour by hour, degrees.
        longitude: The same points.
        maps: Whether maps are wanted; without them only the points are computed.
        spin_up_days: Days run before the first and thrown away.

    Raises:
        ValueError: If there is not one day, or the points are not pairs.
    """
    if days < 1:
        raise ValueError(f"{days} days are none")
    lat, lon = (np.zeros(0) if a is None else np.asarray(a) for a in (latitude, longitude))
    if lat.shape != lon.shape:
        raise ValueError("every point needs a latitude and a longitude")
    world = _World(seed, lat, lon)
    for n in range(-spin_up_days, days):
        date = start + dt.timedelta(days=n)
        with torch.inference_mode():
            wanted = n >= 0
            day = world.run(date, points=wanted and lat.size > 0, maps=wanted and maps)
        if wanted:
            yield day


class _World:
    """State of the air, and the one place that changes it."""

    def __init__(
        self, seed: int, latitude: NDArray[np.floating], longitude: NDArray[np.floating]
    ) -> None:
        self._seed = seed
        self._weather = Weather(seed)
        self._carrier = {step: Carrier(step) for step in (1, 2, 4)}
        self._sources = _sources()
        self._young = torch.zeros(400, 360)
        self._aged = torch.full((200, 180), 30.0)
        self._sides = _sides(200, 180, 6)
        self._points = (
            torch.from_numpy(((GRID.north - latitude) / GRID.step_lat).astype(np.float32)),
            torch.from_numpy(((longitude - GRID.west) / GRID.step_lon).astype(np.float32)),
        )

    def run(self, date: dt.date, *, points: bool, maps: bool) -> Day:
        """One day on; what is not requested is skipped: the finest grid holds no memory."""
        kinds = self._kinds(date)
        halved = torch.nn.functional.avg_pool2d(kinds[None], 2)[0]
        young, aged = torch.zeros(400, 360), torch.zeros(200, 180)
        fresh, stable = torch.zeros(GRID.shape), torch.zeros(100, 90)
        series = np.zeros((24, len(self._points[0])), dtype=np.float32)
        hours = self._weather.day((date - EPOCH).days * 24)
        streaks = self._streaks((date - EPOCH).days, hours)
        for clock, weather in enumerate(hours):
            share = _shares(date, clock)
            self._step(weather, torch.tensordot(share, halved, dims=1))
            ground = torch.from_numpy(weather.ground)
            young += self._young * upsample(ground, (400, 360))
            aged += self._aged * upsample(ground, (200, 180))
            stable += ground**2 / torch.from_numpy(weather.ceiling)
            if points:
                series[clock] = self._at_points(weather, kinds, share, streaks)
            if maps and clock % 3 == 1:
                fresh += 3 * self._plumes(weather, torch.tensordot(share, kinds, dims=1))
        if not maps:
            return Day(date, np.zeros((0, 0), dtype=np.float32), series)
        thin = torch.exp(-self._sources.relief * upsample(stable / 24, GRID.shape) * THINNER)
        old = upsample(aged, GRID.shape) + upsample(young, GRID.shape)
        total = thin * upsample(streaks, GRID.shape) * old + fresh
        return Day(date, np.asarray((total / 24).clamp_(min=0.0).numpy()), series)

    def _kinds(self, date: dt.date) -> Tensor:
        """Emission of this day at full work on the finest grid, ug m-2 each hour, (kind, 800, 720).

        Kinds are homes, traffic, fields and plants. Plants change from day to day, and fields that
        burn: persistent, and never the same.
        """
        n = (date - EPOCH).days
        s, count = self._sources, len(self._sources.plant_rate)
        # A mean over three days of independent draws: plants change over days, not overnight.
        draws = [np.random.default_rng([self._seed, 2, n - k]) for k in range(3)]
        level = np.exp(1.0 * sum(r.standard_normal(count) for r in draws) / np.sqrt(3) - 0.5)
        plants = torch.zeros(GRID.shape)
        rate = s.plant_rate * torch.from_numpy(level.astype(np.float32))
        plants.index_put_(s.plant_at, rate, accumulate=True)
        # A plant is a site of some cells, and its plume rises before it spreads.
        plants = torch.from_numpy(ndimage.gaussian_filter(plants.numpy(), 1.3))
        urban = s.urban * upsample(self._activity(n), GRID.shape)
        return torch.stack(
            [urban, s.road, s.farm * upsample(self._fires(date), GRID.shape), plants]
        )

    def _activity(self, n: int) -> Tensor:
        """How busy homes and trades are on a day, about 1, (200, 180): persistent over days."""
        draws = [np.random.default_rng([self._seed, 10, n - k]) for k in range(3)]
        noise = sum(r.standard_normal((200, 180), dtype=np.float32) for r in draws)
        smooth = ndimage.gaussian_filter(noise, 0.7)
        return torch.from_numpy(
            np.exp(ACTIVITY * smooth / smooth.std() - ACTIVITY**2 / 2).astype(np.float32)
        )

    def _fires(self, date: dt.date) -> Tensor:
        """Burning of fields on one day, relative, (400, 360): sites of one or two cells of 0.02°.

        Most after the two harvests.
        """
        rng = np.random.default_rng([self._seed, 3, (date - EPOCH).days])
        season = np.exp(-(((date.timetuple().tm_yday - 160) / 12) ** 2))
        season += 0.6 * np.exp(-(((date.timetuple().tm_yday - 300) / 20) ** 2))
        burnt = np.zeros((400, 360), dtype=np.float32)
        count = rng.poisson(FIRES * (1 + 2 * season))
        rows, columns = rng.integers(400, size=count), rng.integers(360, size=count)
        np.add.at(burnt, (rows, columns), FIRE * rng.lognormal(0.8, 1.0, count))
        return 0.4 + torch.from_numpy(ndimage.gaussian_filter(burnt, 0.8))

    def _streaks(self, n: int, hours: Sequence[Hour]) -> Tensor:
        """Streaks of thicker and thinner air on one day, about 1, (400, 360), along its wind."""
        u, v = (np.mean([getattr(h, name) for h in hours]) for name in ("u", "v"))
        noise = np.zeros((512, 512))
        for back, share in ((0, 0.9), (1, 0.44)):
            noise += share * np.random.default_rng([self._seed, 11, n - back]).standard_normal(
                noise.shape, dtype=np.float32
            )
        wind = np.hypot(u, v) + 1e-9
        ky, kx = np.fft.fftfreq(512)[:, None], np.fft.rfftfreq(512)[None]
        along = (kx * u - ky * v) / wind  # rows run from the north
        across = (kx * v + ky * u) / wind
        k = np.hypot(STRETCH * along, across)
        spectrum = (k > 1 / STREAK_CELLS) * np.maximum(k, 1e-6) ** -1.6 * np.exp(-((k / 0.35) ** 2))
        field = np.fft.irfft2(np.fft.rfft2(noise) * spectrum, s=noise.shape)
        field = STREAKS * field / field.std()
        return torch.from_numpy(np.exp(field[:400, :360] - STREAKS**2 / 2).astype(np.float32))

    def _step(self, weather: Hour, source: Tensor) -> None:
        """Young and aged air, one hour on.

        Args:
            weather: Of this hour.
            source: Emission on the 0.02° grid, ug m-2 each hour.
        """
        s, mixing = self._sources, torch.from_numpy(weather.mixing)
        wind = torch.from_numpy(np.stack([weather.u, weather.v]))
        loss = DEPOSITION * 3600 / mixing + WASHOUT * torch.from_numpy(weather.rain)
        # Young: what is born between the twentieth minute of this hour and that of the next.
        carrier = self._carrier[2]
        path = carrier.displacement(wind)
        depth = upsample(mixing, (400, 360))
        born = along(carrier.move(source / depth, path * FRESH_H), path, carrier, doublings=3)
        kept = upsample(torch.exp(-loss - 1 / YOUNG_H), (400, 360))
        before = carrier.move(self._young, path)
        self._young = spread(before * kept + born, DIFFUSIVITY)
        # Aged: what young loses to age, what chemistry makes, what the edge brings in.
        shape, ceiling = (200, 180), torch.from_numpy(weather.ceiling)
        deep = upsample(ceiling, shape)
        handed = torch.nn.functional.avg_pool2d((before * depth)[None, None], 2)[0, 0]
        made = SECONDARY * s.regional * upsample(torch.from_numpy(weather.damp), shape)
        gain = (handed * (1 - np.exp(-1 / YOUNG_H)) + made) / torch.maximum(
            deep, upsample(mixing, shape)
        )
        carrier = self._carrier[4]
        aged = carrier.move(self._aged, carrier.displacement(wind))
        fade = DEPOSITION * 3600 / ceiling + WASHOUT * torch.from_numpy(weather.rain) + AGEING
        aged = aged * torch.exp(-upsample(fade, shape)) + gain
        outside = upsample(torch.from_numpy(weather.inflow), shape)
        u, v = upsample(wind, shape)
        inwards = torch.stack([-v, v, u, -u]).clamp(min=0)  # from north, south, west, east
        entering = (self._sides * (1 - torch.exp(-0.35 * inwards))).amax(0)
        self._aged = aged + entering * (outside - aged)

    def _plumes(self, weather: Hour, source: Tensor) -> Tensor:
        """Fresh pollution on the finest grid: all that is younger than 20 minutes, ug m-3."""
        carrier = self._carrier[1]
        wind = torch.from_numpy(np.stack([weather.u, weather.v]))
        path = carrier.displacement(wind) * FRESH_H
        depth = upsample(torch.from_numpy(weather.mixing), GRID.shape)
        return along(source / depth * FRESH_H, path, carrier, doublings=3)

    def _at_points(self, weather: Hour, kinds: Tensor, share: Tensor, streaks: Tensor) -> Field:
        """Hourly values at the points, float32 (point,): the same sum of ages as the map's."""
        rows, columns = self._points
        s = self._sources
        wind = torch.from_numpy(np.stack([weather.u, weather.v]))
        east, south = self._carrier[1].at(wind, rows, columns)
        fresh = torch.zeros(len(rows))
        for k in range(8):
            age = FRESH_H * (k + 0.5) / 8
            place = rows - south * age, columns - east * age
            fresh += sum(share[i] * _sample(kinds[i], *place, 1) for i in range(len(kinds))) / 8
        depth, deep, ground = (
            _sample(torch.from_numpy(f), rows, columns, 8)
            for f in (weather.mixing, weather.ceiling, weather.ground)
        )
        old = _sample(self._young, rows, columns, 2) + _sample(self._aged, rows, columns, 4)
        thin = torch.exp(-_sample(s.relief, rows, columns, 1) * ground**2 / deep * THINNER)
        ground = ground * _sample(streaks, rows, columns, 2)
        return np.asarray((thin * ground * old + fresh * FRESH_H / depth).clamp_(min=0.0).numpy())


def _shares(date: dt.date, clock: int) -> Tensor:
    """Share of its full emission that each kind gives off in an hour, as `_kinds` has them."""
    winter = 0.5 + 0.5 * np.cos(2 * np.pi * (date.timetuple().tm_yday - 15) / 365.25)
    rush = np.exp(-(((clock - 8) / 2.0) ** 2)) + np.exp(-(((clock - 18) / 2.5) ** 2))
    weekend = WEEKEND if date.weekday() >= 5 else (7 - 2 * WEEKEND) / 5
    day = 0.5 + 0.5 * np.tanh((min(clock - 5, 23 - clock)) / 2.5)
    homes = (0.7 + 0.6 * winter) * (0.55 + 0.6 * day + 0.35 * rush)
    traffic = weekend * (0.35 + 0.5 * day + 0.9 * rush)
    return torch.tensor([homes, traffic, 0.5 + 0.8 * day, 1.0], dtype=torch.float32)


def _sample(field: Tensor, rows: Tensor, columns: Tensor, step: int) -> Tensor:
    """Bilinear values of a field whose cells are `step` fine cells wide, at fine rows, columns."""
    r = ((rows - (step - 1) / 2) / step).clamp(0, field.shape[0] - 1.001)
    c = ((columns - (step - 1) / 2) / step).clamp(0, field.shape[1] - 1.001)
    r0, c0 = r.floor().long(), c.floor().long()
    y, x = r - r0, c - c0
    top = field[r0, c0] * (1 - x) + field[r0, c0 + 1] * x
    bottom = field[r0 + 1, c0] * (1 - x) + field[r0 + 1, c0 + 1] * x
    return top * (1 - y) + bottom * y


def _sides(rows: int, columns: int, width: float) -> Tensor:
    """Nearness to the north, south, west and east side, 1 at it, (4, rows, columns)."""
    y = torch.arange(rows, dtype=torch.float32)[:, None].expand(rows, columns)
    x = torch.arange(columns, dtype=torch.float32)[None].expand(rows, columns)
    away = torch.stack([y, rows - 1 - y, x, columns - 1 - x])
    return torch.exp(-((away / width) ** 2))
