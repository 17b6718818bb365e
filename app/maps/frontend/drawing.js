// From state to screen: deck.gl's canvas between two drawn with a pen. Until deck.gl is there and has
// drawn, the pen draws the rasters as well: a reader sees the map a second or two sooner.
import { rasterNow, json } from './fetching.js';
import { viewportOf } from './geometry.js';
import { colouring, paint, stretchedRange } from './colour.js';
import { veil, veilOf } from './fading.js';
import { loadDeck, release } from './library.js';
import { drawOver, drawUnder } from './overlay.js';
import { sketch } from './sketch.js';
import { symbolsFor } from './symbols.js';
import { camerasOf, convert, layersOf, shows, viewsOf } from './scene.js';

const DENSEST = 2; // device pixels drawn for each on the page

/** Draws a map: with a pen from the beginning, with deck.gl once it is there. */
export class Drawing {
  constructor(map) {
    this.map = map;
    this.images = {}; // layer id → { stamp, picture }
    this.symbols = [];
    this.drawn = false; // whether deck.gl has
    if (map.data.cities) {
      json(map.data.cities).then((cities) => {
        this.cities = cities;
        this.pens();
      }, () => {});
    }
  }

  /** Fetch deck.gl and let it take over. */
  async begin() {
    const { map } = this;
    const lib = await loadDeck(map.data.deck);
    if (map.closed) return;
    this.lib = lib;
    this.take();
    this.deck = new this.lib.Deck({
      parent: map.root.querySelector('.gl'),
      views: viewsOf(this.lib, map.panes()),
      viewState: this.cameras(),
      layers: [],
      useDevicePixels: Math.min(DENSEST, devicePixelRatio),
      layerFilter: ({ layer, viewport }) => shows(layer.id, viewport.id, map.chosen()),
      onViewStateChange: (change) => isMotion(change) && map.dragged(change.viewState, change.viewId),
      onAfterRender: () => this.rendered(),
      onError: (error) => this.failed(error),
      getCursor: ({ isDragging }) => (isDragging ? 'grabbing' : 'crosshair'),
    });
    if (map.painted !== null) this.show();
  }

  /** Take over the specification that the page sends. */
  take() {
    if (!this.lib) return;
    const { spec } = this.map.data;
    if (spec !== this.spec) this.written = convert(this.lib, spec).layers;
    this.spec = spec;
  }

  cameras() {
    const { map } = this;
    return camerasOf(map.camera, map.panes(), map.mode, map.size().width);
  }

  /** Panes or camera have changed. */
  layout() {
    if (!this.deck) return this.sketch();
    this.deck.setProps({ views: viewsOf(this.lib, this.map.panes()), viewState: this.cameras() });
  }

  look() {
    if (!this.deck) return this.sketch();
    this.deck.setProps({ viewState: this.cameras() });
  }

  /** Pictures, points or options have changed. */
  show() {
    const { map } = this;
    this.paint();
    this.symbols = ['tracks', 'stations'].flatMap((kind) => {
      const points = map.options[kind] && map.points[kind];
      return points ? symbolsFor(kind, points, colours(map, map.data[kind].scale), (id) => colours(map, map.layer(id).scale)) : [];
    });
    if (!this.deck) return this.sketch();
    const images = Object.fromEntries(Object.entries(this.images).map(([id, i]) => [id, i.picture]));
    const { smooth, outlines } = map.options;
    const now = { images, smooth, outlines, dark: map.dark };
    this.deck.setProps({ layers: layersOf(this.lib, this.written, now) });
  }

  // Anew only where the day, the colours or the layer changed.
  paint() {
    const { map } = this;
    for (const id of new Set(Object.values(map.chosen()))) {
      const url = map.url(id, map.painted);
      const values = url && rasterNow(url);
      const tint = colours(map, map.layer(id).scale);
      // Blending is set when a picture is handed over, so a change of it needs a new one too.
      const pale = veilOf(map, id);
      const stamp = [url, tint.scale.name, tint.steps, tint.low, tint.high, map.options.smooth, pale?.url, pale?.start].join();
      if (!values) delete this.images[id];
      else if (this.images[id]?.stamp !== stamp) {
        const picture = paint(values, tint);
        this.images[id] = { stamp, picture: pale ? veil(picture, pale) : picture };
      }
    }
  }

  rendered() {
    // The stage has the focus and the keys; a second stop for the Tab key would do nothing.
    this.canvas().removeAttribute('tabindex');
    this.drawn ||= this.complete();
    if (this.drawn) this.map.root.dataset.drawn ??= (performance.now() - this.map.began).toFixed(0);
    this.pens();
    this.map.onFrame();
  }

