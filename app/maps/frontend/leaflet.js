// Without WebGL: a Leaflet map made by the server stands in the stage. The slider, the choice of
// layers, the legend and the read-out stay ours; the stand-in says where it was pointed and clicked.
import { viewState } from './memory.js';

/** The stand-in for a map. */
export class StandIn {
  constructor(map, stage) {
    this.map = map;
    this.frame = document.createElement('iframe');
    this.frame.className = 'standin';
    this.frame.title = map.data.labels.map;
    stage.append(this.frame);
    this.onMessage = (event) => event.source === this.frame.contentWindow && this.receive(event.data);
    window.addEventListener('message', this.onMessage);
  }

  /** Show the day, mode, layers and camera of now. */
  show() {
    if (this.hearing) return; // it is there already
    const { at, ...rest } = { ...viewState(this.map), show: Object.values(this.map.chosen()).join(' ') };
    const seen = JSON.stringify(rest);
    if (seen !== this.seen) {
      this.seen = seen;
      const query = new URLSearchParams({ ...rest, at: this.map.fitted ? '' : at });
      this.frame.src = `${this.map.data.standin}?${query}`;
    } else if (at !== this.here) {
      this.frame.contentWindow.postMessage({ airlens: 'look', camera: this.map.camera }, location.origin);
    }
    this.here = at;
  }

  receive(message) {
    if (message?.airlens === 'at') this.map.pointAt(message.at);
    if (message?.airlens === 'click') this.map.inspect(message.at);
    if (message?.airlens !== 'camera') return;
    this.hearing = true;
    this.map.look(message.camera);
    this.here = viewState(this.map).at;
    this.hearing = false;
  }

  close() {
    window.removeEventListener('message', this.onMessage);
    this.frame.remove();
  }
}
