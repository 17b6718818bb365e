// What outlives a map's element: camera, mode, layers and options, in the URL and in this tab.
import { CHOICES } from './geometry.js';
import { readAddress } from './address.js';

// Streamlit builds the element anew when a page is opened again.
const memory = (globalThis.__airlensMaps ??= { maps: new Map(), camera: null });

/** State to begin with: the URL's, else what it was before the element went, else Python's. */
export function recall(map) {
  const { data } = map;
  const kept = memory.maps.get(data.key) ?? {};
  const link = data.address ? readAddress(data) : {};
  map.mode = link.mode ?? kept.mode ?? data.mode;
  map.show = map.fill(link.show ?? kept.show ?? data.show);
  map.day = link.day ?? Math.max(0, map.dayOf(data.day));
  map.swipeAt = kept.swipeAt ?? 0.5;
  map.options = kept.options ?? {
    smooth: false,
    steps: data.steps,
    stretch: false,
    stations: true,
    tracks: true,
    cities: true,
    outlines: true,
  };
  map.bounded();
  // Another map of this tab may have looked at the same land: go on from there.
  const shared = memory.camera && within(memory.camera, data.bounds) ? memory.camera : null;
  const camera = link.camera ?? kept.camera ?? shared;
  map.camera = camera ?? map.whole();
  map.fitted = !camera; // nobody has moved it yet: it may follow the window
  map.flown = kept.flown ?? (link.camera ? data.fly?.count : undefined);
}

/** Keep the state of now; what differs from what Python requested goes into the URL. */
export function keep(map) {
  const { data, mode, show, options, swipeAt, flown } = map;
  const camera = map.fitted ? null : map.camera;
  memory.camera = camera ?? memory.camera;
  memory.maps.set(data.key, { camera, mode, show, options, swipeAt, flown });
  const now = viewState(map);
  const own = data.show.slice(0, CHOICES[mode]).join(' ');
  map.address?.say({
    at: map.fitted ? null : now.at,
    view: mode === data.mode ? null : mode,
    on: now.on === data.day ? null : now.on,
    show: now.show === own ? null : now.show,
  });
}

/** What is to be seen, as text: for the URL, the stand-in and the saved page. */
export function viewState(map) {
  const { longitude, latitude, zoom } = map.camera;
  return {
    at: `${longitude.toFixed(4)},${latitude.toFixed(4)},${zoom.toFixed(2)}`,
    view: map.mode,
    on: map.data.days[map.day].key,
    show: map.shown().join(' '),
    steps: map.options.steps ? '1' : '',
    dark: map.dark ? '1' : '',
  };
}

function within({ longitude, latitude }, [west, south, east, north]) {
  return longitude >= west && longitude <= east && latitude >= south && latitude <= north;
}