  // deck.gl's first frames lack layers, or are of another size than the stage.
  complete() {
    const { layers } = this.deck.props;
    const fits = Math.abs(this.deck.width - this.map.size().width) < 1; // the page rounds
    return fits && layers.length > 0 && layers.every((layer) => layer.isLoaded);
  }

  // All with the pen, on the screen with the next frame.
  sketch() {
    if (this.closed || this.map.painted === null) return;
    this.pens();
    seen().then(() => this.map.onFrame());
  }

  failed(error) {
    this.map.root.dataset.error = String(error).slice(0, 200);
  }

  /** What is drawn with a pen, on the canvases below and above. */
  pens() {
    const { map } = this;
    if (this.closed || map.painted === null) return;
    const viewports = this.viewports();
    this.pen('under', (pen) => {
      drawUnder(pen, viewports, map.data.bounds, map.ink);
      if (!this.drawn) this.rasters(pen, viewports);
    });
    this.pen('over', (pen) => drawOver(pen, viewports, this.penState()));
  }

  pen(name, draw) {
    const { width, height } = this.map.size();
    const density = Math.min(DENSEST, devicePixelRatio);
    const canvas = this.map.root.querySelector(`canvas.${name}`);
    const [wide, tall] = [Math.round(width * density), Math.round(height * density)];
    if (canvas.width !== wide || canvas.height !== tall) [canvas.width, canvas.height] = [wide, tall];
    const pen = canvas.getContext('2d');
    pen.setTransform(density, 0, 0, density, 0, 0);
    pen.clearRect(0, 0, width, height);
    draw(pen);
  }

  /** The planes of the panes, left to right. */
  viewports() {
    const { map } = this;
    const { width, height } = map.size();
    return map.panes().map((pane) => viewportOf(map.camera, pane, map.mode, width, height));
  }

  /** What deck.gl would draw, with a pen; all but the outlines. */
  rasters(pen, viewports) {
    const { map } = this;
    const chosen = map.chosen();
    for (const viewport of viewports) {
      const id = chosen[viewport.id];
      const image = this.images[id];
      if (image) sketch(pen, viewport, image.picture, map.layer(id).bounds, map.options.smooth);
    }
  }

  penState() {
    const { map } = this;
    return {
      cities: map.options.cities ? this.cities : null,
      language: map.data.language,
      at: map.at,
      focus: map.root.getRootNode().activeElement === map.stage,
      camera: map.camera,
      bounds: map.data.bounds,
      symbols: this.symbols,
      chosen: map.chosen(),
      // Among stations a dot would be taken for one.
      dots: !(map.options.stations && map.points.stations),
      swiped: map.mode === 'swipe',
      font: map.font,
      ink: map.ink,
      ground: map.ground,
    };
  }

  /** Place under a pixel of the stage: [lon, lat], or null between panes. */
  placeAt(x, y) {
    const viewport = this.viewports().find((v) => x >= v.x && x < v.x + v.width);
    return viewport ? viewport.unproject([x - viewport.x, y - viewport.y]) : null;
  }

  /** Pixel of the stage where the pane under another pixel shows a place. */
  pixelOf(place, x) {
    const viewport = this.viewports().find((v) => x >= v.x && x < v.x + v.width);
    const [px, py] = viewport.project(place);
    return [px + viewport.x, py];
  }

  canvas() {
    return this.map.root.querySelector('.gl canvas');
  }

  close() {
    this.closed = true;
    if (this.deck) release(this.deck);
    this.deck = null;
  }
}

// deck.gl also reports when it has merely adopted a camera.
function isMotion({ interactionState: now }) {
  return now.isDragging || now.isPanning || now.isZooming || now.inTransition;
}

/** Resolves once what was drawn has been handed to the screen. */
export function seen() {
  return new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
}

/** Colours of a scale as the reader wants them now. */
export function colours(map, name) {
  const range = map.options.stretch ? rangeOf(map, name) : null;
  return colouring(map.data.scales[name], { steps: map.options.steps, range });
}

// One range for all layers on screen that share a scale: stretched colours stay comparable.
function rangeOf(map, name) {
  const rasters = map
    .shown()
    .filter((id) => map.layer(id).scale === name)
    .map((id) => rasterNow(map.url(id, map.painted ?? map.day)))
    .filter(Boolean);
  return rasters.length ? stretchedRange(rasters, map.data.scales[name].low < 0) : null;
}
