import { viewFrom } from './ask.js';
import { drawing, element, keepSetting, replace, setting } from './dom.js';
import { span, word } from './words.js';

const SPANS = [15, 60, 360, 1440];
const WIDTH = 1000;

function patterns() {
  const hatch = drawing(
    'pattern',
    { id: 'hatch', width: 6, height: 6, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' },
    drawing('rect', { width: 6, height: 6, fill: '#3a3310' }),
    drawing('rect', { width: 3, height: 6, fill: '#f0c541' }),
  );
  const cross = drawing(
    'pattern',
    { id: 'cross', width: 8, height: 8, patternUnits: 'userSpaceOnUse' },
    drawing('rect', { width: 8, height: 8, fill: '#4a1c0b' }),
    drawing('path', { d: 'M0 0L8 8M8 0L0 8', stroke: '#ff8a5c', 'stroke-width': 1.5 }),
  );
  return drawing('defs', {}, hatch, cross);
}

export function swatch(kind) {
  const box = drawing('rect', { class: kind, width: 18, height: 12 });
  return drawing('svg', { viewBox: '0 0 18 12', class: 'strip', 'aria-hidden': 'true' }, box);
}

/** By time: watched, blind, no camera. What lies between is unknown, and stays empty. */
export class Coverage {
  /** @param onShow told of the vehicle and the ms that are shown */
  constructor(node, onShow) {
    this.node = node;
    this.onShow = onShow;
    this.vehicle = null;
    this.stretches = [];
    this.minutes = Number(setting('span', '60'));
  }

  async show(vehicle) {
    this.vehicle = vehicle;
    this.node.hidden = vehicle === null;
    const since = Date.now() - this.minutes * 60_000;
    this.onShow(vehicle, since);
    if (vehicle === null) return;
    const answer = await viewFrom('/api/coverage', { vehicle, since });
    if (answer === null || this.vehicle !== vehicle) return;
    this.stretches = answer.stretches;
    this.draw();
  }

  draw() {
    const newest = this.stretches.at(-1)?.endedUtcMs ?? 0;
    // The vehicle's clock draws the strip: where it is ahead of ours, its newest is the end.
    const to = Math.max(Date.now(), newest);
    const from = to - this.minutes * 60_000;
    const x = (at) => (Math.max(0, at - from) / (to - from)) * WIDTH;
    const totals = { seen: 0, blind: 0, lost: 0 };
    const rects = this.stretches.flatMap((stretch) => {
      let at = stretch.beganUtcMs;
      const all = stretch.seen + stretch.blind + stretch.lost;
      return ['seen', 'blind', 'lost'].map((kind) => {
        const begin = at;
        at += ((stretch.endedUtcMs - stretch.beganUtcMs) * stretch[kind]) / all;
        totals[kind] += stretch[kind];
        const width = x(at) - x(begin);
        if (width <= 0) return null;
        return drawing('rect', { class: kind, x: x(begin), y: 0, width: width + 0.3, height: 26 });
      });
    });
    const told = `${word('seen')} ${span(totals.seen)}, ${word('blind_time')} ${span(totals.blind)}, ${word('lost')} ${span(totals.lost)}`;
    const select = element(
      'select',
      {
        'aria-label': word('coverage'),
        'data-focus': 'span',
        onchange: (event) => this.change(event.target.value),
      },
      SPANS.map((minutes) =>
        element('option', { value: minutes, selected: minutes === this.minutes }, span(minutes * 60)),
      ),
    );
    const unknown = this.minutes * 60 - totals.seen - totals.blind - totals.lost;
    const legend = [
      ['seen', word('seen'), totals.seen],
      ['blind', word('blind_time'), totals.blind],
      ['lost', word('lost'), totals.lost],
      ['', word('no_word'), Math.max(0, unknown)],
    ];
    replace(
      this.node,
      element('div', { class: 'head' }, element('h2', {}, word('coverage')), select),
      drawing(
        'svg',
        {
          class: 'strip',
          viewBox: `0 0 ${WIDTH} 26`,
          preserveAspectRatio: 'none',
          role: 'img',
          'aria-label': told,
        },
        patterns(),
        rects,
      ),
      element(
        'p',
        { class: 'legend' },
        legend.map(([kind, name, seconds]) => element('span', {}, swatch(kind), `${name} ${span(seconds)}`)),
      ),
    );
  }

  change(minutes) {
    this.minutes = Number(minutes);
    keepSetting('span', minutes);
    void this.show(this.vehicle);
  }
}
