// The legend as SVG text: on the page as it is, in exported pictures drawn as an image.

const BAR = 13;
const END = 8; // length of the arrow that says: and beyond
const FONT = 12.5;
const TOP = 19; // of the bar, below the heading
const FOOT = 46; // baseline of the numbers
const APART = 34; // pixels between numbers that can be distinguished

/** Pixels that a legend is high. */
export const LEGEND_HEIGHT = 51;
let drawn = 0; // ids must differ within a page

/**
 * Legend of a colouring.
 * @param colours what `colouring` returned
 * @param labels texts of the map
 * @param width in pixels
 * @param ink colour of text and frame
 */
export function legendSvg(colours, labels, width, ink, font = 'sans-serif') {
  const { scale, steps } = colours;
  const start = scale.under && !steps ? END + 1 : 1;
  const gap = 82; // room for the sign of missing data
  const room = Math.max(56, width - gap - start - (scale.over && !steps ? END : 0) - 8);
  const parts = steps ? classes(colours, start, room, ink) : ramp(colours, start, room, ink);
  const note = colours.stretched ? ` · ${labels.stretched}` : '';
  const unit = scale.unit ? ` (${scale.unit})` : '';
  const heading = escapeXml(`${scale.title}${unit}${note}`);
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${LEGEND_HEIGHT}" viewBox="0 0 ${width} ${LEGEND_HEIGHT}" role="img" ` +
    `aria-label="${heading}" font-family="${escapeXml(font)}" font-size="${FONT}" fill="${ink}">` +
    `<text x="1" y="12" font-weight="600">${lowered(heading)}</text>` +
    parts +
    missing(width - gap + 10, labels.no_data, ink) +
    '</svg>'
  );
}

function ramp({ scale, low, high, table }, x, width, ink) {
  const stops = Array.from({ length: 33 }, (_, i) => {
    const c = css(table[Math.round((i / 32) * (table.length - 1))]);
    return `<stop offset="${((i / 32) * 100).toFixed(1)}%" stop-color="${c}"/>`;
  }).join('');
  const id = `airmap-ramp-${drawn++}`;
  const y = TOP;
  const right = x + width;
  let svg = `<defs><linearGradient id="${id}">${stops}</linearGradient></defs>`;
  svg += `<rect x="${x}" y="${y}" width="${width}" height="${BAR}" fill="url(#${id})" stroke="${ink}" stroke-opacity=".35"/>`;
  if (scale.over) svg += arrow(right, right + END, y, css(table.at(-1)), ink);
  if (scale.under) svg += arrow(x, x - END, y, css(table[0]), ink);
  const marks = low === scale.low && high === scale.high ? scale.ticks : [low, (low + high) / 2, high];
  // Where numbers would touch, every second at most: the ends stay, and the middle if there is one.
  const last = marks.length - 1;
  const step = width / last >= APART || last < 3 ? 1 : last % 2 ? last : last / 2;
  for (const value of marks.filter((_, i) => i % step === 0)) {
    const at = x + ((value - low) / (high - low)) * width;
    svg += `<path d="M${at.toFixed(1)} ${y + BAR}v3" stroke="${ink}"/>`;
    svg += text(at, value === high && scale.over ? `≥ ${number(value)}` : number(value), width, x);
  }
  return svg;
}

function classes({ scale, table }, x, width, ink) {
  const count = scale.breaks.length + 1;
  const each = width / count;
  let svg = '';
  for (let k = 0; k < count; k++) {
    const name = className(scale.stepNames[k] ?? '', x + (k + 0.5) * each, each, table[k]);
    svg += `<rect x="${(x + k * each).toFixed(1)}" y="${TOP}" width="${each.toFixed(1)}" height="${BAR}" fill="${css(table[k])}" stroke="${ink}" stroke-opacity=".35"/>${name}`;
  }
  for (let k = 0; k < scale.breaks.length; k++) {
    svg += text(x + (k + 1) * each, number(scale.breaks[k]), width, x);
  }
  return svg;
}

// In its class where there is room for it, else where a mouse that rests on the class finds it.
function className(name, middle, room, colour) {
  if (!name) return '';
  const wide = [...name].reduce((sum, c) => sum + (c > '\u2e80' ? 11 : 6.2), 4);
  const said = `<title>${escapeXml(name)}</title>`;
  if (wide > room) return `<rect x="${middle - room / 2}" y="${TOP}" width="${room}" height="${BAR}" fill="transparent">${said}</rect>`;
  return `<text x="${middle.toFixed(1)}" y="${TOP + BAR - 3}" font-size="10.5" text-anchor="middle" fill="${inkOn(colour)}">${escapeXml(name)}${said}</text>`;
}

// Black or white, whichever reads better (WCAG 2.2 relative luminance), as app/palette.py has it.
function inkOn(packed) {
  const [r, g, b] = [packed & 255, (packed >> 8) & 255, (packed >> 16) & 255].map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? '#000' : '#fff';
}

