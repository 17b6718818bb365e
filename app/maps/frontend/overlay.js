// What is drawn with a pen: below the rasters the hatching of missing data, above them the names of
// cities, the crosshair and the scale bar. Two canvases, drawn after every frame of deck.gl, and
// again at another size when a picture is saved.
import { kmPerPixel } from './geometry.js';

const HATCH = 7; // pixels between the lines that say: no data
const LABEL_AREA = 16000; // square pixels of map for each name of a city
const HALO = 3;
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
export function drawOver(context, viewports, { cities, language, at, camera, font, focus }) {
  for (const viewport of viewports) {
    context.save();
    context.beginPath();
    context.rect(viewport.x, viewport.y, viewport.width, viewport.height);
    context.clip();
    context.translate(viewport.x, viewport.y);
    if (cities) drawCities(context, viewport, cities, language, font);
    if (at) drawCrosshair(context, viewport, at, focus);
    context.restore();
  }
  if (viewports.length) drawScaleBar(context, viewports[0], camera, font);
}

// Most people first; a name that would touch another is left out.
function drawCities(context, viewport, cities, language, font) {
  const most = Math.max(4, Math.floor((viewport.width * viewport.height) / LABEL_AREA));
  const taken = [];
  context.font = `12px ${font}`;
  context.textBaseline = 'middle';
  context.lineJoin = 'round';
  for (const [lon, lat, en, zh] of cities) {
    if (taken.length >= most) break;
    const [x, y] = viewport.project([lon, lat]);
    if (x < 4 || y < 10 || x > viewport.width - 10 || y > viewport.height - 10) continue;
    const name = language === 'zh' ? zh || en : en || zh;
    const wide = context.measureText(name).width + 14;
    if (x + wide > viewport.width) continue;
    const box = [x - 5, y - 9, x + wide, y + 9];
    if (taken.some((t) => box[0] < t[2] && t[0] < box[2] && box[1] < t[3] && t[1] < box[3])) continue;
    taken.push(box);
    context.beginPath();
    context.arc(x, y, 2.5, 0, 2 * Math.PI);
    context.fillStyle = '#1b262b';
    context.strokeStyle = 'rgba(255,255,255,.9)';
    context.lineWidth = 1.5;
    context.stroke();
    context.fill();
    haloed(context, name, x + 6, y);
  }
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

function drawScaleBar(context, viewport, camera, font) {
  const each = kmPerPixel(camera);
  const room = each * Math.min(110, viewport.width / 3);
  const power = 10 ** Math.floor(Math.log10(room));
  const km = [5, 2, 1].map((m) => m * power).find((v) => v <= room) ?? power;
  const x = viewport.x + 12;
  const y = viewport.y + viewport.height - 12;
  context.save();
  for (const [colour, width] of [['rgba(255,255,255,.9)', 4], ['#1b262b', 1.5]]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(x, y - 5);
    context.lineTo(x, y);
    context.lineTo(x + km / each, y);
    context.lineTo(x + km / each, y - 5);
    context.stroke();
  }
  context.font = `11px ${font}`;
  context.textBaseline = 'alphabetic';
  context.lineJoin = 'round';
  haloed(context, `${km} km`, x + 5, y - 5);
  context.restore();
}
