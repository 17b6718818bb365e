// The deck.gl scene: the layers that pydeck wrote, given the pictures and colours of now.
import { paneCamera } from './geometry.js';

// Each holds against the lightest and the darkest of a map, and against its ground.
const LINE = { light: [74, 84, 92], dark: [112, 124, 132] };

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
 * @param now { images, smooth, outlines, dark }
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
