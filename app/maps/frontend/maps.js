// The map: what is looked at, and who must know when that changes.
import { CHOICES, distanceKm, fit, paneCamera, panesOf } from './geometry.js';
import { Address } from './address.js';
import { viewState, keep, recall } from './memory.js';
import { hasWebGL } from './library.js';
import { Drawing, colours, seen } from './drawing.js';
import { StandIn } from './leaflet.js';
import { Clock } from './clock.js';
import { sentence, stationNear, valuesAt } from './reading.js';
import { listen } from './pointer.js';
import { Controls } from './controls.js';
import { boundStage, buildLegends, buildSlots, writeValues } from './panes.js';

const REST_MS = 400; // of rest before Python gets a day
const SPEECH_MS = 150; // of rest before a value is spoken
const [FARTHEST, NEAREST] = [2, 13]; // zoom

class LinkedMaps {
  constructor(root) {
    this.root = root;
    this.stage = root.querySelector('.stage');
    this.at = null; // [lon, lat] of the crosshair
    this.painted = null; // index of the day on screen
    this.points = { stations: null, tracks: null };
    this.phase = 0; // which of two blinks
    this.began = performance.now();
  }

  // ---- what Python says ---------------------------------------------------------------------

  /** Take over what a run of the page's script says; the first time, begin. */
  async update({ data, setStateValue }) {
    const before = this.data;
    this.data = data;
    this.send = setStateValue;
    this.stage.style.height = data.height ? `${data.height}px` : '';
    if (!before) await this.begin();
    else if (this.ready) await this.follow(before);
  }

  async begin() {
    const { data } = this;
    this.clock = new Clock(this);
    this.controls = new Controls(this, this.root);
    this.address = data.address ? new Address() : null;
    recall(this);
    this.fly();
    this.controls.relabel(data.labels);
    this.theme();
    this.relabel();
    this.note(data.labels.loading);
    listen(this);
    this.drawing = new Drawing(this);
    this.ready = true;
    await this.clock.go(this.day);
    await seen(); // deck.gl holds the page up while it starts: what is there is shown before
    await this.beginDrawing();
  }

  async beginDrawing() {
    if (this.closed) return;
    try {
      if (!hasWebGL()) throw new Error('no WebGL');
      await this.drawing.begin();
      return;
    } catch (error) {
      if (this.closed) return;
      this.root.dataset.refused = String(error).slice(0, 200); // or too little is left to draw with
    }
    this.drawing.close();
    this.drawing = null;
    this.standIn = new StandIn(this, this.stage);
    this.root.dataset.standin = 'leaflet';
    this.root.querySelector('.plain').hidden = false;
    this.root.querySelector('[data-do="save_png"]').hidden = true;
    if (this.painted !== null) this.shownAnew();
  }

  follow(before) {
    const { data } = this;
    const stays = this.dayOf(before.days[this.day]?.key);
    const requested = Math.max(0, this.dayOf(data.day));
    this.day = data.day !== before.day || stays < 0 ? requested : stays;
    if (String(data.show) !== String(before.show)) this.show = [...data.show];
    if (data.mode !== before.mode) this.mode = data.mode;
    if (data.steps !== before.steps) this.options.steps = data.steps;
    this.show = this.fill(this.show);
    this.bounded();
    this.drawing?.take();
    this.controls.relabel(data.labels);
    if (String(data.bounds) !== String(before.bounds)) this.reset();
    this.fly();
    this.relayout();
    return this.clock.go(this.day);
  }

  /** Three layers, whatever was requested: what is not known is left out, what lacks is filled in. */
  fill(show) {
    const known = this.data.layers.map((layer) => layer.id);
    const wanted = [...show.filter((id) => known.includes(id)), ...known];
    const filled = wanted.filter((id, i) => i < show.length || wanted.indexOf(id) === i);
    while (filled.length < 3) filled.push(filled[0]);
    return filled.slice(0, 3);
  }

  bounded() {
    const { length } = this.data.layers;
    if (length < CHOICES[this.mode]) this.mode = length > 1 ? 'two' : 'single';
  }

