// Mouse, pen and finger on the stage. deck.gl pans and zooms; pointing and clicking are ours, since
// reading a value is arithmetic and deck.gl's picking would draw the scene again to find it.
import { press } from './keyboard.js';

const SLIP = 5; // pixels a click may move
const SNAP = 10; // pixels within which a click means the station

/** Connects the stage once. */
export function listen(map) {
  const { stage } = map;
  let down = null;
  let frame = 0;
  const at = (event) => {
    const box = stage.getBoundingClientRect();
    return [event.clientX - box.left - stage.clientLeft, event.clientY - box.top - stage.clientTop];
  };
  stage.addEventListener('pointermove', (event) => {
    if (event.buttons || frame) return;
    const pixel = at(event);
    frame = requestAnimationFrame(() => {
      frame = 0;
      map.pointAt(map.drawing?.placeAt(...pixel) ?? null);
    });
  });
  stage.addEventListener('pointerdown', (event) => (down = at(event)), true);
  stage.addEventListener('click', (event) => {
    const pixel = at(event);
    const slipped = !down || Math.hypot(pixel[0] - down[0], pixel[1] - down[1]) > SLIP;
    if (slipped || event.target.closest('.handle')) return;
    const place = map.drawing?.placeAt(...pixel);
    if (place) map.inspect(place, stationUnder(map, pixel));
  });
  stage.addEventListener('keydown', (event) => {
    if (event.target === stage && press(map, event)) {
      event.preventDefault();
      event.stopPropagation();
    }
  });
  for (const name of ['focus', 'blur']) stage.addEventListener(name, () => map.drawing?.pens());
  // A theme has no event of its own; its colours are transitioned for a moment, which has one.
  map.root.addEventListener('transitionend', (event) => event.target === map.root && map.retheme());
  map.observer = new ResizeObserver(() => map.resized());
  map.observer.observe(stage);
}

function stationUnder(map, pixel) {
  let best = null;
  let least = SNAP;
  for (const station of (map.options.stations && map.points.stations) || []) {
    const [x, y] = map.drawing.pixelOf([station.lon, station.lat], pixel[0]);
    const away = Math.hypot(x - pixel[0], y - pixel[1]);
    if (away < least) [best, least] = [station, away];
  }
  return best;
}
