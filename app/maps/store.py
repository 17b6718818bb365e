"""Bytes that a map will fetch, kept by a name made of their digest.

`publish` and `offer` put a raster where the browser can fetch it and return its address. An
address names the content, so whoever has it may keep it for ever: the second look at a day costs
no byte. What is stored is bounded; what was dropped is made again or requested again.

`app.maps.routes` serves it.
"""

import gzip
import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from app.maps import frames
from app.maps.assets import asset

PREFIX = "_maps"
# Bytes of packed rasters kept: about 120 noisy days of 800 × 720 coarse, fine and error.
CAPACITY = 128 * 2**20
MOST_OFFERS = 8192  # offers kept, a closure each
BINARY = "application/octet-stream"
JSON = "application/json"


@dataclass(frozen=True)
class Blob:
    """Compressed bytes and what they are."""

    body: bytes
    mime: str


class Store:
    """Compressed bytes by a name made of their digest; the least recently used go first."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._blobs: OrderedDict[str, Blob] = OrderedDict()
        self._offers: OrderedDict[str, Callable[[], Blob]] = OrderedDict()
        self._making: dict[str, threading.Lock] = {}
        self._bytes = 0

    def put(self, raw: bytes, make: Callable[[], Blob]) -> str:
        """Name of what `make` makes of `raw`; made only if it is not here yet."""
        name = digest(raw)
        with self._lock:
            if name in self._blobs:
                self._blobs.move_to_end(name)
                return name
        self._keep(name, make())
        return name

    def offer(self, name: str, make: Callable[[], Blob]) -> None:
        """Promise to make `name` when it is requested."""
        self.offer_all([Promise(name, "", make)])

    def offer_all(self, promises: Iterable["Promise"]) -> None:
        """Promise to make several."""
        with self._lock:
            for made in promises:
                self._offers[made.name] = made.make
                self._offers.move_to_end(made.name)
            while len(self._offers) > MOST_OFFERS:
                self._offers.popitem(last=False)

    def get(self, name: str) -> Blob | None:
        """What is stored or promised under a name, or None."""
        with self._lock:
            blob = self._blobs.get(name)
            if blob is not None:
                self._blobs.move_to_end(name)
                return blob
            make = self._offers.get(name)
            if make is None:
                return None
            turn = self._making.setdefault(name, threading.Lock())
        with turn:  # two browsers that ask for one raster do not make it twice
            with self._lock:
                blob = self._blobs.get(name)
            if blob is None:
                blob = make()
                self._keep(name, blob)
        with self._lock:
            self._making.pop(name, None)
        return blob

    @property
    def bytes(self) -> int:
        """Bytes kept."""
        return self._bytes

    def _keep(self, name: str, blob: Blob) -> None:
        with self._lock:
            if name in self._blobs:
                return
            self._blobs[name] = blob
            self._bytes += len(blob.body)
            while self._bytes > self._capacity and len(self._blobs) > 1:
                _, oldest = self._blobs.popitem(last=False)
                self._bytes -= len(oldest.body)


@lru_cache(maxsize=1)
def store() -> Store:
    """The store of this process."""
    return Store()


def digest(raw: bytes) -> str:
    """Name of some bytes, 32 hexadecimal digits."""
    return hashlib.sha256(raw).hexdigest()[:32]


@lru_cache(maxsize=1)
def base() -> str:
    """Where the routes begin, below the path the server was started under."""
    path = (st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}/{PREFIX}" if path else f"/{PREFIX}"


def publish(values: NDArray[np.floating], *, per_unit: float = frames.PER_UNIT) -> str:
    """Address of a raster that is at hand.

    Args:
        values: (rows, columns) or, for stations, (days, stations); NaN is no data.
        per_unit: Integers kept per unit; 10 keeps tenths.

    Example::

        url = publish(prediction["pm2p5"].values[0])
        day = Day("2015-01-10", "10 January 2015", {"fine": url})
    """
    values = np.ascontiguousarray(values, dtype=np.float32)
    raw = f"{values.shape}{per_unit}".encode() + values.tobytes()
    name = store().put(raw, lambda: Blob(frames.pack(values, per_unit=per_unit), BINARY))
    return f"{base()}/data/{name}"


def offer(
    identity: str,
    make: Callable[[], NDArray[np.floating]],
    *,
    per_unit: float = frames.PER_UNIT,
) -> str:
    """Address of a raster that is made when a browser first asks for it.

    For the days before and after the one on screen: naming them costs nothing.

    Args:
        identity: Everything the values depend on, for example dataset checksum, variable, date
            and region. Equal identities must mean equal values, since browsers keep the bytes.
        make: Gives (rows, columns), NaN is no data. Called at most once while the bytes are kept.
            It runs on a thread of the server: it must not use Streamlit.
        per_unit: Integers kept per unit.
    """
    made = promise(identity, make, per_unit=per_unit)
    renew([made])
    return made.url


@dataclass(frozen=True)
class Promise:
    """A raster that can be made; `renew` puts it where browsers can ask for it.

    Attributes:
        name: In the store.
        url: Address.
        make: Gives the packed bytes.
    """

    name: str
    url: str
    make: Callable[[], Blob]


def promise(
    identity: str,
    make: Callable[[], NDArray[np.floating]],
    *,
    per_unit: float = frames.PER_UNIT,
) -> Promise:
    """What `offer` offers, to be kept and renewed: renewing costs a rerun next to nothing."""
    name = digest(f"{identity}|{per_unit}".encode())
    return Promise(
        name,
        f"{base()}/data/{name}",
        lambda: Blob(frames.pack(make(), per_unit=per_unit), BINARY),
    )


def renew(promises: Iterable[Promise]) -> None:
    """Offer again what may have been dropped."""
    store().offer_all(promises)


def publish_json(content: object) -> str:
    """Address of a table or list."""
    raw = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    name = store().put(raw, lambda: Blob(gzip.compress(raw, 6, mtime=0), JSON))
    return f"{base()}/data/{name}"


def offer_json(identity: str, make: Callable[[], object]) -> str:
    """Address of a table or list that is made when a browser first asks for it; see `offer`."""
    name = digest(f"{identity}|json".encode())

    def blob() -> Blob:
        raw = json.dumps(make(), separators=(",", ":"), ensure_ascii=False).encode()
        return Blob(gzip.compress(raw, 6, mtime=0), JSON)

    store().offer(name, blob)
    return f"{base()}/data/{name}"


def read(url: str) -> bytes | None:
    """Compressed bytes behind an address that `publish`, `offer` or `publish_json` gave."""
    blob = store().get(url.rsplit("/", 1)[-1])
    return blob.body if blob else None


def asset_url(name: str) -> str | None:
    """Address of a file that comes with AirLens, or None where it is not installed."""
    found = asset(name)
    return f"{base()}/asset/{found.digest}/{name}" if found else None
