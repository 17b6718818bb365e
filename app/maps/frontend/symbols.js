// Stations and mobile samples, drawn with a pen: circle = used, square = withheld, diamond = estimated by a
// model, hollow = no valid value; the colour is that of the value, the size says nothing. By deck.gl they would cost a browser
// without a graphics card more than the whole rest of the map.
import { colourOf } from './colour.js';
import { kmPerPixel } from './geometry.js';

const EDGE = '#16232a'; // holds against the lightest and, with the rim, the darkest of a map
const RIM = '#fff';
const GROUND_KM = 7; // of a symbol, between the smallest and the largest in pixels
const PIXELS = { stations: [12, 17], tracks: [7, 11] };

/**
 * What is to be drawn: [{ kind, lon, lat, role, fill, fills }], fill null where there is no value; fills
 * by layer where a point shows something else there.
 * @param colours of the points' own values
 * @param coloursOf colours of a layer
 */
export function symbolsFor(kind, points, colours, coloursOf) {
  return points.map(({ lon, lat, role, value, upon = {} }) => {
    const fills = Object.entries(upon).map(([layer, other]) => [layer, fillOf(other, coloursOf(layer))]);
    return { kind, lon, lat, role, fill: fillOf(value, colours), fills: Object.fromEntries(fills) };
  });
}

function fillOf(value, colours) {
  return value === null ? null : `rgb(${colourOf(value, colours).join()})`;
}

/** Draw symbols into the viewport of a layer, whose corner is the origin of the pen. */
export function drawSymbols(pen, viewport, symbols, camera, layer) {
  const natural = GROUND_KM / kmPerPixel(camera);
  for (const { kind, lon, lat, role, fills, fill: own } of symbols) {
    const fill = layer in fills ? fills[layer] : own;
    const [least, most] = PIXELS[kind];
    const radius = Math.max(least, Math.min(most, natural)) / 2;
    const [x, y] = viewport.project([lon, lat]);
    if (x < -radius || y < -radius || x > viewport.width + radius || y > viewport.height + radius) continue;
    const shape = SHAPES[role];
    if (fill === null) hollow(pen, shape, x, y, radius);
    else filled(pen, shape, x, y, radius, fill);
  }
}

function filled(pen, shape, x, y, radius, fill) {
  for (const [colour, size] of [[EDGE, radius], [RIM, radius - 1.5], [fill, radius - 2.6]]) {
    pen.fillStyle = colour;
    pen.beginPath();
    shape(pen, x, y, size);
    pen.fill();
  }
}

function hollow(pen, shape, x, y, radius) {
  for (const [colour, width] of [[RIM, 4], [EDGE, 2]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.beginPath();
    shape(pen, x, y, radius - 2);
    pen.stroke();
  }
}

function disc(pen, x, y, radius) {
  pen.arc(x, y, radius, 0, 2 * Math.PI);
}

function square(pen, x, y, radius) {
  const half = 0.92 * radius; // as large to the eye as the disc
  pen.rect(x - half, y - half, 2 * half, 2 * half);
}

function diamond(pen, x, y, radius) {
  const half = 1.25 * radius;
  pen.moveTo(x, y - half);
  pen.lineTo(x + half, y);
  pen.lineTo(x, y + half);
  pen.lineTo(x - half, y);
  pen.closePath();
}

const SHAPES = { used: disc, withheld: square, reanalysed: diamond };
