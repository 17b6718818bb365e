// What is drawn with a pen: below the rasters the hatching of missing data, above them stations, the
// names of cities, the crosshair and the scale bar. Two canvases, drawn after every frame of deck.gl, and
// again at another size when a picture is saved.
import { kmPerPixel } from './geometry.js';
import { drawSymbols } from './symbols.js';

const HATCH = 7; // pixels between the lines that say: no data
const LABEL_AREA = 13000; // square pixels of map for each name of a city
const HALO = 3;
const AWAY = 7; // pixels from a city's dot to its name
const RING = 8;

/** Hatch the data's box in every viewport: where no raster covers it, it shows. */
export function drawUnder(context, viewports, bounds, ink) {
  for (const viewport of viewports) {
    const [west, south, east, north] = bounds;
    const [x0, y0] = viewport.project([west, north]);
    const [x1, y1] = viewport.project([east, south]);
    context.save();
    context.beginPath();
    context.rect(viewport.x, viewport.y, viewport.width, viewport.height);
    context.clip();
    context.beginPath();
    context.rect(viewport.x + x0, viewport.y + y0, x1 - x0, y1 - y0);
    context.clip();
    context.strokeStyle = ink;
    context.lineWidth = 1;
    context.globalAlpha = 0.22;
    context.beginPath();
    for (let d = -viewport.height; d < viewport.width; d += HATCH) {
      context.moveTo(viewport.x + d, viewport.y + viewport.height);
      context.lineTo(viewport.x + d + viewport.height, viewport.y);
    }
    context.stroke();
    context.globalAlpha = 0.6;
    context.strokeRect(viewport.x + x0, viewport.y + y0, x1 - x0, y1 - y0);
    context.restore();
  }
}

/** Names, crosshair and scale bar. */
export function drawOver(context, viewports, state) {
  const { cities, at, swiped, focus, symbols, camera, chosen } = state;
  const seen = swiped ? [unbroken(viewports)] : viewports;
  for (const viewport of seen) {
    context.save();
    context.beginPath();
    context.rect(viewport.x, viewport.y, viewport.width, viewport.height);
    context.clip();
    context.translate(viewport.x, viewport.y);
    drawSymbols(context, viewport, symbols, camera, swiped ? null : chosen[viewport.id]);
    if (cities) drawCities(context, viewport, state, viewport === seen[0] ? [plate(viewport)] : []);
    if (at) drawCrosshair(context, viewport, at, focus);
    context.restore();
  }
  if (seen.length) drawScaleBar(context, seen[0], state);
}

// Swiped halves are one map: a name may run across the line between them.
function unbroken(viewports) {
  const [first] = viewports;
  const width = viewports.reduce((sum, v) => sum + v.width, 0);
  return { x: first.x, y: first.y, width, height: first.height, project: (place) => first.project(place) };
}

// Most people first; a name that would touch another, or what is `taken`, is left out, and so is
// one beyond the data.
function drawCities(context, viewport, { cities, language, font, bounds, dots }, taken) {
  const [west, south, east, north] = bounds;
  const [x0, y0] = viewport.project([west, north]);
  const [x1, y1] = viewport.project([east, south]);
  const room = [Math.max(0, x0), Math.max(0, y0), Math.min(viewport.width, x1), Math.min(viewport.height, y1)];
  const most = taken.length + Math.max(4, Math.floor(((room[2] - room[0]) * (room[3] - room[1])) / LABEL_AREA));
  context.font = `12.5px ${font}`;
  context.textBaseline = 'middle';
  context.lineJoin = 'round';
  for (const [lon, lat, en, zh] of cities) {
    if (taken.length >= most) break;
    if (lon < west || lon > east || lat < south || lat > north) continue;
    const [x, y] = viewport.project([lon, lat]);
    if (x < room[0] + 4 || y < room[1] + 4 || x > room[2] - 4 || y > room[3] - 4) continue;
    const name = language === 'zh' ? zh || en : en || zh;
    const place = besides(x, y, context.measureText(name).width, viewport.width, taken);
    if (!place) continue;
    taken.push(place.box);
    if (dots) dot(context, x, y);
    haloed(context, name, place.x, y);
  }
}

function dot(context, x, y) {
  context.beginPath();
  context.arc(x, y, 2.5, 0, 2 * Math.PI);
  context.fillStyle = '#1b262b';
  context.strokeStyle = 'rgba(255,255,255,.9)';
  context.lineWidth = 1.5;
  context.stroke();
  context.fill();
}

// Where a name finds room: right of its dot, else left of it, else nowhere.
function besides(x, y, wide, most, taken) {
  for (const [from, to] of [[x - 4, x + AWAY + wide + 3], [x - AWAY - wide - 3, x + 4]]) {
    if (from < 0 || to > most) continue;
    const box = [from, y - 9, to, y + 9];
    const free = !taken.some((t) => box[0] < t[2] && t[0] < box[2] && box[1] < t[3] && t[1] < box[3]);
    if (free) return { box, x: from < x - AWAY ? from + 3 : x + AWAY };
  }
  return null;
}

function haloed(context, text, x, y) {
  context.strokeStyle = 'rgba(255,255,255,.88)';
  context.lineWidth = HALO;
  context.strokeText(text, x, y);
  context.fillStyle = '#1b262b';
  context.fillText(text, x, y);
}

function drawCrosshair(context, viewport, [lon, lat], focus) {
  const [x, y] = viewport.project([lon, lat]);
  const arm = focus ? 18 : 0;
  for (const [colour, width] of [['rgba(255,255,255,.95)', 4], ['#0b3c49', 1.75]]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    context.arc(x, y, RING, 0, 2 * Math.PI);
    for (const [dx, dy] of arm ? [[1, 0], [-1, 0], [0, 1], [0, -1]] : []) {
      context.moveTo(x + dx * RING, y + dy * RING);
      context.lineTo(x + dx * arm, y + dy * arm);
    }
    context.stroke();
  }
}

// Where the scale bar may stand, at its widest: [left, top, right, bottom].
function plate({ height, width }) {
  return [10, height - 39, 26 + Math.min(110, width / 3), height - 10];
}

// On a plate of the ground's colour, so that it reads on any map and in either theme.
function drawScaleBar(context, viewport, { camera, font, ink, ground }) {
  const each = kmPerPixel(camera);
  const room = each * Math.min(110, viewport.width / 3);
  const power = 10 ** Math.floor(Math.log10(room));
  const km = [5, 2, 1].map((m) => m * power).find((v) => v <= room) ?? power;
  const wide = km / each;
  const x = viewport.x + 18;
  const y = viewport.y + viewport.height - 17;
  context.save();
  context.font = `12px ${font}`;
  context.textBaseline = 'alphabetic';
  const words = `${km} km`;
  context.globalAlpha = 0.86;
  context.fillStyle = ground;
  context.beginPath();
  context.roundRect(x - 8, y - 22, Math.max(wide, context.measureText(words).width + 5) + 16, 29, 4);
  context.fill();
  context.globalAlpha = 1;
  context.strokeStyle = ink;
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(x, y - 5);
  context.lineTo(x, y);
  context.lineTo(x + wide, y);
  context.lineTo(x + wide, y - 5);
  context.stroke();
  context.fillStyle = ink;
  context.fillText(words, x + 5, y - 7);
  context.restore();
}
