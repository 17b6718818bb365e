// The map without a mouse. Keys work while the map has the focus, nowhere else: Streamlit and
// screen readers have keys of their own.
import { moved } from './geometry.js';

const PAN = 0.125; // of the pane, for each press

/** What a key does to a map; true if it did something. */
export function press(map, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const act = actions(map, event.shiftKey)[event.key];
  if (!act) return false;
  act();
  return true;
}

function actions(map, fineSteps) {
  const step = fineSteps ? map.cellPixels() : null;
  const pan = (x, y) => () => {
    const { width, height } = map.paneSize();
    map.look(moved(map.camera, x * (step ?? PAN * width), y * (step ?? PAN * height)));
    map.pointAtCentre();
  };
  const zoom = (by) => () => {
    map.look({ ...map.camera, zoom: map.camera.zoom + by });
    map.pointAtCentre();
  };
  return {
    ArrowLeft: pan(-1, 0),
    ArrowRight: pan(1, 0),
    ArrowUp: pan(0, -1),
    ArrowDown: pan(0, 1),
    '+': zoom(0.5),
    '=': zoom(0.5),
    '-': zoom(-0.5),
    _: zoom(-0.5),
    Enter: () => map.inspect([map.camera.longitude, map.camera.latitude]),
    Home: () => map.reset(),
    PageUp: () => map.clock.step(-1),
    PageDown: () => map.clock.step(1),
    ' ': () => map.blink(),
    Escape: () => map.pointAt(null),
  };
}
