// The buttons, menus and the slider around the map: which of them there are, and what they do.
import { CHOICES } from './geometry.js';
import { savePage, savePicture } from './picture.js';

const OPTIONS = ['smooth', 'steps', 'stretch', 'stations', 'tracks', 'cities', 'outlines'];

/** Connects the controls of a map once; `refresh` writes their state and words. */
export class Controls {
  constructor(map, root) {
    this.map = map;
    this.root = root;
    this.listen();
  }

  listen() {
    const { map, root } = this;
    root.querySelectorAll('[data-mode]').forEach((b) => (b.onclick = () => map.setMode(b.dataset.mode)));
    root.querySelectorAll('[data-do]').forEach((b) => (b.onclick = () => this.act(b.dataset.do)));
    root.querySelector('.switch').onclick = () => map.blink();
    for (const name of OPTIONS) {
      this.box(name).onchange = (event) => map.setOption(name, event.target.checked);
    }
    const slider = root.querySelector('.days');
    slider.oninput = () => map.clock.go(Number(slider.value));
    // A menu closes when the reader turns to something else.
    root.addEventListener('click', (event) => this.closeMenus(event.target));
    root.addEventListener('keydown', (event) => event.key === 'Escape' && this.closeMenus(null));
    this.listenToHandle(root.querySelector('.handle'));
  }

  listenToHandle(handle) {
    const { map } = this;
    handle.onpointerdown = (event) => {
      event.stopPropagation();
      handle.setPointerCapture(event.pointerId);
    };
    handle.onpointermove = (event) => {
      if (!handle.hasPointerCapture(event.pointerId)) return;
      const box = map.stage.getBoundingClientRect();
      map.setSwipe((event.clientX - box.left) / box.width);
    };
    handle.onkeydown = (event) => {
      const by = { ArrowLeft: -0.02, ArrowRight: 0.02, PageDown: -0.1, PageUp: 0.1 }[event.key];
      if (!by) return;
      event.preventDefault();
      event.stopPropagation();
      map.setSwipe(map.swipeAt + by);
    };
  }

  act(what) {
    const { map } = this;
    const deeds = {
      zoom_in: () => map.look({ ...map.camera, zoom: map.camera.zoom + 0.5 }),
      zoom_out: () => map.look({ ...map.camera, zoom: map.camera.zoom - 0.5 }),
      reset: () => map.reset(),
      previous: () => map.clock.step(-1),
      next: () => map.clock.step(1),
      play: () => map.clock.play(!map.clock.playing),
      fullscreen: () => this.fullscreen(),
      save_png: () => savePicture(map),
      save_html: () => savePage(map),
    };
    deeds[what]();
  }

  fullscreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.root.requestFullscreen?.();
  }

  closeMenus(except) {
    for (const menu of this.root.querySelectorAll('details[open]')) {
      if (!except || !menu.contains(except) || except.closest('[data-do]')) menu.open = false;
    }
  }

  box(name) {
    return this.root.querySelector(`input[name="${name}"]`);
  }

  /** Words in the language of now. */
  relabel(labels) {
    const all = (name) => this.root.querySelectorAll(`[data-${name}]`);
    all('text').forEach((e) => (e.textContent = labels[e.dataset.text]));
    all('aria').forEach((e) => e.setAttribute('aria-label', labels[e.dataset.aria]));
    all('title').forEach((e) => {
      e.title = labels[e.dataset.title];
      e.setAttribute('aria-label', e.title);
    });
    this.root.setAttribute('aria-label', labels.map);
  }

  /** State of the buttons and of the slider; hides what this map has no use for. */
  refresh() {
    const { map, root } = this;
    const { data } = map;
    root.dataset.mode = map.mode;
    root.querySelectorAll('[data-mode]').forEach((button) => {
      button.hidden = data.layers.length < CHOICES[button.dataset.mode];
      button.setAttribute('aria-pressed', String(button.dataset.mode === map.mode));
    });
    root.querySelector('.modes').hidden = data.layers.length < 2;
    root.querySelector('.switch').hidden = map.mode !== 'blink';
    const offered = {
      steps: Object.values(data.scales).some((s) => s.breaks.length),
      stations: data.stations,
      tracks: data.tracks,
      cities: data.cities,
    };
    for (const name of OPTIONS) {
      this.box(name).checked = map.options[name];
      root.querySelector(`[data-for="${name}"]`).hidden = name in offered && !offered[name];
    }
    this.refreshTime();
  }

  refreshTime() {
    const { map, root } = this;
    const { days, labels } = map.data;
    root.querySelector('.time').classList.toggle('alone', days.length < 2);
    const slider = root.querySelector('.days');
    slider.max = String(days.length - 1);
    slider.value = String(map.day);
    slider.setAttribute('aria-valuetext', days[map.day].label);
    root.querySelector('.date').textContent = days[map.day].label;
    root.querySelector('[data-do="previous"]').disabled = map.day === 0;
    root.querySelector('[data-do="next"]').disabled = map.day === days.length - 1;
    const play = root.querySelector('.play');
    play.classList.toggle('on', map.clock.playing);
    play.title = map.clock.playing ? labels.pause : labels.play;
    play.setAttribute('aria-label', play.title);
  }
}
