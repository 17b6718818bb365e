// Where things are: panes on the screen, cells under the cursor, kilometres between places.

const TILE = 512; // deck.gl's world is 512 pixels wide at zoom 0
const RADIUS_KM = 6371.0088;
const GAP = 2; // pixels between panes
const RAD = Math.PI / 180;

/** How many layers a mode chooses. */
export const CHOICES = { three: 3, two: 2, swipe: 2, blink: 2, single: 1 };

/** Rectangles of the panes of a mode: [{ id, x, width }], left to right. */
export function panesOf(mode, width, swipeAt) {
  if (mode === 'swipe') {
    const split = Math.round(swipeAt * width);
    return [{ id: 'p0', x: 0, width: split }, { id: 'p1', x: split, width: width - split }];
  }
  const count = mode === 'three' ? 3 : mode === 'two' ? 2 : 1;
  return Array.from({ length: count }, (_, i) => {
    const x = Math.round((i * (width + GAP)) / count);
    return { id: `p${i}`, x, width: Math.round(((i + 1) * (width + GAP)) / count) - GAP - x };
  });
}

/** The camera of one pane. Swiped panes show one map: each looks aside by whole pixels. */
export function paneCamera(camera, pane, mode, width, sign = 1) {
  if (mode !== 'swipe') return camera;
  const aside = pane.x + pane.width / 2 - width / 2;
  return { ...camera, longitude: camera.longitude + (sign * aside * 360) / (TILE * 2 ** camera.zoom) };
}

/** A pane as a plane: pixels of the pane ⇄ [longitude, latitude], as deck.gl's MapView has them. */
export function viewportOf(camera, pane, mode, width, height) {
  const { longitude, latitude, zoom } = paneCamera(camera, pane, mode, width);
  const world = TILE * 2 ** zoom;
  const across = world / 360;
  const down = world / (2 * Math.PI);
  const middle = mercator(latitude);
  return {
    id: pane.id,
    x: pane.x,
    y: 0,
    width: pane.width,
    height,
    project: ([lon, lat]) => [
      pane.width / 2 + (lon - longitude) * across,
      height / 2 - (mercator(lat) - middle) * down,
    ],
    unproject: ([x, y]) => [
      longitude + (x - pane.width / 2) / across,
      latitudeAt(middle - (y - height / 2) / down),
    ],
  };
}

/** The camera that shows a box [w, s, e, n] in a pane of some pixels. */
export function fit([west, south, east, north], width, height, padding = 0.04) {
  const zoomX = Math.log2((width * (1 - 2 * padding) * 360) / (TILE * (east - west)));
  const tall = (mercator(north) - mercator(south)) / (2 * Math.PI);
  const zoomY = Math.log2((height * (1 - 2 * padding)) / (TILE * tall));
  const middle = (mercator(north) + mercator(south)) / 2;
  return {
    longitude: (west + east) / 2,
    latitude: latitudeAt(middle),
    zoom: Math.min(zoomX, zoomY, 13),
  };
}

/** Height of a box [w, s, e, n] on the map for a width of 1. */
export function slenderness([west, south, east, north]) {
  return (mercator(north) - mercator(south)) / ((east - west) * RAD);
}

/** The camera moved by some pixels to the east and to the south. */
export function moved(camera, dx, dy) {
  const world = TILE * 2 ** camera.zoom;
  const y = mercator(camera.latitude) - (dy * 2 * Math.PI) / world;
  return {
    ...camera,
    longitude: camera.longitude + (dx * 360) / world,
    latitude: latitudeAt(y),
  };
}

/** Row and column of the cell a place lies in, or null outside. */
export function cellOf({ bounds: [west, south, east, north], rows, columns }, longitude, latitude) {
  const row = Math.floor(((north - latitude) / (north - south)) * rows);
  const column = Math.floor(((longitude - west) / (east - west)) * columns);
  const inside = row >= 0 && row < rows && column >= 0 && column < columns;
  return inside ? { row, column } : null;
}

/** Great-circle distance in km. */
export function distanceKm(lon1, lat1, lon2, lat2) {
  const h =
    Math.sin(((lat2 - lat1) * RAD) / 2) ** 2 +
    Math.cos(lat1 * RAD) * Math.cos(lat2 * RAD) * Math.sin(((lon2 - lon1) * RAD) / 2) ** 2;
  return 2 * RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(h)));
}

/** Index and distance of the place nearest to a point, or null if there is none. */
export function nearestPlace(places, longitude, latitude) {
  let best = -1;
  let least = Infinity;
  const shrink = Math.cos(latitude * RAD) ** 2;
  for (let i = 0; i < places.lon.length; i++) {
    const d = (places.lon[i] - longitude) ** 2 * shrink + (places.lat[i] - latitude) ** 2;
    if (d < least) [best, least] = [i, d];
  }
  if (best < 0) return null;
  return { index: best, km: distanceKm(longitude, latitude, places.lon[best], places.lat[best]) };
}

/** Kilometres that a pixel is wide at the camera's latitude. */
export function kmPerPixel(camera) {
  return (2 * Math.PI * RADIUS_KM * Math.cos(camera.latitude * RAD)) / (TILE * 2 ** camera.zoom);
}

function latitudeAt(mercatorY) {
  return (2 * Math.atan(Math.exp(mercatorY)) - Math.PI / 2) / RAD;
}

function mercator(latitude) {
  const bounded = Math.max(-85, Math.min(85, latitude));
  return Math.log(Math.tan(Math.PI / 4 + (bounded * RAD) / 2));
}
