// Days: going to one, fetching the next, playing them back.
import { raster } from './fetching.js';
import { pointsOf } from './points.js';

const STEP_MS = 500; // between days in playback
const CALM_STEP_MS = 1500; // where the reader asked for less motion
const AHEAD = 3; // days fetched before they are needed

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
      const urls = map.shown().map((id) => map.url(id, map.day)).filter(Boolean);
      const [points] = await Promise.all([pointsOf(map.data, map.day), ...urls.map(raster)]);
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

  /** The days to come, and the other layers of this day for the read-out. */
  fetchAhead(turn) {
    const { map } = this;
    const quietly = (url) => url && raster(url).catch(() => {});
    for (const by of [1, -1, 2, AHEAD]) {
      if (map.data.days[map.day + by]) map.shown().forEach((id) => quietly(map.url(id, map.day + by)));
    }
    if (this.playing) return;
    const rest = map.data.layers.map((layer) => quietly(map.url(layer.id, map.day)));
    Promise.all(rest).then(() => turn === this.turn && map.read());
  }

  step(by) {
    this.play(false);
    return this.go(this.map.day + by);
  }

  /** Begin or end playback. It waits for each day, so slow data slow it down and drop nothing. */
  async play(on) {
    if (on === this.playing) return;
    const { map } = this;
    this.playing = on;
    map.controls.refreshTime();
    const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
    while (this.playing && map.root.isConnected) {
      const began = performance.now();
      await this.go((map.day + 1) % map.data.days.length);
      const left = (calm ? CALM_STEP_MS : STEP_MS) - (performance.now() - began);
      await new Promise((done) => setTimeout(done, Math.max(0, left)));
    }
    map.moved();
  }
}