function missing(x, label, ink) {
  const id = `airmap-gap-${drawn++}`;
  return (
    `<g><clipPath id="${id}"><rect x="${x}" y="${TOP}" width="16" height="${BAR}"/></clipPath>` +
    `<g clip-path="url(#${id})" stroke="${ink}" stroke-opacity=".5">` +
    [-8, -2, 4, 10, 16].map((d) => `<path d="M${x + d} ${TOP + BAR}l${BAR} -${BAR}"/>`).join('') +
    `</g><rect x="${x}" y="${TOP}" width="16" height="${BAR}" fill="none" stroke="${ink}" stroke-opacity=".35"/>` +
    `<text x="${x}" y="${FOOT}">${escapeXml(label)}</text></g>`
  );
}

// The digits that stand low in a formula are missing or crooked in many fonts: true ones, moved down.
function lowered(text) {
  return text.replace(/[₀-₉][₀-₉.]*[₀-₉]|[₀-₉]/g, (low) => {
    const digits = low.replace(/[₀-₉]/g, (d) => String.fromCharCode(d.charCodeAt(0) - 0x2050));
    return `<tspan dy="3" font-size="75%">${digits}</tspan><tspan dy="-3">\u200b</tspan>`;
  });
}

function arrow(base, tip, y, fill, ink) {
  return `<path d="M${base} ${y}L${tip} ${y + BAR / 2}L${base} ${y + BAR}" fill="${fill}" stroke="${ink}" stroke-opacity=".35"/>`;
}

function text(at, label, width, x) {
  const anchor = at <= x + 4 ? 'start' : 'middle';
  return `<text x="${(anchor === 'start' ? x : at).toFixed(1)}" y="${FOOT}" text-anchor="${anchor}">${label}</text>`;
}

const SYMBOL = {
  used: '<circle cx="8" cy="8" r="6.5" fill="#fff" stroke="#16232a" stroke-width="1.8"/><circle cx="8" cy="8" r="4" fill="#fe9929"/>',
  withheld: '<rect x="1.5" y="1.5" width="13" height="13" fill="#fff" stroke="#16232a" stroke-width="1.8"/><rect x="4" y="4" width="8" height="8" fill="#fe9929"/>',
  reanalysed: '<path d="M8 0L16 8L8 16L0 8Z" fill="#16232a"/><path d="M8 2.2L13.8 8L8 13.8L2.2 8Z" fill="#fff"/><path d="M8 4.2L11.8 8L8 11.8L4.2 8Z" fill="#fe9929"/>',
  invalid: '<circle cx="8" cy="8" r="5.5" fill="none" stroke="INK" stroke-width="2.4"/>',
};

/**
 * What shapes of stations and pale colours mean: [{ svg, text, width }].
 * @param signs { points, kinds, fade }: whether there are stations, their roles, and how a layer pales
 */
export function symbolsOf(labels, { points, kinds, fade }, ink) {
  const always = ['used', 'invalid'];
  const shapes = Object.keys(SYMBOL).filter((key) => points && (always.includes(key) || kinds.includes(key)));
  // Where all stations are of one role, nobody needs to know its name.
  const called = (key) => (key === 'used' && kinds.join() === 'used' ? labels.station : labels[key]);
  const found = shapes.map((key) => ({ svg: icon(SYMBOL[key].replace('INK', ink), 16), text: called(key), width: 16 }));
  if (!fade) return found;
  const text = labels.fades.replace('{start}', number(fade.start)).replace('{end}', number(fade.end));
  return [...found, { svg: icon(pales(fade, ink), 64), text, width: 64 }];
}

/** The same as HTML. */
export function symbolsHtml(labels, signs, ink = '#16232a') {
  return symbolsOf(labels, signs, ink).map(({ svg, text }) => `<span>${svg}${escapeXml(text)}</span>`).join('');
}

// Full colour at the left, as pale as it gets at the right, over the hatching of missing data.
function pales({ palest }, ink) {
  const id = `airmap-pale-${drawn++}`;
  const lines = Array.from({ length: 11 }, (_, i) => `<path d="M${7 * i - 14} 15l14 -14"/>`).join('');
  const stop = (at, opacity) => `<stop offset="${at}" stop-color="#cc4c02" stop-opacity="${opacity}"/>`;
  return (
    `<defs><linearGradient id="${id}">${stop(0.12, 1)}${stop(0.88, palest)}</linearGradient><clipPath id="${id}c"><rect x="1" y="2" width="62" height="12"/></clipPath></defs>` +
    `<g clip-path="url(#${id}c)" stroke="${ink}" stroke-opacity=".4">${lines}</g>` +
    `<rect x="1" y="2" width="62" height="12" fill="url(#${id})" stroke="${ink}" stroke-opacity=".5"/>`
  );
}

function icon(content, width) {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="16" viewBox="0 0 ${width} 16" aria-hidden="true">${content}</svg>`;
}

/** A number as people read it: as many decimals as it has, a typographic minus. */
export function number(value, digits) {
  const fixed = digits === undefined ? String(+value.toFixed(2)) : value.toFixed(digits);
  return (Number(fixed) === 0 ? fixed.replace('-', '') : fixed).replace('-', '−');
}

function css(packed) {
  return `rgb(${packed & 255},${(packed >> 8) & 255},${(packed >> 16) & 255})`;
}

/** Text that may stand in XML. */
export function escapeXml(text) {
  return String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
