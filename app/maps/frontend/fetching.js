// Rasters and tables by address, kept while there is room. An address names its content, so what
// is here is right, and the browser's own cache answers what is not.
import { decode } from './codec.js';

const ROOM = 192 * 2 ** 20; // bytes of decoded rasters: about 80 of 800 × 720
const kept = new Map(); // address → { promise, value, bytes }
let bytesKept = 0;

/** The raster behind an address; fetched once. What is not looked at yet has the priority 'low'. */
export function raster(url, priority = 'auto') {
  let entry = kept.get(url);
  if (entry) {
    kept.delete(url); // the youngest is last
    kept.set(url, entry);
    return entry.promise;
  }
  entry = { value: null, bytes: 0 };
  entry.promise = fetchOk(url, priority)
    .then((response) => response.arrayBuffer())
    .then((buffer) => {
      entry.value = decode(buffer);
      entry.bytes = entry.value.values.byteLength;
      bytesKept += entry.bytes;
      makeRoom();
      return entry.value;
    })
    .catch((error) => {
      kept.delete(url); // another try may succeed
      throw error;
    });
  kept.set(url, entry);
  return entry.promise;
}

/** The raster if it is here already, else null. */
export function rasterNow(url) {
  return kept.get(url)?.value ?? null;
}

const tables = new Map();

/** The JSON behind an address; fetched once. */
export function json(url) {
  if (!tables.has(url)) {
    tables.set(url, fetchOk(url).then((r) => r.json()).catch((error) => {
      tables.delete(url);
      throw error;
    }));
  }
  return tables.get(url);
}

async function fetchOk(url, priority = 'auto') {
  // The page's language, not the browser's: the server says in it why it has no answer.
  const headers = { 'Accept-Language': document.documentElement.lang || 'en' };
  const response = await fetch(url, { priority, headers });
  if (response.ok) return response;
  const error = new Error(`${response.status} ${url}`);
  error.gone = response.status === 404;
  if (response.status === 409) error.said = await response.text(); // the server's own sentence
  throw error;
}

function makeRoom() {
  for (const [url, entry] of kept) {
    if (bytesKept <= ROOM) return;
    if (!entry.value) continue;
    kept.delete(url);
    bytesKept -= entry.bytes;
  }
}
