"""Static fields: right at points, honest about what is not known, and used everywhere."""

import datetime as dt
import shutil
from dataclasses import replace

import numpy as np
import pytest
import shapely
import torch
from training_maps import months

from engine import library
from engine.core.errors import RequestError
from engine.core.grid import Grid
from engine.core.paths import home
from engine.data import geography
from engine.inference.request import Request
from engine.inference.run import predict
from engine.superresolution import static, train_airstfm, weights
from engine.superresolution.networks.airstfm import SMALL, AirSTFM
from engine.superresolution.static import Spread, planes, spreads, standard

GRID = Grid(32.0, 119.0, 0.25, 0.25, 8, 13)
FAR = Grid(10.0, -60.0, 0.5, 0.5, 4, 4)
LITTLE = replace(
    SMALL, channels=4, extraction_blocks=1, reconstruction_blocks=1, reconstruction_channels=4,
    tail_channels=4, patch=3, flow=False, conserve=True, guide=4, guide_at="both",
)  # fmt: skip


def km(lat, lon, lats, lons):
    """Great-circle distance by the haversine."""
    a, b, c, d = (np.deg2rad(z) for z in (lat, lon, lats, lons))
    h = np.sin((c - a) / 2) ** 2 + np.cos(a) * np.cos(c) * np.sin((d - b) / 2) ** 2
    return 2 * 6371.0088 * np.arcsin(np.sqrt(h))


def test_distance_to_the_coast_is_that_of_every_point_of_it():
    (coast,) = planes(["coast"], GRID)
    points = shapely.get_coordinates(shapely.segmentize(geography.lines("coast"), 0.002))
    for row, column in ((0, 0), (3, 6), (4, 8), (7, 12), (2, 11)):
        lat, lon = GRID.latitude[row], GRID.longitude[column]
        nearest = km(lat, lon, points[:, 1], points[:, 0]).min()
        assert np.expm1(coast[row, column]) == pytest.approx(min(nearest, 200), abs=0.3)


def test_the_density_of_cities_is_the_sum_of_their_kernels():
    (cities,) = planes(["cities"], GRID)
    table = geography.cities()
    people = table["population"].to_numpy(float)
    for row, column in ((0, 0), (3, 10), (4, 6), (7, 2)):
        lat, lon = GRID.latitude[row], GRID.longitude[column]
        distance = km(lat, lon, table["lat"].to_numpy(), table["lon"].to_numpy())
        cell = 0.25 * 111.2
        width = np.maximum(np.maximum(3.0, cell / 2), np.sqrt(people / (2 * np.pi * 5000)))
        density = people / (2 * np.pi * width**2) * np.exp(-0.5 * (distance / width) ** 2)
        assert np.expm1(cities[row, column]) == pytest.approx(density.sum(), rel=0.02, abs=0.5)
    # A whole city's inhabitants are found again.
    fine = Grid(32.5, 118.0, 0.02, 0.02, 60, 80)
    within = geography.cities_within(fine.crop(slice(20, 40), slice(25, 55)).bounds)
    (dense,) = planes(["cities"], fine)
    found = (np.expm1(np.nan_to_num(dense)) * fine.cell_area()[:, None]).sum()
    assert found > 0.8 * within["population"].sum() > 0


def test_what_is_not_known_is_said_and_becomes_the_mean():
    values = planes(["coast", "cities", "elevation"], FAR)
    assert np.isnan(values).all()
    known = planes(["coast", "cities", "elevation"], GRID)
    assert np.isfinite(known[0]).all() and np.isnan(known[2]).all()
    scale = spreads(known, np.ones(GRID.shape, bool))
    assert (standard(values, scale) == 0).all()
    inside = standard(known, scale)
    assert float(inside[0].mean()) == pytest.approx(0, abs=1e-5)
    assert float(inside[0].std(correction=0)) == pytest.approx(1, abs=1e-5)
    with pytest.raises(RequestError, match=r"no static field 'rivers'.*coast, cities, elevation"):
        planes(["rivers"], GRID)


def test_statistics_come_from_the_cells_learned_from():
    values = np.stack([np.arange(12.0, dtype=np.float32).reshape(3, 4)])
    cells = np.zeros((3, 4), bool)
    cells[0] = True
    assert spreads(values, cells) == (Spread(1.5, pytest.approx(1.118, abs=1e-3)),)


def test_a_network_with_them_begins_as_the_one_without():
    torch.manual_seed(3)
    plain = AirSTFM(LITTLE).eval()
    torch.manual_seed(3)
    guided = AirSTFM(replace(LITTLE, guide=6, static_fields=("coast", "cities"))).eval()
    coarse, guide = torch.randn(1, 5, 1, 4, 5), torch.randn(1, 5, 6, 32, 40)
    with torch.no_grad():
        before = plain(coarse, guide=guide[:, :, :4]).mean
        after = guided(coarse, guide=guide).mean
    torch.testing.assert_close(before, after, atol=1e-5, rtol=0)
    guided(coarse, guide=guide).mean.square().mean().backward()
    for convolution, each in ((guided.guide, 64), (guided.tail.guide[0], 1)):
        gradient = convolution.weight.grad[:, 4 * each :]
        assert gradient.shape[1] == 2 * each
        assert (gradient.abs().amax((0, 2, 3)) > 0).all()


