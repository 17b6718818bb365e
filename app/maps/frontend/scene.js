// The deck.gl scene: the layers that pydeck wrote, given the pictures, symbols and colours of now.
import { paneCamera } from './geometry.js';
import { colourOf } from './colour.js';

const ICON = 64; // pixels of a symbol in the atlas
const SYMBOLS = ['disc', 'square', 'ring', 'frame'];
const LINE = [74, 84, 92]; // holds against a light map, a dark map and both grounds
const EDGE = [22, 35, 42];

/** Layers and views of a specification, as deck.gl objects. */
export function convert(deck, text) {
  const configuration = { classes: deck };
  const { layers, views } = new deck.JSONConverter({ configuration }).convert(JSON.parse(text));
  return { layers, views };
}

/** Views for the panes of now, cloned from those of the specification. */
export function viewsOf(deck, panes) {
  return panes.map(
    ({ id, x, width }) =>
      new deck.MapView({
        id,
        x,
        width,
        y: 0,
        height: '100%',
        controller: { dragRotate: false, touchRotate: false, keyboard: false, doubleClickZoom: false },
      }),
  );
}

/** View state of every pane. */
export function camerasOf(camera, panes, mode, width) {
  return Object.fromEntries(panes.map((pane) => [pane.id, paneCamera(camera, pane, mode, width)]));
}

/**
 * Layers with what they show now.
 * @param written layers of the specification
 * @param now { images, smooth, outlines, points: { stations, tracks } }
 */
export function layersOf(deck, written, now) {
  const layers = [];
  for (const layer of written) {
    const [kind, name] = layer.id.split(':');
    if (kind === 'raster') {
      const image = now.images[name];
      if (image) layers.push(layer.clone({ image, textureParameters: sampling(now.smooth) }));
    } else if (kind === 'lines') {
      layers.push(layer.clone({ visible: now.outlines, getLineColor: [...LINE, name === 'provinces' ? 150 : 220] }));
    } else if (kind === 'points' && now.points[name]) {
      layers.push(...symbols(layer, now.points[name]));
    }
  }
  return layers;
}

/** Whether a layer shows in a pane: rasters in the panes that chose them, the rest in all. */
export function shows(layerId, pane, chosen) {
  const [kind, name] = layerId.split(':');
  return kind !== 'raster' || chosen[pane] === name;
}

// Shrunk pictures are blended in either case: a cell left out at random would flicker.
function sampling(smooth) {
  return {
    minFilter: 'linear',
    magFilter: smooth ? 'linear' : 'nearest',
    addressModeU: 'clamp-to-edge',
    addressModeV: 'clamp-to-edge',
  };
}

// A dark silhouette below, the colour of the value on it. Shape says the role, hollow says invalid.
function symbols(layer, { data, colours, stamp }) {
  const shared = {
    data,
    iconAtlas: atlas(),
    iconMapping: MAPPING,
    getPosition: (d) => [d.lon, d.lat],
    updateTriggers: { getColor: stamp, getIcon: stamp },
  };
  const size = layer.props.getSize;
  return [
    layer.clone({ ...shared, id: `${layer.id}:edge`, getIcon: outline, getColor: edge }),
    layer.clone({
      ...shared,
      id: `${layer.id}:face`,
      data: data.filter((d) => d.value !== null),
      getSize: size - 4,
      getIcon: (d) => (d.withheld ? 'square' : 'disc'),
      getColor: (d) => colourOf(d.value, colours),
    }),
  ];
}

function outline(d) {
  if (d.value === null) return d.withheld ? 'frame' : 'ring';
  return d.withheld ? 'square' : 'disc';
}

function edge() {
  return EDGE;
}

const MAPPING = Object.fromEntries(
  SYMBOLS.map((name, i) => [name, { x: i * ICON, y: 0, width: ICON, height: ICON, mask: true }]),
);
let drawnAtlas;

// White shapes on nothing; deck.gl tints them.
function atlas() {
  if (drawnAtlas) return drawnAtlas;
  const canvas = document.createElement('canvas');
  canvas.width = ICON * SYMBOLS.length;
  canvas.height = ICON;
  const pen = canvas.getContext('2d');
  pen.fillStyle = pen.strokeStyle = '#fff';
  pen.lineWidth = 10;
  const r = ICON / 2 - 3;
  const circle = (i, radius) => {
    pen.beginPath();
    pen.arc(ICON * (i + 0.5), ICON / 2, radius, 0, 2 * Math.PI);
  };
  circle(0, r);
  pen.fill();
  pen.fillRect(ICON + 5, 5, ICON - 10, ICON - 10);
  circle(2, r - 5);
  pen.stroke();
  pen.strokeRect(3 * ICON + 10, 10, ICON - 20, ICON - 20);
  drawnAtlas = pen.getImageData(0, 0, canvas.width, canvas.height);
  return drawnAtlas;
}
