// Layers that pale with the distance to a station, which another layer of the map holds.
import { rasterNow } from './fetching.js';

/** Layers that must be there to show those that are chosen: themselves, and what they pale with. */
export function needed(map) {
  const found = map.shown().flatMap((id) => [id, map.layer(id).fade?.layer]);
  return [...new Set(found.filter(Boolean))];
}

/** How a layer pales on the day that is painted: { url, distance, start, end, palest }, or null. */
export function veilOf(map, id) {
  const { fade } = map.layer(id);
  const url = fade && map.url(fade.layer, map.painted);
  const distance = url && rasterNow(url)?.values;
  return distance ? { ...fade, url, distance } : null;
}

/** Give every cell of a picture the opacity of its distance; app/maps/layers.py does the same. */
export function veil(picture, { distance, start, end, palest }) {
  const { data } = picture;
  for (let i = 0; i < distance.length; i++) {
    const share = Math.max(0, Math.min(1, (end - distance[i]) / (end - start))) || 0;
    data[4 * i + 3] = Math.round(data[4 * i + 3] * (palest + (1 - palest) * share));
  }
  return picture;
}

/** What the signs beside the legends must explain. */
export function signsOf(map) {
  const { stations, tracks } = map.data;
  return {
    points: Boolean(stations || tracks),
    kinds: [...(stations?.kinds ?? []), ...(tracks?.kinds ?? [])],
    fade: map.shown().map((id) => map.layer(id).fade).find(Boolean),
  };
}
