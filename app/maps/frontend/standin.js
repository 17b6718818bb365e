// The script of a Leaflet page: several maps that move together, points, what is under the cursor.
// In the stage of a map without WebGL it informs the map; in a page of its own it reads for itself.
import { decode } from './codec.js';
import { colouring, colourOf } from './colour.js';
import { cellOf } from './geometry.js';
import { legendSvg, number, symbolsHtml } from './legend.js';

const RADIUS = 6;
const INK = '#16232a';

const OUTLINE = '#4a545c'; // of coast, lakes and provinces

/** Build the page and connect its maps. `page` is the JSON that app/maps/leaflet.py writes. */
export async function connect(page) {
  const maps = build(page);
  page.rasters = {};
  if (page.alone) for (const layer of page.layers) page.rasters[layer.id] = await unpacked(layer.packed);
  link(maps, page);
  maps.forEach((map, i) => {
    drawGaps(map, page.bounds);
    drawPoints(map, page, page.layers[i]);
  });
  L.control.scale({ imperial: false }).addTo(maps[0]);
  if (page.alone) drawLegends(page);
  else window.addEventListener('message', (event) => obey(event, maps));
  const [west, south, east, north] = page.bounds;
  if (!page.camera) maps[0].fitBounds([[south, west], [north, east]], { padding: [10, 10], animate: false });
  document.documentElement.dataset.connected = page.day;
}

// Texts come from data: they are set as text, never as HTML.
function build(page) {
  const main = element('main', { className: page.alone ? 'alone' : page.dark ? 'inside dark' : 'inside' });
  main.style.gridTemplateColumns = `repeat(${page.panes.length}, minmax(0, 1fr))`;
  if (page.alone) document.body.append(element('h1', { textContent: page.title }));
  document.body.append(main);
  if (page.alone) {
    document.body.append(
      element('p', { className: 'symbols' }),
      element('p', { className: 'reading', textContent: page.labels.point_here }),
      element('footer', { textContent: page.credit }),
    );
  }
  const maps = page.panes.map((pane, i) => {
    const section = element('section', {});
    if (pane.title !== null) section.append(element('h2', { textContent: pane.title }));
    if (pane.badge !== null) section.append(element('strong', { textContent: pane.badge }));
    const place = element('div', { className: 'map' });
    section.append(place, element('div', { className: 'legend' }));
    main.append(section);
    return mapIn(place, pane, page, page.alone && i === 0);
  });
  window.maps = maps; // for whoever opens the console, and for tests
  return maps;
}

function mapIn(place, pane, page, zoomControl) {
  const [west, south, east, north] = page.bounds;
  // Leaflet's world has 256 pixels at zoom 0, ours 512.
  const [lon, lat, zoom] = page.camera ?? [(west + east) / 2, (south + north) / 2, 6];
  const map = L.map(place, {
    center: [lat, lon], zoom: zoom + 1, zoomSnap: 0, zoomControl, preferCanvas: true, attributionControl: false,
  });
  if (pane.picture) L.imageOverlay(pane.picture.url, pane.picture.bounds, { className: 'pixelated' }).addTo(map);
  for (const { lines, weight } of page.outlines) {
    L.geoJSON(lines, { style: { color: OUTLINE, weight, fill: false }, smoothFactor: 1, interactive: false }).addTo(map);
  }
  return map;
}

function element(name, fields) {
  return Object.assign(document.createElement(name), fields);
}

function link(maps, page) {
  let leading = null;
  for (const map of maps) {
    map.on('move', () => {
      if (leading && leading !== map) return;
      leading = map;
      for (const other of maps) if (other !== map) other.setView(map.getCenter(), map.getZoom(), { animate: false });
      leading = null;
    });
    // Only what the reader does is news: where the page opens is known.
    let touched = false;
    for (const name of ['pointerdown', 'wheel', 'keydown']) {
      map.getContainer().addEventListener(name, () => (touched = true), true);
    }
    map.on('moveend', () => {
      if (!touched) return;
      const { lng, lat } = map.getCenter();
      post({ airlens: 'camera', camera: { longitude: lng, latitude: lat, zoom: map.getZoom() - 1 } });
    });
    map.on('mousemove', (event) => point(event.latlng, page));
    map.on('click', (event) => post({ airlens: 'click', at: [event.latlng.lng, event.latlng.lat] }));
  }
}

