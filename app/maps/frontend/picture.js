// A picture of what is on screen that can stand alone: maps, titles, legends, date, source, licence.
import { signsOf } from './fading.js';
import { drawOver, drawUnder } from './overlay.js';
import { LEGEND_HEIGHT, legendSvg, symbolsOf } from './legend.js';
import { viewState } from './memory.js';
import { WIDEST_LEGEND, legendSlots, slotsOf } from './panes.js';

const DENSITY = 2; // pixels of the picture for each on screen
const MARGIN = 16;
const PAPER = '#ffffff';
const INK = '#16232a';

// PNG of the map as it looks now, on white in both themes.
async function pictureOf(map) {
  const { width, height } = map.size();
  const { deck, drawn } = map.drawing;
  const viewports = map.drawing.viewports();
  const heads = 26;
  const top = MARGIN + 26;
  const legendTop = top + heads + height + 10;
  const credit = wrap(map.data.credit, Math.floor(width / 6.2));
  const symbols = symbolsOf(map.data.labels, signsOf(map), INK);
  const creditTop = legendTop + LEGEND_HEIGHT + 18 + (symbols.length ? 24 : 0);
  const tall = creditTop + 15 * credit.length + MARGIN;
  const canvas = document.createElement('canvas');
  canvas.width = (width + 2 * MARGIN) * DENSITY;
  canvas.height = tall * DENSITY;
  const pen = canvas.getContext('2d');
  pen.scale(DENSITY, DENSITY);
  pen.fillStyle = PAPER;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  words(pen, map, width, top);
  pen.save();
  pen.translate(MARGIN, top + heads);
  pen.beginPath();
  pen.rect(0, 0, width, height);
  pen.clip();
  drawUnder(pen, viewports, map.data.bounds, INK);
  if (drawn) {
    // The drawing buffer is cleared once the page has been shown: draw and read in one go.
    deck.redraw('picture');
    pen.drawImage(map.drawing.canvas(), 0, 0, width, height);
  } else {
    map.drawing.rasters(pen, viewports);
  }
  drawOver(pen, viewports, { ...map.drawing.penState(), at: null, ink: INK, ground: PAPER });
  pen.restore();
  if (map.data.synthetic) for (const pane of map.panes()) badge(pen, MARGIN + pane.x + 10, top + heads + 10, map, pane.width);
  const slots = visibleSlots(map);
  for (const slot of slots) {
    pen.fillStyle = INK;
    pen.font = `600 13px ${map.font}`;
    pen.fillText(slot.layer.title, MARGIN + slot.x, top + 15, slot.width);
  }
  for (const slot of legendSlots(map, slots)) {
    const svg = legendSvg(map.colours(slot.layer.id), map.data.labels, Math.min(WIDEST_LEGEND, Math.round(slot.width)), INK, map.font);
    pen.drawImage(await image(svg), MARGIN + slot.x, legendTop);
  }
  let x = MARGIN;
  pen.font = `12px ${map.font}`;
  for (const { svg, text, width: wide } of symbols) {
    pen.drawImage(await image(svg), x, legendTop + LEGEND_HEIGHT + 2);
    pen.fillText(text, x + wide + 6, legendTop + LEGEND_HEIGHT + 14);
    x += wide + 6 + pen.measureText(text).width + 20;
  }
  pen.fillStyle = INK;
  pen.font = `11px ${map.font}`;
  credit.forEach((line, i) => pen.fillText(line, MARGIN, creditTop + 15 * i));
  return new Promise((done) => canvas.toBlob(done, 'image/png'));
}

// Of two blinking layers a picture shows one.
function visibleSlots(map) {
  const slots = slotsOf(map);
  return map.mode === 'blink' ? [{ ...slots[map.phase], x: 0 }] : slots;
}

function words(pen, map, width, top) {
  pen.fillStyle = INK;
  pen.textBaseline = 'alphabetic';
  pen.font = `600 17px ${map.font}`;
  const day = map.data.days[map.painted].label;
  pen.fillText(map.data.title ? `${map.data.title} · ${day}` : day, MARGIN, top - 8, width);
}

function badge(pen, x, y, map, room) {
  pen.save();
  pen.font = `700 13px ${map.font}`;
  const wide = Math.min(pen.measureText(map.data.labels.demo).width + 18, room - 20);
  pen.fillStyle = '#ffc905';
  pen.strokeStyle = '#16232a';
  pen.lineWidth = 1.5;
  pen.fillRect(x, y, wide, 24);
  pen.strokeRect(x, y, wide, 24);
  pen.fillStyle = '#16232a';
  pen.fillText(map.data.labels.demo, x + 9, y + 17, wide - 18);
  pen.restore();
}

function wrap(text, most) {
  const lines = [''];
  for (const word of String(text ?? '').split(' ')) {
    if (lines.at(-1).length + word.length > most) lines.push('');
    lines[lines.length - 1] += (lines.at(-1) ? ' ' : '') + word;
  }
  return lines.filter(Boolean);
}

function image(svg) {
  return new Promise((done, failed) => {
    const picture = new Image();
    picture.onload = () => done(picture);
    picture.onerror = failed;
    picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  });
}

/** Save what is on screen as a picture. */
export async function savePicture(map) {
  if (!map.drawing) return;
  const url = URL.createObjectURL(await pictureOf(map));
  download(url, `airlens-${map.shown().join('-')}-${map.data.days[map.painted].key}.png`);
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Save what is on screen as a page; the server writes it, and the address says what it shows. */
export function savePage(map) {
  const show = Object.values(map.chosen()).join(' ');
  download(`${map.data.snapshot}?${new URLSearchParams({ ...viewState(map), show })}`, '');
}

function download(url, name) {
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
}
