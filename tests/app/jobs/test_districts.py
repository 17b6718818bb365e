"""Districts do not count beside their city."""

from app.jobs import cache
from app.jobs.districts import PARTS, whole
from engine.inference.summary import Place


def test_a_city_counts_once():
    shanghai = Place("Shanghai", "上海", 31.22, 121.46, 24_874_500)
    pudong = Place("Pudong", "上海浦东", 31.24, 121.50, 5_681_512)
    kunshan = Place("Kunshan", "昆山", 31.38, 120.95, 2_092_496)
    yunnan = Place("Baoshan", "保山", 25.12, 99.16, 900_000)
    assert whole([shanghai, pudong, kunshan, yunnan]) == (shanghai, kunshan, yunnan)
    assert whole([pudong, kunshan]) == (pudong, kunshan), "nothing stands for it but itself"


def test_the_list_that_ships_names_no_district():
    names = {place.name_en for place in cache.places()}
    assert {"Shanghai", "Suzhou", "Kunshan", "Hong Kong", "Foshan"} <= names
    known = {name for parts in PARTS.values() for name in parts}
    left = {place.name_en for place in cache.places() if place.name_en in known}
    assert left == {"Baoshan"}, "the one in Yunnan"
    near = [p for p in cache.places() if abs(p.latitude - 31.23) < 0.15]
    assert sum(abs(p.longitude - 121.47) < 0.15 for p in near) == 1
