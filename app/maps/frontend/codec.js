// Packed raster → numbers. The inverse of app/maps/frames.py, whose docstring has the layout.

const MAGIC = 0x31524c41; // "ALR1", little-endian
const HEADER = 24;
const LEFT = 0;

/** A raster of `rows` × `columns` values, row 0 in the north; NaN is no data. */
export function decode(buffer) {
  const head = new DataView(buffer);
  if (buffer.byteLength < HEADER || head.getUint32(0, true) !== MAGIC) throw new Error('not a packed raster');
  const rows = head.getUint32(4, true);
  const columns = head.getUint32(8, true);
  const offset = head.getFloat32(12, true);
  const perUnit = head.getFloat32(16, true);
  const predictor = head.getUint8(20);
  const hasMask = head.getUint8(21);
  const size = rows * columns;
  const bytes = new Uint8Array(buffer);
  const integers = differences(bytes, size);
  (predictor === LEFT ? sumLeft : sumPlane)(integers, rows, columns);
  const values = new Float32Array(size);
  for (let i = 0; i < size; i++) values[i] = offset + integers[i] / perUnit;
  if (hasMask) dropMissing(values, bytes, HEADER + 2 * size);
  return { rows, columns, values };
}

function differences(bytes, size) {
  const out = new Uint16Array(size);
  for (let i = 0, low = HEADER, high = HEADER + size; i < size; i++) {
    const coded = bytes[low + i] | (bytes[high + i] << 8);
    out[i] = (coded >> 1) ^ -(coded & 1); // zigzag; Uint16Array keeps it modulo 65536
  }
  return out;
}

function sumLeft(a, rows, columns) {
  for (let row = 0; row < rows; row++) {
    const start = row * columns;
    if (row) a[start] += a[start - columns];
    for (let i = start + 1; i < start + columns; i++) a[i] += a[i - 1];
  }
}

function sumPlane(a, rows, columns) {
  for (let row = 0; row < rows; row++) {
    const start = row * columns;
    let across = 0;
    for (let i = start; i < start + columns; i++) {
      across += a[i];
      a[i] = row ? across + a[i - columns] : across;
    }
  }
}

function dropMissing(values, bytes, start) {
  for (let i = 0; i < values.length; i++) {
    if (bytes[start + (i >> 3)] & (128 >> (i & 7))) values[i] = NaN;
  }
}
