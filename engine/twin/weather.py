"""The demo world's weather: wind, rain, mixing and what comes in from outside, hour by hour.

A sum of travelling waves with random phases, so that every hour is a function of the seed and the
date alone: the same day of the same world has the same weather whichever day a run starts with.
Waves of several lengths that move east give persistence of days, fronts and calm spells. Detail of
single days comes from fronts and sea breezes with edges and from local inversions that pass.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from engine.twin.places import GRID, places

# Detail of single days: its lengths and periods, its strength at the ground and in mixing.
LOCAL_KM, LOCAL_H = (24.0, 130.0), (36.0, 130.0)
LOCAL, LOCAL_MIXING = 0.25, 0.10
SEA_AIR, BREEZE_KM = 0.25, 32.0
EDGE = 0.2

Field = NDArray[np.float32]
Hours = NDArray[np.float64]  # (hour,)
Many = NDArray[np.float64]  # broadcast to (hour, 100, 90)

COARSE = GRID.coarsen(8)
_KM_X = 95.0 * (COARSE.longitude - COARSE.longitude[0])  # km east of the west edge
_KM_Y = 111.2 * (COARSE.latitude - COARSE.latitude[-1])  # km north of the south edge


@dataclass(frozen=True)
class Hour:
    """Weather of one hour on the 0.08° grid, each field (100, 90).

    Attributes:
        u, v: Wind towards the east and the north, m/s.
        mixing: Depth of the mixed layer, m.
        ceiling: Depth that aged pollution is spread over: this day's deepest mixing, m.
        rain: Rate of rain, mm/h.
        damp: How much the air favours secondary particles, about 1.
        inflow: PM2.5 of the air outside, ug m-3.
        ground: How much more old air lies at the ground than in the mean of its depth, about 1:
            under local inversions, in hollows of calm air, behind the edge of a sea breeze.
    """

    u: Field
    v: Field
    mixing: Field
    ceiling: Field
    rain: Field
    damp: Field
    inflow: Field
    ground: Field


class _Waves:
    """A stationary random field: plane waves that travel, unit variance."""

    def __init__(
        self,
        rng: np.random.Generator,
        count: int,
        length_km: tuple[float, float],
        drift_kmh: tuple[float, float],
        period_h: tuple[float, float],
    ) -> None:
        length = _between(rng, length_km, count)
        angle = rng.uniform(0, 2 * np.pi, count)
        self.kx = 2 * np.pi / length * np.cos(angle)
        self.ky = 2 * np.pi / length * np.sin(angle)
        east, north = drift_kmh
        own = 2 * np.pi / _between(rng, period_h, count)
        self.omega = self.kx * east + self.ky * north + own * rng.choice([-1, 1], count)
        self.phase = rng.uniform(0, 2 * np.pi, count)
        self.amplitude = np.sqrt(2 / count)
        turned = self.ky * _KM_Y[:, None]
        self._cos, self._sin = np.cos(turned), np.sin(turned)

    def at(self, hours: Hours) -> NDArray[np.float64]:
        """The field at each hour, shape (hour, 100, 90)."""
        north = np.concatenate([self._cos, -self._sin], axis=1) * self.amplitude
        return _product(north, self._along(hours))

    def curl(self, hours: Hours) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Wind of this field as a stream function, rms 1 in each direction on average."""
        waves, k = self._along(hours), np.hypot(self.kx, self.ky)
        winds = []
        for share in (self.ky / k, -self.kx / k):
            scale = np.sqrt(2) * self.amplitude * share
            north = np.concatenate([self._sin * scale, self._cos * scale], axis=1)
            winds.append(_product(north, waves))
        return winds[0], winds[1]

    def _along(self, hours: Hours) -> NDArray[np.float64]:
        """Cosine and sine of each wave's angle along the southern edge, (2 x wave, hour, 90)."""
        turn = self.phase[:, None] - np.outer(self.omega, hours)
        angle = turn[..., None] + self.kx[:, None, None] * _KM_X
        return np.concatenate([np.cos(angle), np.sin(angle)])


