// Numbers → pictures. The same rules as app/palette.py, so that pictures made by the server and by
// the browser cannot be distinguished.

const TRANSPARENT = 0x00ffffff;

/** Colours of a scale under the reader's choices: a range, or classes. */
export function colouring(scale, { steps, range }) {
  const classes = steps && scale.breaks.length > 0;
  return {
    scale,
    steps: classes,
    low: range && !classes ? range[0] : scale.low,
    high: range && !classes ? range[1] : scale.high,
    stretched: Boolean(range) && !classes,
    table: packedColours(classes ? scale.stepTable : scale.table),
  };
}

/** Index of the class a value is in: class k holds breaks[k-1] < value <= breaks[k]. */
export function classOf(value, breaks) {
  let k = 0;
  while (k < breaks.length && value > breaks[k]) k++;
  return k;
}

function levelOf(value, low, perUnit, last) {
  const level = Math.floor((value - low) * perUnit);
  return level < 0 ? 0 : level > last ? last : level;
}

/** Colour of one value as [r, g, b]. */
export function colourOf(value, { scale, steps, low, high, table }) {
  const index = steps
    ? classOf(value, scale.breaks)
    : levelOf(value, low, table.length / (high - low), table.length - 1);
  const c = table[index];
  return [c & 255, (c >> 8) & 255, (c >> 16) & 255];
}

/** Picture of a raster, one pixel a cell, no data transparent. */
export function paint(raster, colours) {
  const { values, rows, columns } = raster;
  const pixels = new Uint32Array(values.length);
  const gaps = colours.steps ? paintSteps(values, pixels, colours) : paintRamp(values, pixels, colours);
  if (gaps) bleed(values, pixels, rows, columns);
  return new ImageData(new Uint8ClampedArray(pixels.buffer), columns, rows);
}

/** Range that holds all but the outermost fiftieth of the values at either end, in round numbers. */
export function stretchedRange(rasters, symmetric) {
  const sample = [];
  for (const { values } of rasters) {
    const stride = Math.max(1, Math.floor(values.length / 20000));
    for (let i = 0; i < values.length; i += stride) if (values[i] === values[i]) sample.push(values[i]);
  }
  if (!sample.length) return null;
  sample.sort((a, b) => a - b);
  const at = (share) => sample[Math.floor(share * (sample.length - 1))];
  let [low, high] = [at(0.02), at(0.98)];
  if (symmetric) [low, high] = [-Math.max(-low, high), Math.max(-low, high)];
  const unit = high - low > 20 ? 5 : high - low > 4 ? 1 : 0.1;
  low = Math.floor(low / unit) * unit;
  high = Math.ceil(high / unit) * unit;
  return high > low ? [low, high] : [low, low + unit];
}

function paintRamp(values, pixels, { low, high, table }) {
  const last = table.length - 1;
  const perUnit = table.length / (high - low);
  let gaps = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value !== value) {
      pixels[i] = TRANSPARENT;
      gaps++;
      continue;
    }
    pixels[i] = table[levelOf(value, low, perUnit, last)];
  }
  return gaps;
}

function paintSteps(values, pixels, { scale, table }) {
  let gaps = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value !== value) gaps++;
    pixels[i] = value === value ? table[classOf(value, scale.breaks)] : TRANSPARENT;
  }
  return gaps;
}

// A blended edge mixes the colour under the transparency in. With a neighbour's colour there, the
// edge fades; with any fixed one it has a rim, in one theme or in the other.
function bleed(values, pixels, rows, columns) {
  for (let row = 0, i = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, i++) {
      if (values[i] === values[i]) continue;
      const near =
        column > 0 && values[i - 1] === values[i - 1] ? i - 1
        : column < columns - 1 && values[i + 1] === values[i + 1] ? i + 1
        : row > 0 && values[i - columns] === values[i - columns] ? i - columns
        : row < rows - 1 && values[i + columns] === values[i + columns] ? i + columns
        : -1;
      if (near >= 0) pixels[i] = pixels[near] & 0x00ffffff;
    }
  }
}

const tablesByHex = new Map();

function packedColours(hex) {
  if (!tablesByHex.has(hex)) {
    const colours = new Uint32Array(hex.length / 6);
    for (let i = 0; i < colours.length; i++) {
      const c = parseInt(hex.slice(6 * i, 6 * i + 6), 16);
      colours[i] = (0xff000000 | ((c & 255) << 16) | (c & 0xff00) | (c >> 16)) >>> 0;
    }
    tablesByHex.set(hex, colours);
  }
  return tablesByHex.get(hex);
}
