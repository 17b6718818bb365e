// Rasters with a pen, until deck.gl has drawn: the same cells at the same places.

/**
 * Draw one raster into one viewport.
 *
 * A raster's rows are even in latitude, the screen's are not: each row of pixels takes the cells that
 * its middle lies in, and neighbours that take the same are drawn at once. On whole pixels of the
 * device, so that no seam shows between them.
 * @param picture ImageData, one pixel a cell
 */
export function sketch(pen, viewport, picture, [west, south, east, north], smooth) {
  const sheet = sheetFrom(picture);
  const rows = sheet.height;
  const { a: density } = pen.getTransform();
  const [left, top] = viewport.project([west, north]);
  const [right, bottom] = viewport.project([east, south]);
  const first = Math.max(0, Math.round(top * density));
  const last = Math.min(Math.round(viewport.height * density), Math.round(bottom * density));
  const rowAt = (y) => {
    const latitude = viewport.unproject([0, (y + 0.5) / density])[1];
    return Math.max(0, Math.min(rows - 1, Math.floor(((north - latitude) / (north - south)) * rows)));
  };
  pen.save();
  pen.beginPath();
  pen.rect(viewport.x, 0, viewport.width, viewport.height);
  pen.clip();
  pen.imageSmoothingEnabled = smooth;
  for (let y = first, row = rowAt(first); y < last; ) {
    let end = y + 1;
    let next = rowAt(end);
    while (end < last && next === row) next = rowAt(++end);
    pen.drawImage(sheet, 0, row, sheet.width, 1, viewport.x + left, y / density, right - left, (end - y) / density);
    [y, row] = [end, next];
  }
  pen.restore();
}

const sheets = new WeakMap(); // picture → canvas

function sheetFrom(picture) {
  let sheet = sheets.get(picture);
  if (!sheet) {
    sheet = new OffscreenCanvas(picture.width, picture.height);
    sheet.getContext('2d').putImageData(picture, 0, 0);
    sheets.set(picture, sheet);
  }
  return sheet;
}
