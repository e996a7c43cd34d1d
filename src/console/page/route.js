import { viewFrom } from './ask.js';
import { swatch } from './coverage.js';
import { drawing, element, replace } from './dom.js';
import { word } from './words.js';

/** Heights, px: of the row of findings, the strip below it, the scale below that. */
const MARKS = 26;
const STRIP = 22;
const SCALE = 20;
/** From the edges to the ends of the route, px. */
const MARGIN = 10;
/** What was not watched is never too narrow to be seen, px. */
const LEAST = 3;

const SHAPES = { crack: 'M-6 -11L6 -11L0 2Z', corrosion: 'M0 -11A5.5 5.5 0 1 1 0 0A5.5 5.5 0 1 1 0 -11Z' };

/** Along the route: where it was watched and where not, and the findings at their places. */
export class Route {
  /** @param onChoose told of a finding that is chosen here */
  constructor(node, onChoose) {
    this.node = node;
    this.onChoose = onChoose;
    this.vehicle = null;
    this.strip = null;
    this.index = -1;
    this.width = 0;
    new ResizeObserver(() => {
      if (this.node.clientWidth !== this.width) this.draw();
    }).observe(node);
  }

  async show(vehicle, since) {
    if (vehicle !== this.vehicle) {
      this.strip = null;
      this.index = -1;
    }
    this.vehicle = vehicle;
    if (vehicle === null) {
      this.draw();
      return;
    }
    const answer = await viewFrom('/api/route', { vehicle, since });
    if (answer === null || this.vehicle !== vehicle) return;
    const { strip } = answer;
    const before = this.strip?.findings[this.index]?.finding;
    this.strip = strip;
    this.index = strip?.findings.findIndex(({ finding }) => finding === before) ?? -1;
    this.draw();
  }

  draw() {
    const { strip } = this;
    this.node.hidden = strip === null;
    if (strip === null) return;
    this.width = this.node.clientWidth;
    const length = strip.kpTo - strip.kpFrom || 0.001;
    const inside = Math.max(1, this.width - 2 * MARGIN);
    const x = (kp) => MARGIN + ((kp - strip.kpFrom) / length) * inside;
    const sums = { seen: 0, blind: 0, lost: 0 };
    for (const { kpFrom, kpTo, kind } of strip.pieces) sums[kind] += kpTo - kpFrom;
    const text = (km) => km.toFixed(3);
    const told = word(
      'along_told',
      ...[strip.kpFrom, strip.kpTo, sums.seen, sums.blind, sums.lost].map(text),
    );
    const legend = [
      ['seen', word('seen'), sums.seen],
      ['blind', word('blind_time'), sums.blind],
      ['lost', word('lost'), sums.lost],
    ];
    replace(
      this.node,
      element('h2', {}, word('along')),
      strip.findings.length === 0 ? null : this.drawMarks(x),
      this.drawStrip(x, told),
      element(
        'p',
        { class: 'legend' },
        legend.map(([kind, name, km]) => element('span', {}, swatch(kind), `${name} ${km.toFixed(3)} km`)),
        strip.more > 0 ? element('span', {}, word('along_more', strip.more)) : null,
      ),
    );
  }

  drawStrip(x, told) {
    const { pieces, kpFrom, kpTo } = this.strip;
    const rect = ({ kpFrom: from, kpTo: to, kind }) =>
      drawing('rect', {
        ...{ class: kind, x: x(from), y: 0, height: STRIP },
        width: Math.max(x(to) - x(from), kind === 'seen' ? 0.5 : LEAST),
      });
    // What was not watched is drawn last, and so on top.
    const watched = pieces.filter(({ kind }) => kind === 'seen');
    const others = pieces.filter(({ kind }) => kind !== 'seen');
    const scale = [0, 0.25, 0.5, 0.75, 1].map((share) => {
      const kp = kpFrom + share * (kpTo - kpFrom);
      const anchor = share === 0 ? 'start' : share === 1 ? 'end' : 'middle';
      return drawing('text', { x: x(kp), y: STRIP + 15, 'text-anchor': anchor }, `KP ${kp.toFixed(3)}`);
    });
    return drawing(
      'svg',
      {
        ...{ class: 'strip scale', role: 'img', 'aria-label': told },
        ...{ viewBox: `0 0 ${this.width} ${STRIP + SCALE}`, width: this.width, height: STRIP + SCALE },
      },
      drawing('rect', { class: 'nobody', x: MARGIN, y: 0, width: this.width - 2 * MARGIN, height: STRIP }),
      [...watched, ...others].map(rect),
      kpFrom === kpTo ? scale.slice(0, 1) : scale,
    );
  }

  drawMarks(x) {
    const { findings } = this.strip;
    const marks = findings.map(({ finding, class: kind, severity, kp, review }, index) =>
      drawing(
        'g',
        {
          ...{ id: `at-${index}`, role: 'option', 'aria-selected': String(index === this.index) },
          'aria-label': word('along_finding', word(kind), word(severity), kp.toFixed(3)),
          ...{ class: `mark ${kind} ${review}`, transform: `translate(${x(kp)} ${MARKS - 6})` },
          onclick: () => this.choose(index),
        },
        drawing('title', {}, `${finding}, KP ${kp.toFixed(3)}`),
        drawing('path', { d: SHAPES[kind] }),
      ),
    );
    return drawing(
      'svg',
      {
        ...{ class: 'marks', role: 'listbox', tabindex: '0', 'data-focus': 'marks', id: 'marks' },
        ...{ viewBox: `0 0 ${this.width} ${MARKS}`, width: this.width, height: MARKS },
        'aria-label': word('along_findings', findings.length),
        'aria-activedescendant': this.index < 0 ? null : `at-${this.index}`,
        onkeydown: (event) => this.press(event),
      },
      marks,
    );
  }

  press(event) {
    const last = this.strip.findings.length - 1;
    const to = { ArrowRight: this.index + 1, ArrowLeft: this.index - 1, Home: 0, End: last }[event.key];
    if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.choose(Math.min(last, Math.max(0, to)));
  }

  choose(index) {
    this.index = index;
    this.draw();
    this.onChoose({ vehicle: this.vehicle, finding: this.strip.findings[index].finding });
  }
}
