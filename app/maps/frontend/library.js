// deck.gl, from the bundle that pydeck's wheel carries for Jupyter. No other copy, no CDN.

const NAMES = ['deck', 'luma'];

/** Whether this browser can draw the map. */
export function hasWebGL() {
  try {
    const canvas = document.createElement('canvas');
    const gl = canvas.getContext('webgl2');
    gl?.getExtension('WEBGL_lose_context')?.loseContext();
    return Boolean(gl);
  } catch {
    return false;
  }
}

/** deck.gl; loaded once a page, which holds the page up for a second. */
export function loadDeck(url) {
  globalThis.__airlensDeck ??= fetch(url)
    .then((response) => {
      if (!response.ok) throw new Error(`${response.status} ${url}`);
      return response.text();
    })
    .then(evaluate)
    .catch((error) => {
      globalThis.__airlensDeck = undefined;
      throw error;
    });
  return globalThis.__airlensDeck;
}

// Streamlit's own charts bring another deck.gl, and the two refuse to share a page. Ours looks for
// the other under two global names: they are hidden while it starts and put back after. It must
// happen in one go, so that no other script sees them missing: an element that holds its text runs
// while it is appended, and needs no eval, which the server's policy forbids.
function evaluate(source) {
  const hidden = NAMES.map((name) => [name, globalThis[name]]);
  for (const name of NAMES) delete globalThis[name];
  try {
    const script = document.createElement('script');
    script.textContent = source;
    document.head.append(script);
    script.remove();
    if (!globalThis.deck) throw new Error('deck.gl did not start');
    return globalThis.deck;
  } finally {
    for (const [name, value] of hidden) {
      delete globalThis[name];
      if (value !== undefined) globalThis[name] = value;
    }
  }
}

/** End a Deck and give its WebGL context back; `finalize` alone keeps it, and browsers have 16. */
export function release(deck) {
  const gl = deck.device?.gl;
  deck.finalize();
  gl?.getExtension('WEBGL_lose_context')?.loseContext();
}
