// The deck.gl scene: the layers that pydeck wrote, given the pictures, symbols and colours of now.
import { paneCamera } from './geometry.js';
import { colourOf } from './colour.js';

const ICON = 64; // pixels of a symbol in the atlas
// Each holds against the lightest and the darkest of a map, and against its ground.
const LINE = { light: [74, 84, 92], dark: [112, 124, 132] };
const EDGE = '#16232a';

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
 * @param now { images, smooth, outlines, dark, points: { stations, tracks } }
 */
export function layersOf(deck, written, now) {
  const layers = [];
  for (const layer of written) {
    const [kind, name] = layer.id.split(':');
    if (kind === 'raster') {
      const image = now.images[name];
      if (image) layers.push(layer.clone({ image, textureParameters: sampling(now.smooth) }));
    } else if (kind === 'lines') {
      const ink = [...(now.dark ? LINE.dark : LINE.light), name === 'provinces' ? 150 : 220];
      layers.push(layer.clone({ visible: now.outlines, getLineColor: ink }));
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

// A dark silhouette with a white rim below, the colour of the value on it. Shape says the role;
// hollow says that there is no value.
function symbols(layer, { data, colours, stamp }) {
  const shared = {
    data,
    iconAtlas: atlas(),
    iconMapping: MAPPING,
    getPosition: (d) => [d.lon, d.lat],
    updateTriggers: { getColor: stamp, getIcon: stamp },
  };
  return [
    layer.clone({ ...shared, id: `${layer.id}:edge`, getIcon: outline }),
    layer.clone({
      ...shared,
      id: `${layer.id}:face`,
      data: data.filter((d) => d.value !== null),
      getIcon: (d) => (d.withheld ? 'square' : 'disc'),
      getColor: (d) => colourOf(d.value, colours),
    }),
  ];
}

function outline(d) {
  const invalid = d.value === null ? 'hollow' : 'edge';
  return d.withheld ? `${invalid}-square` : `${invalid}-disc`;
}

// Name → what is painted, from the outside in: [inset, colour]; null cuts a hole.
const SHAPES = {
  disc: [[11, '#fff']],
  square: [[13, '#fff']],
  'edge-disc': [[1, EDGE], [7, '#fff']],
  'edge-square': [[3, EDGE], [9, '#fff']],
  'hollow-disc': [[1, '#fff'], [4, EDGE], [13, '#fff'], [16, null]],
  'hollow-square': [[3, '#fff'], [6, EDGE], [15, '#fff'], [18, null]],
};
const TINTED = new Set(['disc', 'square']);
const MAPPING = Object.fromEntries(
  Object.keys(SHAPES).map((name, i) => [
    name,
    { x: i * ICON, y: 0, width: ICON, height: ICON, mask: TINTED.has(name) },
  ]),
);
let drawnAtlas;

function atlas() {
  if (drawnAtlas) return drawnAtlas;
  const canvas = document.createElement('canvas');
  canvas.width = ICON * Object.keys(SHAPES).length;
  canvas.height = ICON;
  const pen = canvas.getContext('2d');
  Object.entries(SHAPES).forEach(([name, rings], i) => {
    for (const [inset, colour] of rings) {
      pen.globalCompositeOperation = colour ? 'source-over' : 'destination-out';
      pen.fillStyle = colour ?? '#000';
      pen.beginPath();
      if (name.endsWith('square')) pen.rect(i * ICON + inset, inset, ICON - 2 * inset, ICON - 2 * inset);
      else pen.arc((i + 0.5) * ICON, ICON / 2, ICON / 2 - inset, 0, 2 * Math.PI);
      pen.fill();
    }
  });
  drawnAtlas = pen.getImageData(0, 0, canvas.width, canvas.height);
  return drawnAtlas;
}