def test_more_planes_of_the_ground_than_of_guidance_are_refused():
    with pytest.raises(ValueError, match="2 static fields among 1"):
        replace(SMALL, guide=1, static_fields=("coast", "cities"))


def raised(values):
    height = np.add.outer(np.arange(values.sizes["latitude"]), np.zeros(values.sizes["longitude"]))
    height = 100 * height.astype(np.float32)
    height[5, 5] = np.nan
    predicted = {"units": "m"}
    return values.assign_coords(surface_altitude=(("latitude", "longitude"), height, predicted))


def test_weights_remember_their_planes_and_any_region_is_given_them(own, quick):
    """Trained with heights, used with and without; a part of the map is that part of the whole."""
    library.store(raised(months()), "hills", train_end=dt.date(2004, 12, 1))
    folder = home() / "weights" / "airstfm-hills"
    names = ("coast", "cities", "elevation")
    train_airstfm.train_airstfm(
        "hills", folder, validate_end=dt.date(2005, 12, 1), static_fields=names
    )
    predicted, network = weights.load(folder)
    assert tuple(predicted.static_fields) == names == network.config.static_fields
    assert predicted.planes[-3:] == names and network.config.guide == 7
    mean, std = predicted.static_fields["elevation"]
    assert (mean, std) != (0.0, 1.0)
    card = (folder / "card.md").read_text(encoding="utf-8")
    assert "static fields (coast, cities, elevation)" in card and "no elevation" not in card
    with pytest.raises(RequestError, match="brings no surface altitude"):
        train_airstfm.train_airstfm("monthly", home() / "out", static_fields=names)
    # Weights that have learned to use the planes, so that a wrong one shows.
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in (
            network.guide.weight,
            network.tail.guide[0].weight,
            network.tail.last.weight,
        ):
            weight.normal_(0, 0.3)
    weights.save(folder, predicted, network, card)
    date = dt.date(2006, 3, 1)
    whole = predict(Request("hills", date, model="airstfm"))
    again = predict(Request("hills", date, model="airstfm"))
    np.testing.assert_array_equal(whole["pm2p5"].values, again["pm2p5"].values)
    # The same maps without heights: the plane is masked, not refused, and it matters.
    shutil.copytree(folder, home() / "weights" / "airstfm-monthly", dirs_exist_ok=True)
    flat = predict(Request("monthly", date, model="airstfm"))
    assert flat["pm2p5"].notnull().sum() == whole["pm2p5"].notnull().sum()
    assert not np.allclose(flat["pm2p5"], whole["pm2p5"], equal_nan=True, atol=1e-3)


def test_planes_of_a_part_are_that_part_of_the_planes():
    rows, columns = slice(2, 6), slice(3, 11)
    whole = planes(["coast", "cities"], GRID)[:, rows, columns]
    part = planes(["coast", "cities"], GRID.crop(rows, columns))
    np.testing.assert_allclose(part, whole, rtol=1e-5, atol=1e-5)


def test_heights_of_a_part_of_the_map():
    values = raised(months(years=1))
    from engine.core.schema import grid_of

    grid = grid_of(values)
    rows, columns = slice(8, 16), slice(0, 16)
    (part,) = planes(["elevation"], grid.crop(rows, columns), values)
    expected = values["surface_altitude"].values[rows, columns] / 1000
    np.testing.assert_allclose(part, expected, rtol=1e-6)
    (whole,) = planes(["elevation"], grid, values)
    assert np.isnan(whole[5, 5]) and np.isfinite(whole).sum() == whole.size - 1
    with pytest.raises(ValueError, match="heights of"):
        planes(["elevation"], GRID, values)


def test_examples_carry_them_with_and_without_a_past(own):
    from engine.superresolution.examples import prepare

    def lessons(name, **more):
        dataset, about = library.open_dataset(name), library.info(name)
        return prepare(dataset, about, static_fields=("coast", "cities"), **more)

    known = lessons("monthly", block_offsets=2)
    beside = standard(planes(known.static_fields, GRID_OF(own, "monthly")), known.scale)
    for series in (*known.training[:1], *known.validation, *known.training_without_climatology):
        mask = series.fine_mask[0]
        rows, columns = mask.shape
        expected = torch.where(mask, beside[:, :rows, :columns], 0).half()
        assert torch.equal(series.guide[0, 4:], expected)
    # Blocks counted from another corner see the planes from there.
    shifted = known.training[1]
    rows, columns = shifted.fine.shape[1:]
    expected = torch.where(shifted.fine_mask[0], beside[:, 4 : 4 + rows, 4 : 4 + columns], 0).half()
    assert torch.equal(shifted.guide[0, 4:], expected)
    short = lessons("daily")
    assert short.base == "bilinear" and short.training[0].guide.shape[:2] == (1, 2)


def GRID_OF(own, name):  # noqa: N802 - a grid as the others here
    from engine.core.schema import grid_of

    return grid_of(library.open_dataset(name))


def test_no_file_of_heights_ships():
    """If one does one day, the page and the cards have to say so."""
    assert not list(geography.GEO.glob("*elev*")) and "surface_altitude" not in (
        library.open_dataset("demo").variables
    )
    assert static.elevation(GRID, None).shape == GRID.shape
