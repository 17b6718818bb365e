// What stands above and below the panes: the choice of a layer with the value read there, and the
// legends. A slot is a column of both; swiped and blinked layers share one pane but have a slot each.
import { signsOf } from './fading.js';
import { CHOICES, panesOf, slenderness } from './geometry.js';
import { legendSvg, number, symbolsHtml } from './legend.js';

/** Pixels beyond which a legend gains nothing. */
export const WIDEST_LEGEND = 460;

const SPACIOUS = 1.4; // height of the stage, for what the data would fill of it
const LOWEST = 300; // pixels

/** Bound the stage's height: narrow panes of a tall window would be strips of map between voids. */
export function boundStage(map) {
  const room = map.paneSize().width * slenderness(map.data.bounds) * SPACIOUS;
  map.stage.style.maxHeight = map.data.height ? '' : `${Math.max(LOWEST, Math.round(room))}px`;
}

/** Slots of the mode of now: [{ index, layer, x, width }]. */
export function slotsOf(map) {
  const count = CHOICES[map.mode];
  const { width } = map.size();
  const columns = panesOf(['', 'single', 'two', 'three'][count], width, 0.5);
  return columns.map((column, index) => ({ ...column, index, layer: map.layer(map.show[index]) }));
}

/** Slots whose legend is drawn: in one map, one legend serves both layers if they share a scale. */
export function legendSlots(map, slots) {
  const shared = map.mode === 'swipe' || map.mode === 'blink';
  return slots.filter((s, i) => !(shared && i && s.layer.scale === slots[0].layer.scale));
}

/** Build heads, legends and badges anew: after a change of mode, layers, language or width. */
export function buildSlots(map) {
  const slots = slotsOf(map);
  const { data, root } = map;
  const heads = root.querySelector('.heads');
  heads.replaceChildren(...slots.map((slot) => head(map, slot)));
  heads.style.gridTemplateColumns = `repeat(${slots.length}, minmax(0, 1fr))`;
  const badges = data.synthetic ? map.panes().map((pane) => sign(data.labels.demo, pane)) : [];
  root.querySelector('.badges').replaceChildren(...badges);
  buildLegends(map, slots);
}

/** The legends alone: after a change of colours or theme. */
export function buildLegends(map, slots = slotsOf(map)) {
  const row = map.root.querySelector('.legends');
  const drawn = legendSlots(map, slots).map((slot) => {
    const cell = document.createElement('div');
    cell.style.gridColumn = String(slot.index + 1);
    const width = Math.round(Math.min(slot.width, WIDEST_LEGEND));
    cell.innerHTML = legendSvg(map.colours(slot.layer.id), map.data.labels, width, map.ink, map.font);
    return cell;
  });
  row.replaceChildren(...drawn);
  buildSymbols(map);
  row.style.gridTemplateColumns = `repeat(${slots.length}, minmax(0, 1fr))`;
}

/** Write values into the heads; `values` is layer id → number, null (no data) or undefined. */
export function writeValues(map, values) {
  map.root.querySelectorAll('.head').forEach((cell) => {
    const layer = map.layer(cell.dataset.layer);
    cell.querySelector('.value').textContent = values ? valueText(map, layer, values[layer.id]) : '';
    cell.classList.toggle('now', map.mode === 'blink' && layer.id === map.chosen().p0);
  });
}

/** A value with its unit, as people read it. */
export function valueText(map, layer, value) {
  const scale = map.data.scales[layer.scale];
  if (value == null) return value === null ? map.data.labels.no_data : '…';
  const signed = scale.low < 0 && value > 0 ? '+' : '';
  const unit = scale.unit ? ` ${scale.unit}` : '';
  return `${signed}${number(value, scale.digits)}${unit}`;
}

function head(map, slot) {
  const cell = document.createElement('div');
  cell.className = 'head';
  cell.dataset.layer = slot.layer.id;
  const select = document.createElement('select');
  select.setAttribute('aria-label', map.data.labels.pane.replace('{n}', slot.index + 1));
  for (const layer of map.data.layers) {
    select.add(new Option(layer.title, layer.id, false, layer.id === slot.layer.id));
  }
  select.disabled = map.data.layers.length < 2;
  select.onchange = () => map.setLayer(slot.index, select.value);
  const value = document.createElement('span');
  value.className = 'value';
  cell.append(select, value);
  return cell;
}

function sign(text, pane) {
  const plate = document.createElement('strong');
  plate.className = 'badge';
  plate.textContent = text;
  plate.style.left = `${pane.x + 10}px`;
  plate.style.maxWidth = `${pane.width - 20}px`;
  return plate;
}

function buildSymbols(map) {
  const { data, root } = map;
  const row = root.querySelector('.symbols');
  row.innerHTML = symbolsHtml(data.labels, signsOf(map), map.ink);
  row.hidden = !row.innerHTML;
}
