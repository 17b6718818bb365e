// What is read at a place: the values of every layer, and the nearest station.
import { rasterNow } from './fetching.js';
import { cellOf, distanceKm } from './geometry.js';
import { number } from './legend.js';
import { valueText } from './panes.js';

const STATION_WITHIN_KM = 50; // a station farther away says nothing about a place

/** Layer id → value, null for no data, undefined where the layer is not here yet; or null. */
export function valuesAt(map, at) {
  if (!at || map.painted === null) return null;
  const out = {};
  for (const layer of map.data.layers) {
    const url = map.url(layer.id, map.painted);
    const cell = cellOf(layer, ...at);
    const cells = url && rasterNow(url);
    const value = cell && cells ? cells.values[cell.row * layer.columns + cell.column] : NaN;
    out[layer.id] = cell && url && !cells ? undefined : value === value ? value : null;
  }
  return out;
}

/** The nearest station that says something about a place: { station, km }, or null. */
export function stationNear(map, at) {
  let near = null;
  for (const station of (at && map.points.stations) ?? []) {
    const km = distanceKm(at[0], at[1], station.lon, station.lat);
    if (km <= (near?.km ?? STATION_WITHIN_KM)) near = { station, km };
  }
  return near;
}

/** All of it in a line. */
export function sentence(map, at) {
  const { labels, layers } = map.data;
  const values = valuesAt(map, at);
  if (!values) return labels.point_here;
  const place = placeText(at);
  if (!layers.some((layer) => cellOf(layer, ...at))) return `${place} · ${labels.outside}`;
  const parts = layers.map((layer) => `${layer.short} ${valueText(map, layer, values[layer.id])}`);
  const near = stationNear(map, at);
  return [place, ...parts, ...(near ? [stationText(map, near)] : [])].join(' · ');
}

function stationText(map, { station, km }) {
  const { labels, scales, stations } = map.data;
  const { unit } = scales[stations.scale];
  const value = station.value === null ? labels.invalid : `${number(station.value, 1)} ${unit}`;
  const name = labels.station_near.replace('{name}', station.name).replace('{km}', number(km, 1));
  return `${name}: ${value} (${labels[station.role]})`;
}

function placeText([lon, lat]) {
  const ns = `${Math.abs(lat).toFixed(3)}° ${lat < 0 ? 'S' : 'N'}`;
  return `${ns} ${Math.abs(lon).toFixed(3)}° ${lon < 0 ? 'W' : 'E'}`;
}
