import gzip
import json
import threading
import time

import numpy as np
from asgi import get

from app.maps import frames, store
from app.maps.store import Blob, Store
from engine.core.errors import RequestError

VALUES = np.array([[1.0, 2.5], [np.nan, 4.0]])


def test_a_published_raster_is_served_compressed_and_for_ever():
    url = store.publish(VALUES)
    answer = get(url)
    assert answer.status == 200
    assert answer.headers["content-encoding"] == "gzip"
    assert "immutable" in answer.headers["cache-control"]
    packed = store.read(url)
    assert np.array_equal(frames.unpack(packed), VALUES.astype(np.float32), equal_nan=True)
    assert answer.body == packed


def test_an_address_names_the_content():
    assert store.publish(VALUES) == store.publish(VALUES.copy())
    assert store.publish(VALUES) != store.publish(VALUES + 1)
    assert store.publish(VALUES) != store.publish(VALUES.reshape(1, 4))


def test_an_offer_is_made_once_and_only_if_asked_for():
    made = []

    def make():
        made.append(1)
        return VALUES

    url = store.offer("test-offer-made-once", make)
    assert not made
    assert get(url).status == get(url).status == 200
    assert made == [1]


def test_two_who_ask_at_once_wait_for_one():
    kept, made = Store(), []

    def make():
        made.append(1)
        time.sleep(0.05)
        return Blob(b"x", "text/plain")

    kept.offer("a", make)
    threads = [threading.Thread(target=kept.get, args=("a",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]


def test_the_least_recently_used_goes_first():
    kept = Store(capacity=25)
    names = [kept.put(bytes([i]), lambda: Blob(bytes(10), "x")) for i in range(2)]
    kept.get(names[0])
    third = kept.put(b"third", lambda: Blob(bytes(10), "x"))
    assert kept.get(names[0]) and kept.get(third)
    assert kept.get(names[1]) is None
    assert kept.bytes == 20


def test_a_promise_is_kept_again_after_its_bytes_went():
    kept = Store(capacity=15)
    kept.offer("a", lambda: Blob(bytes(10), "x"))
    assert kept.get("a")
    kept.put(b"other", lambda: Blob(bytes(10), "x"))
    assert kept.get("a")


def test_what_is_not_there_is_a_sentence():
    answer = get(f"{store.base()}/data/{'0' * 32}")
    assert answer.status == 404
    assert answer.body == b"This map is no longer kept. Reload the page."
    assert "cache-control" not in answer.headers


def test_a_day_without_an_answer_is_a_sentence():
    def make():
        raise RequestError("There is no map of this day.", where="x", remedy="Choose another.")

    answer = get(store.offer("test-no-answer", make))
    assert answer.status == 409
    assert answer.body == b"x: There is no map of this day. Choose another."


def test_only_our_own_files_are_served():
    url = store.asset_url("leaflet.js")
    assert get(url).status == 200
    assert get(url.replace("leaflet.js", "..%2f..%2fpyproject.toml")).status == 404
    digest = url.split("/")[-2]
    assert get(f"{store.base()}/asset/{digest}/pyproject.toml").status == 404
    assert get(f"{store.base()}/asset/{'0' * 16}/leaflet.js").status == 404


def test_the_bundle_of_pydeck_has_what_the_map_needs():
    text = gzip.decompress(get(store.asset_url("deck.js")).body).decode()
    for name in ("JSONConverter", "BitmapLayer", "GeoJsonLayer", "MapView"):
        assert name in text


def test_tables_travel_as_json():
    url = store.publish_json({"name": ["南京"]})
    assert json.loads(gzip.decompress(get(url).body)) == {"name": ["南京"]}