  fly() {
    const { fly } = this.data;
    if (!fly || fly.count === this.flown) return;
    this.flown = fly.count;
    this.look(fly);
    this.at = [fly.longitude, fly.latitude];
  }

  // ---- what is where ------------------------------------------------------------------------

  dayOf(key) {
    return this.data.days.findIndex((day) => day.key === key);
  }

  layer(id) {
    return this.data.layers.find((layer) => layer.id === id);
  }

  url(id, day) {
    return this.data.days[day].urls[id];
  }

  /** Layers that the mode of now chooses. */
  shown() {
    return this.show.slice(0, CHOICES[this.mode]);
  }

  /** Pane id → layer id. */
  chosen() {
    if (this.mode === 'blink') return { p0: this.show[this.phase] };
    return Object.fromEntries(this.shown().map((id, i) => [`p${i}`, id]));
  }

  size() {
    return { width: this.stage.clientWidth, height: this.stage.clientHeight };
  }

  panes() {
    return panesOf(this.mode, this.size().width, this.swipeAt);
  }

  paneSize() {
    const { width, height } = this.size();
    return { width: this.mode === 'swipe' ? width : this.panes()[0].width, height };
  }

  colours(id) {
    return colours(this, this.layer(id).scale);
  }

  whole() {
    const { width, height } = this.paneSize();
    return fit(this.data.bounds, Math.max(width, 50), Math.max(height, 50));
  }

  /** Pixels that a cell of the finest layer is wide. */
  cellPixels() {
    const widths = this.data.layers.map((l) => (l.bounds[2] - l.bounds[0]) / l.columns);
    return (Math.min(...widths) * 512 * 2 ** this.camera.zoom) / 360;
  }

  // ---- what the reader does -----------------------------------------------------------------

  setMode(mode) {
    this.mode = mode;
    this.phase = 0;
    if (this.fitted) this.camera = this.whole();
    this.relayout();
    this.clock.go(this.day);
  }

  setLayer(slot, id) {
    this.show[slot] = id;
    this.relayout();
    this.clock.go(this.day);
  }

  setOption(name, on) {
    this.options[name] = on;
    if (on && name === 'steps') this.options.stretch = false;
    if (on && name === 'stretch') this.options.steps = false;
    this.relayout();
    this.shownAnew();
  }

  setSwipe(share) {
    this.swipeAt = Math.max(0.05, Math.min(0.95, share));
    this.layout();
    this.moved();
  }

  /** Show the other of two layers. */
  blink() {
    if (this.mode !== 'blink') return;
    this.phase = 1 - this.phase;
    this.shownAnew();
    this.announce(this.layer(this.chosen().p0).title);
  }

  look({ longitude, latitude, zoom }) {
    const [west, south, east, north] = this.data.bounds;
    this.camera = {
      longitude: Math.max(west, Math.min(east, longitude)),
      latitude: Math.max(south, Math.min(north, latitude)),
      zoom: Math.max(FARTHEST, Math.min(NEAREST, zoom)),
    };
    this.fitted = false;
    this.drawing?.look();
    this.standIn?.show();
    this.moved();
  }

  dragged({ longitude, latitude, zoom }, paneId) {
    const pane = this.panes().find((p) => p.id === paneId);
    if (pane) this.look(paneCamera({ longitude, latitude, zoom }, pane, this.mode, this.size().width, -1));
  }

  reset() {
    this.look(this.whole());
    this.fitted = true;
  }

  pointAt(at) {
    this.at = at;
    this.read();
    this.drawing?.pens();
  }

  pointAtCentre() {
    this.pointAt([this.camera.longitude, this.camera.latitude]);
    this.announce(sentence(this, this.at));
  }

  /** Send a place to Python: the page opens its series. */
  inspect(at, station = null) {
    if (this.painted === null) return;
    this.pointAt(at);
    const near = station
      ? { station, km: distanceKm(at[0], at[1], station.lon, station.lat) }
      : stationNear(this, at);
    const values = valuesAt(this, at);
    this.click = {
      lon: at[0],
      lat: at[1],
      day: this.data.days[this.painted].key,
      values: Object.fromEntries(Object.entries(values).map(([id, v]) => [id, v == null ? null : Number(v.toFixed(2))])),
      station: near?.station.id ?? null,
      km: near?.km ?? null,
      count: Date.now(),
    };
    this.announce(sentence(this, at));
    this.report();
  }

