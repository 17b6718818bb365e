// Stations and mobile sensors of a day: where, which value, used or withheld.
import { json, raster } from './fetching.js';

/** Points of a day: { stations: [...] | null, tracks: [...] | null }, each { lon, lat, value, … }. */
export async function pointsOf(data, day) {
  const [stations, tracks] = await Promise.all([
    data.stations && stationsOf(data.stations, day),
    data.tracks && tracksOf(data.tracks, data.days[day].key),
  ]);
  return { stations, tracks };
}

async function stationsOf({ url, values: valuesUrl }, day) {
  const [table, { values, columns }] = await Promise.all([json(url), raster(valuesUrl)]);
  return table.id.map((id, i) => {
    const value = values[day * columns + i];
    return {
      id,
      name: table.name[i],
      lon: table.lon[i],
      lat: table.lat[i],
      withheld: Boolean(table.withheld[i]),
      value: value === value ? value : null,
    };
  });
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
      withheld: Boolean(table.withheld[i]),
      value: table.value[i],
    });
  }
  return samples;
}
