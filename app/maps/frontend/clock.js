// Days: going to one, fetching the next, playing them back.
import { needed } from './fading.js';
import { raster } from './fetching.js';
import { pointsOf } from './points.js';

const STEP_MS = 500; // between days in playback
const CALM_STEP_MS = 1500; // where the reader requested less motion
const AROUND = [1, -1, 2, 3]; // days fetched before they are needed, from the one on screen

/** Moves a map through its days. */
export class Clock {
  constructor(map) {
    this.map = map;
    this.turn = 0;
    this.playing = false;
  }

  /** Show a day; resolves when it is handed to the screen, or overtaken by another. */
  async go(day) {
    const { map } = this;
    const turn = ++this.turn;
    map.day = Math.max(0, Math.min(map.data.days.length - 1, day));
    map.controls.refreshTime();
    this.began = performance.now();
    try {
      const urls = needed(map).map((id) => map.url(id, map.day)).filter(Boolean);
      const [points] = await Promise.all([pointsOf(map.data, map.day), ...urls.map((url) => raster(url))]);
      if (turn !== this.turn) return;
      map.points = points;
    } catch (error) {
      if (turn === this.turn) map.note(error.said ?? map.data.labels[error.gone ? 'missing' : 'unreachable']);
      return;
    }
    map.painted = map.day;
    map.note(map.data.stale);
    map.shownAnew();
    this.fetchAhead(turn);
  }

  // The other layers of this day for the read-out, then the days around it. One after the other, and
  // no further once something else is wanted: what is looked at must not wait in line behind what
  // may be looked at.
  async fetchAhead(turn) {
    const { map } = this;
    const quietly = (id, day) => {
      const url = map.data.days[day] && map.url(id, day);
      return url ? raster(url, 'low').catch(() => {}) : null;
    };
    if (!this.playing) {
      await Promise.all(map.data.layers.map((layer) => quietly(layer.id, map.day)));
      if (turn !== this.turn) return;
      map.read();
    }
    for (const by of AROUND) {
      await Promise.all(needed(map).map((id) => quietly(id, map.day + by)));
      if (turn !== this.turn || map.closed) return;
    }
  }

  step(by) {
    this.play(false);
    return this.go(this.map.day + by);
  }

  // Resolves once the day that was handed over is on the screen, or will not come.
  async seen() {
    const { map } = this;
    const waits = () => map.painted === map.day && map.root.dataset.day !== map.data.days[map.day].key;
    while (this.playing && map.root.isConnected && waits()) await new Promise(requestAnimationFrame);
  }

  /** Begin or end playback. It waits for each day, so slow data or a slow browser drop nothing. */
  async play(on) {
    if (on === this.playing) return;
    const { map } = this;
    this.playing = on;
    map.controls.refreshTime();
    const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
    while (this.playing && map.root.isConnected) {
      const began = performance.now();
      await this.go((map.day + 1) % map.data.days.length);
      await this.seen();
      const left = (calm ? CALM_STEP_MS : STEP_MS) - (performance.now() - began);
      await new Promise((done) => setTimeout(done, Math.max(0, left)));
    }
    map.moved();
  }
}