  // ---- who must know ------------------------------------------------------------------------

  /** The panes, their heads or their colours have changed. */
  relayout() {
    this.relabel();
    this.layout();
    this.moved();
  }

  relabel() {
    this.controls.refresh();
    buildSlots(this);
    this.read();
  }

  layout() {
    const handle = this.root.querySelector('.handle');
    handle.style.left = `${this.swipeAt * 100}%`;
    boundStage(this);
    handle.setAttribute('aria-valuenow', String(Math.round(this.swipeAt * 100)));
    this.drawing?.layout();
    this.standIn?.show();
  }

  /** Another day, layer or colouring is to be seen. */
  shownAnew() {
    if (this.options.stretch) buildLegends(this);
    this.drawing?.show();
    this.standIn?.show();
    this.read();
    this.moved();
    if (this.standIn) this.onFrame();
  }

  /** A frame has been drawn: what tests and measurements wait for. */
  onFrame() {
    if (this.painted === null) return;
    const { dataset } = this.root;
    dataset.first ??= (performance.now() - this.began).toFixed(0);
    dataset.day = this.data.days[this.painted].key;
    dataset.shown = Object.values(this.chosen()).join(' ');
    if (this.clock.began) dataset.step = (performance.now() - this.clock.began).toFixed(1);
    this.clock.began = 0;
  }

  /** Camera, mode, day, layers or options have changed. */
  moved() {
    keep(this);
    const elsewhere = this.data.days[this.day].key !== this.data.day;
    if (this.data.reportDay && elsewhere && !this.clock.playing) this.tellSoon();
  }

  tellSoon() {
    clearTimeout(this.reporting);
    this.reporting = setTimeout(() => this.report(), REST_MS);
  }

  report() {
    clearTimeout(this.reporting);
    const { longitude, latitude, zoom } = this.camera;
    this.send('said', {
      click: this.click ?? null,
      day: this.data.days[this.day].key,
      mode: this.mode,
      show: this.shown(),
      camera: [longitude, latitude, zoom],
    });
  }

  read() {
    writeValues(this, valuesAt(this, this.at));
    this.root.querySelector('.reading').textContent = sentence(this, this.at);
    this.root.dataset.at = this.at ? this.at.map((v) => v.toFixed(5)).join() : '';
  }

  announce(text) {
    clearTimeout(this.speech);
    this.speech = setTimeout(() => (this.root.querySelector('.said').textContent = text), SPEECH_MS);
  }

  /** A sentence on the map, or none; while there is one, the map is dimmed. */
  note(text) {
    const note = this.root.querySelector('.note');
    note.hidden = !text;
    note.textContent = text ?? '';
    this.root.classList.toggle('dimmed', Boolean(text));
  }

  resized() {
    if (!this.size().width) return;
    boundStage(this);
    if (this.fitted) this.camera = this.whole();
    buildSlots(this);
    this.read();
    this.layout();
  }

  theme() {
    const style = getComputedStyle(this.root);
    this.ink = style.color;
    this.ground = style.backgroundColor;
    this.font = style.fontFamily;
    const [r, g, b] = this.ink.match(/[\d.]+/g).map(Number);
    this.dark = r + g + b > 384; // light ink: dark ground
  }

  retheme() {
    this.theme();
    buildLegends(this);
    if (this.painted !== null) this.drawing?.show();
    this.standIn?.show();
  }

  close() {
    this.closed = true;
    clearTimeout(this.reporting);
    this.clock.playing = false;
    this.observer?.disconnect();
    this.address?.close();
    this.drawing?.close();
    this.standIn?.close();
  }
}

export default function draw(component) {
  const root = component.parentElement.querySelector('.airmap');
  root.airmap ??= new LinkedMaps(root);
  root.airmap.update(component);
  // Streamlit cleans up before every call too; only an element that has left the page is over.
  return () =>
    setTimeout(() => {
      if (root.isConnected) return;
      root.airmap?.close();
      root.airmap = null;
    });
}
