// Camera, mode, day and layers in the page's URL, so that a link shows a colleague the same thing.
//
// The browser alone writes these keys, without calling the server. Streamlit rewrites the query
// whenever a page sets one of its own keys and then drops ours: we put them back.
import { CHOICES } from './geometry.js';

const KEYS = ['at', 'view', 'on', 'show'];
const REST = 400; // ms of rest before the URL is written

/** What the URL says, or what of it makes sense for this map. */
export function readAddress(data) {
  const query = new URLSearchParams(location.search);
  const found = {};
  const at = (query.get('at') ?? '').split(',').map(Number);
  if (at.length === 3 && at.every(Number.isFinite) && Math.abs(at[1]) <= 85 && at[2] >= 0 && at[2] <= 20) {
    found.camera = { longitude: at[0], latitude: at[1], zoom: at[2] };
  }
  if (query.get('view') in CHOICES) found.mode = query.get('view');
  const day = data.days.findIndex((d) => d.key === query.get('on'));
  if (day >= 0) found.day = day;
  const known = new Set(data.layers.map((l) => l.id));
  const show = (query.get('show') ?? '').split(' ').filter((id) => known.has(id));
  if (show.length) found.show = show;
  return found;
}

/** Keeps the URL's keys up to date from mount to unmount. */
export class Address {
  constructor() {
    this.wanted = null;
    this.restore = () => this.wanted && this.put();
    // Fires when Streamlit rewrites the URL. Where a browser has no such event, the map's next
    // move puts the keys back.
    globalThis.navigation?.addEventListener('currententrychange', this.restore);
  }

  /** Say what the URL should hold; null leaves a key out. */
  say(wanted) {
    this.wanted = wanted;
    clearTimeout(this.timer);
    this.timer = setTimeout(this.restore, REST);
  }

  put() {
    const query = new URLSearchParams(location.search);
    for (const key of KEYS) {
      if (this.wanted[key] == null) query.delete(key);
      else query.set(key, this.wanted[key]);
    }
    const text = query.toString().replaceAll('%2C', ',').replaceAll('%3A', ':');
    const url = location.pathname + (text ? `?${text}` : '') + location.hash;
    if (url !== location.pathname + location.search + location.hash) {
      history.replaceState(history.state, '', url);
    }
  }

  close() {
    clearTimeout(this.timer);
    globalThis.navigation?.removeEventListener('currententrychange', this.restore);
  }
}