def _product(north: NDArray[np.float64], east: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over waves, (hour, 100, 90): one product of matrices for the whole day."""
    flat = north.astype(np.float32) @ east.astype(np.float32).reshape(len(east), -1)
    return flat.reshape(len(north), east.shape[1], -1).transpose(1, 0, 2).astype(np.float64)


class _Index:
    """A series of unit variance with the persistence of weather, at any hours."""

    def __init__(self, rng: np.random.Generator, period_h: tuple[float, float], count: int) -> None:
        self.omega = 2 * np.pi / _between(rng, period_h, count)
        self.phase = rng.uniform(0, 2 * np.pi, count)

    def at(self, hour: NDArray[np.float64]) -> NDArray[np.float64]:
        angle = self.omega * np.asarray(hour)[..., None] + self.phase
        return np.asarray(np.sqrt(2 / len(self.omega)) * np.sin(angle).sum(-1))


class Weather:
    """The weather of one seed.

    Args:
        seed: Seed of the world.
    """

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed, 1])
        self._flow = _Waves(rng, 24, (900, 3200), (28, -4), (120, 400))
        self._eddies = _Waves(rng, 80, (35, 260), (9, 0), (10, 60))
        self._showers = _Waves(rng, 60, (160, 1400), (30, 6), (30, 120))
        self._air = _Waves(rng, 40, (250, 2200), (14, -8), (60, 300))
        self._front = _Index(rng, (60, 520), 24)
        self._year = _Index(rng, (500, 1500), 10)
        land = places().land.reshape(100, 8, 90, 8).mean((1, 3))
        height = places().height.reshape(100, 8, 90, 8).mean((1, 3))
        self._land = land
        self._drag = (1.25 - 0.45 * land) * (1 - 0.5 * np.clip(height / 700, 0, 1))
        shore = ndimage.gaussian_filter(land, 5.0, mode="nearest")
        slope_y, slope_x = np.gradient(shore)
        near = np.hypot(slope_x, slope_y) + 1e-9
        strength = np.clip(near / near.max(), 0, 1) ** 0.7 / near
        self._inland = slope_x * strength, -slope_y * strength
        # Hours behind the north: a front is bent, and comes later in the east.
        bend = 2.5 * np.sin(_KM_X / 150.0) + _KM_X / 160.0
        self._lag = (_KM_Y.max() - _KM_Y)[:, None] / 38.0 + bend
        # Details of single days draw from a stream of their own.
        own = np.random.default_rng([seed, 9])
        self._local = _Waves(own, 110, LOCAL_KM, (2.0, -0.5), LOCAL_H)
        self._breeze = _Index(own, (40, 200), 20)
        self._from_sea = _from_sea(land)
        self._north = (_KM_Y / _KM_Y.max())[:, None]
        self._east = (_KM_X / _KM_X.max())[None]

    def day(self, first: float) -> list[Hour]:
        """Weather in the middle of 24 hours, from one counted since 2000-01-01 00:00 UTC+8."""
        hours: Hours = first + np.arange(24, dtype=np.float64) + 0.5
        clock = (hours % 24)[:, None, None]
        winter = np.cos(2 * np.pi * (hours / 24 - 15) / 365.2425)  # 1 mid-January, −1 mid-July
        winter = winter[:, None, None]
        # One front after the other, coming down from the north.
        front = _edged(self._front.at(hours[:, None, None] - self._lag))
        spell = self._year.at(hours)[:, None, None]
        u, v = self._wind(hours, clock, winter, front)
        air, showers = self._air.at(hours), self._showers.at(hours)
        ceiling = _ceiling(winter, front, spell, air)
        day = np.clip(np.sin(np.pi * (clock - 6.5 + 0.8 * winter) / 12.5), 0, 1) ** 0.7
        night = 170 + 70 * np.clip(np.hypot(u, v) / 5, 0, 2)
        sea = 450 + 40 * np.hypot(u, v)
        mixing = self._land * (night + (np.maximum(ceiling - night, 0)) * day)
        mixing = mixing + (1 - self._land) * sea
        rain = _rain(winter, front, showers)
        damp = np.exp(0.30 * self._showers.at(hours - 9) - 0.22 * front - 0.18 * winter)
        inflow = self._inflow(winter, front, spell, air)
        local = self._local.at(hours)
        marine = self._marine(hours, clock, winter, front)
        mixing = np.maximum(mixing * np.exp(-LOCAL_MIXING * local) * (1 - 0.4 * marine), 90.0)
        calm = 1.15 - 0.35 * np.clip(np.hypot(u, v) / 5, 0, 1.4)
        ground = np.exp(LOCAL * calm * local * self._land - SEA_AIR * marine)
        fields = (u, v, mixing, ceiling, rain, damp, inflow, ground)
        single = [np.broadcast_to(f, u.shape).astype(np.float32) for f in fields]
        return [Hour(*(f[n] for f in single)) for n in range(24)]

    def _wind(
        self, hours: Hours, clock: Many, winter: Many, front: Many
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        flow_u, flow_v = self._flow.curl(hours)
        eddy_u, eddy_v = self._eddies.curl(hours)
        cold = np.maximum(front - 0.3, 0) * (0.35 + 0.65 * np.maximum(winter, 0))
        # Weak when a high lies over the delta, before the next front.
        calm = 0.35 + 0.65 / (1 + np.exp(-2.2 * (front + 0.4)))
        u = calm * ((0.9 + 0.4 * winter) * flow_u * 2.2 - 0.5 + 0.9 * winter) + 0.8 * cold
        v = calm * (2.2 * flow_v + 0.4 - 1.4 * winter) - 4.0 * cold
        sea = (1.1 - 0.6 * winter) * np.sin(2 * np.pi * (clock - 9.5) / 24)
        u = u + 0.75 * eddy_u + sea * self._inland[0]
        v = v + 0.75 * eddy_v + sea * self._inland[1]
        return u * self._drag, v * self._drag

    def _marine(self, hours: Hours, clock: Many, winter: Many, front: Many) -> Many:
        """How far a place is in the air that the sea breeze brought, 0 to 1, with an edge."""
        strength = 1.0 - 0.6 * winter + 0.8 * self._breeze.at(hours)[:, None, None] - front
        after = np.clip((clock - 10.0) / 7.0, 0, 1) * (clock < 21)
        reach = BREEZE_KM * np.maximum(strength, 0) * after
        return np.asarray(
            self._land * np.clip(reach / 8.0, 0, 1) * _step(reach - self._from_sea, 6)
        )

    def _inflow(self, winter: Many, front: Many, spell: Many, air: Many) -> Many:
        """PM2.5 of air from outside: dirtiest from the north, in winter, ahead of a front."""
        cold = 0.5 + 0.5 * winter
        base = (28 + 30 * cold) + (8 + 46 * cold**2) * self._north * (1 - 0.5 * self._east)
        base = base * (1 - 0.45 * self._east**2)
        swing = 0.34 * air - 0.42 * front - 0.15 * spell
        return np.asarray(base * np.exp(swing - 0.1))


def _edged(front: Many) -> Many:
    """A front with an edge: half of its change comes within some 50 km of its passage."""
    return np.asarray(0.8 * front + EDGE * (2 * _step(front - 0.35, 0.06) - 1))


def _step(place: Many, width: float) -> Many:
    """From 0 to 1 within some widths around 0."""
    return np.asarray(0.5 + 0.5 * np.tanh(place / width))


def _from_sea(land: NDArray[np.floating]) -> NDArray[np.float64]:
    """Distance to open sea in km on the 0.08° grid; lakes and rivers are none."""
    water, _ = ndimage.label(land < 0.5)
    sizes = np.bincount(water.ravel())
    sizes[0] = 0
    sea = np.isin(water, np.flatnonzero(sizes > 60))
    return np.asarray(ndimage.distance_transform_edt(~sea, sampling=(8.9, 7.6)))


def _ceiling(winter: Many, front: Many, spell: Many, air: Many) -> Many:
    """This day's deepest mixing: low before a front and in winter, m."""
    own = 0.48 * front + 0.12 * spell + 0.12 * air
    return np.asarray(np.clip((820 - 215 * winter) * np.exp(own), 280, 2200))


def _rain(winter: Many, front: Many, showers: Many) -> Many:
    wet = showers + 0.4 * np.exp(-((front - 0.3) ** 2) * 2)
    return np.asarray(3.0 * np.maximum(wet - 1.0 - 0.45 * winter, 0))


def _between(
    rng: np.random.Generator, limits: tuple[float, float], count: int
) -> NDArray[np.float64]:
    """Draws between two limits, even in the logarithm."""
    return np.exp(rng.uniform(np.log(limits[0]), np.log(limits[1]), count))
