// Without WebGL: a Leaflet map made by the server stands in the stage. The slider, the choice of
// layers, the legend and the read-out stay ours; the stand-in says where it was pointed and clicked.

/** The stand-in for a map. */
export class StandIn {
  constructor(map, stage) {
    this.map = map;
    this.frame = document.createElement('iframe');
    this.frame.className = 'standin';
    this.frame.title = map.data.labels.map;
    stage.append(this.frame);
    this.heard = (event) => event.source === this.frame.contentWindow && this.hear(event.data);
    window.addEventListener('message', this.heard);
  }

  /** Show the day, mode and layers of now. */
  show() {
    const query = new URLSearchParams(this.map.asked());
    const url = `${this.map.data.standin}?${query}`;
    if (url === this.url) return;
    this.url = url;
    this.frame.src = url;
  }

  hear(message) {
    if (message?.airlens === 'at') this.map.pointAt(message.at);
    if (message?.airlens === 'click') this.map.inspect(message.at);
    // Kept for the next day's page and for the URL; this page is there already.
    if (message?.airlens === 'camera') this.map.remember(message.camera);
  }

  close() {
    window.removeEventListener('message', this.heard);
    this.frame.remove();
  }
}
