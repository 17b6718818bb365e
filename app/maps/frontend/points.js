// Stations and mobile sensors of a day: where, which value, and whose: used for the map, withheld from
// it, or estimated by a model.
import { json, raster } from './fetching.js';

const ROLES = ['used', 'withheld', 'reanalysed']; // as app/maps/layers.py counts them

/** Points of a day: { stations: [...] | null, tracks: [...] | null }, each { lon, lat, value, … }. */
export async function pointsOf(data, day) {
  const [stations, tracks] = await Promise.all([
    data.stations && stationsOf(data.stations, day),
    data.tracks && tracksOf(data.tracks, data.days[day].key),
  ]);
  return { stations, tracks };
}

async function stationsOf({ url, values: valuesUrl, roles: rolesUrl, upon = {} }, day) {
  const [table, { values, columns }, roles, others] = await Promise.all([
    json(url),
    raster(valuesUrl),
    rolesUrl && raster(rolesUrl),
    Promise.all(Object.entries(upon).map(async ([layer, address]) => [layer, (await raster(address)).values])),
  ]);
  return table.id.map((id, i) => {
    const value = values[day * columns + i];
    return {
      id,
      name: table.name[i],
      lon: table.lon[i],
      lat: table.lat[i],
      role: ROLES[roles ? roles.values[day * columns + i] : table.role[i]],
      value: value === value ? value : null,
      upon: Object.fromEntries(others.map(([layer, all]) => [layer, orNull(all[day * columns + i])])),
    };
  });
}

function orNull(value) {
  return value === value ? value : null;
}

async function tracksOf({ url }, key) {
  const table = await json(url);
  const samples = [];
  for (let i = 0; i < table.id.length; i++) {
    if (table.day[i] !== key) continue;
    samples.push({
      id: table.id[i],
      name: table.id[i],
      lon: table.lon[i],
      lat: table.lat[i],
      role: ROLES[table.role[i]],
      value: table.value[i],
    });
  }
  return samples;
}