function obey(event, maps) {
  if (event.source !== window.parent || event.data?.airlens !== 'look') return;
  const { longitude, latitude, zoom } = event.data.camera;
  maps[0].setView([latitude, longitude], zoom + 1, { animate: false });
}

function post(message) {
  if (window.parent !== window) window.parent.postMessage(message, location.origin);
}

function point({ lng, lat }, page) {
  if (!page.alone) return post({ airlens: 'at', at: [lng, lat] });
  const parts = [`${lat.toFixed(3)}° N ${lng.toFixed(3)}° E`];
  for (const layer of page.layers) {
    const raster = page.rasters[layer.id];
    const cell = raster && cellOf(layer, lng, lat);
    const scale = page.scales[layer.scale];
    const value = cell ? raster.values[cell.row * layer.columns + cell.column] : NaN;
    const text = value === value ? `${number(value, scale.digits)} ${scale.unit}` : page.labels.no_data;
    parts.push(`${layer.short} ${text}`);
  }
  document.querySelector('.reading').textContent = parts.join(' · ');
  return undefined;
}

function drawPoints(map, page, layer) {
  // Leaflet's canvas draws circles; a withheld station is a square, a reanalysed one stands on its tip.
  const Cornered = L.CircleMarker.extend({
    _updatePath() {
      const { _ctx: pen } = this._renderer;
      if (!this._renderer._drawing || this._empty()) return;
      const { x, y } = this._point;
      const r = this._radius;
      const t = 1.3 * r;
      const square = [[-r, -r], [r, -r], [r, r], [-r, r]];
      const diamond = [[0, -t], [t, 0], [0, t], [-t, 0]];
      pen.beginPath();
      for (const [dx, dy] of this.options.role === 'withheld' ? square : diamond) pen.lineTo(x + dx, y + dy);
      pen.closePath();
      this._renderer._fillStroke(pen, this);
    },
  });
  for (const p of page.points) {
    const other = p.upon && layer.id in p.upon; // on this layer they show something else
    const value = other ? p.upon[layer.id] : p.value;
    const scale = page.scales[other ? layer.scale : p.scale];
    const tint = colouring(scale, { steps: page.steps, range: null });
    const fill = value === null ? null : `rgb(${colourOf(value, tint).join()})`;
    const style = { role: p.role, radius: RADIUS, color: INK, weight: 2, fill: Boolean(fill), fillColor: fill, fillOpacity: 1 };
    const marker = new (p.role === 'used' ? L.CircleMarker : Cornered)([p.lat, p.lon], style);
    const said = value === null ? page.labels.invalid : `${number(value, 1)} ${scale.unit}`;
    marker.bindTooltip(document.createTextNode(`${p.name}: ${said}`)).addTo(map);
  }
}

// Hatching below the raster: it shows where the raster has no value.
function drawGaps(map, [west, south, east, north]) {
  const tile = document.createElement('canvas');
  tile.width = tile.height = 8;
  const pen = tile.getContext('2d');
  pen.strokeStyle = 'rgba(74, 84, 92, .5)';
  pen.beginPath();
  for (const d of [-8, 0, 8]) {
    pen.moveTo(d, 8);
    pen.lineTo(d + 8, 0);
  }
  pen.stroke();
  map.createPane('gaps').style.zIndex = 250;
  const style = { pane: 'gaps', renderer: L.canvas({ pane: 'gaps' }), color: INK, weight: 0.5, fillOpacity: 1 };
  const box = [[south, west], [north, east]];
  L.rectangle(box, { ...style, fillColor: pen.createPattern(tile, 'repeat'), interactive: false }).addTo(map);
}

function drawLegends(page) {
  const places = document.querySelectorAll('.legend');
  page.layers.forEach((layer, i) => {
    const tint = colouring(page.scales[layer.scale], { steps: page.steps, range: null });
    places[i].innerHTML = legendSvg(tint, page.labels, Math.min(440, places[i].clientWidth), INK, 'sans-serif');
  });
  document.querySelector('.symbols').innerHTML = symbolsHtml(page.labels, page.signs);
}

async function unpacked(base64) {
  if (!base64) return null;
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return decode(await new Response(stream).arrayBuffer());
}
