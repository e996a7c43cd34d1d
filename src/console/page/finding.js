import { askAndTell, tell } from './answer-line.js';
import { fetchFrom } from './ask.js';
import { drawing, element, keepSetting, replace, setting } from './dom.js';
import { clockTime, languageCode, percent, span, word } from './words.js';

function fact(name, ...value) {
  return element('div', {}, element('dt', {}, name), element('dd', {}, value));
}

function whereOf(position) {
  if (position === null) return word('no_position');
  const { kp, latitude, longitude, depthMetres, headingDegrees, ageSeconds, source } = position;
  return [
    kp === null ? null : `KP ${kp.toFixed(3)}`,
    latitude === null || longitude === null ? null : `${latitude.toFixed(5)}, ${longitude.toFixed(5)}`,
    depthMetres === null ? null : word('depth', depthMetres.toFixed(1)),
    headingDegrees === null ? null : word('heading', headingDegrees.toFixed(0)),
    ageSeconds === undefined || ageSeconds === null ? null : word('fix_age', span(ageSeconds), source),
  ]
    .filter((part) => part !== null)
    .join(' · ');
}

/** The probability of its class while the finding was in view, with the threshold in force. */
function curveOf({ curve, steps, alert }) {
  const points = curve.length > 1 ? curve : [];
  if (points.length === 0) {
    const told = steps.map(({ phase, peak }) => `${word(phase)} ${percent(peak)}`).join(', ');
    return element('p', { class: 'dim' }, `${word('no_curve')} ${told}`);
  }
  const from = points[0].at;
  const width = Math.max(1, points.at(-1).at - from);
  const line = points.map(
    ({ at, probability }) => `${((at - from) / width) * 1000},${(1 - probability) * 80 + 3}`,
  );
  const y = (1 - alert.thresholds.on) * 80 + 3;
  const label = word('curve', percent(alert.thresholds.on));
  return element(
    'figure',
    {},
    drawing(
      'svg',
      {
        class: 'curve',
        viewBox: '0 0 1000 86',
        preserveAspectRatio: 'none',
        role: 'img',
        'aria-label': label,
      },
      drawing('line', { class: 'threshold', x1: 0, x2: 1000, y1: y, y2: y }),
      drawing('polyline', { class: 'line', points: line.join(' ') }),
    ),
    element('figcaption', {}, `${label} · ${span(width / 1000)}`),
  );
}

/** One finding with its evidence, and what people say of it. */
export class Finding {
  constructor(node) {
    this.node = node;
    this.chosen = null;
    this.facts = null;
    this.imageAt = 0;
    this.said = element('p', { class: 'said', role: 'status' });
    this.note = element('textarea', { id: 'note', rows: 2, maxlength: 2000 });
    this.by = element('input', { id: 'by', maxlength: 128, autocomplete: 'name', value: setting('by', '') });
    this.by.addEventListener('change', () => keepSetting('by', this.by.value.trim()));
    this.draw();
  }

  async show(chosen) {
    const isOther = chosen?.finding !== this.chosen?.finding || chosen?.vehicle !== this.chosen?.vehicle;
    this.chosen = chosen;
    if (isOther) {
      this.note.value = '';
      tell(this.said, '', false);
    }
    if (chosen === null) {
      this.facts = null;
      this.draw();
      return;
    }
    try {
      const facts = await fetchFrom('/api/finding', chosen);
      if (this.chosen !== chosen) return;
      if (isOther) this.note.value = facts.alert.reviewed?.note ?? '';
      this.facts = facts;
      this.draw();
    } catch (error) {
      tell(this.said, error.message, true);
    }
  }

  /** The curve of a finding that is still in view grows; nobody is told of each point. */
  refreshOpen() {
    if (this.facts?.row.open === true && !document.hidden) void this.show(this.chosen);
  }

  /** Something came for a finding; shown anew when it is this one. */
  hear({ vehicle, finding }, isImage) {
    if (this.chosen?.vehicle !== vehicle || this.chosen.finding !== finding) return;
    if (isImage) this.imageAt += 1;
    void this.show(this.chosen);
  }

  draw() {
    if (this.facts === null) {
      replace(this.node, element('h2', {}, word('findings')), element('p', { class: 'dim' }, word('choose')));
      return;
    }
    const { row, alert } = this.facts;
    const { vehicle, finding } = row;
    const image = `/api/image?${new URLSearchParams({ vehicle, finding, at: this.imageAt })}`;
    const code = languageCode();
    const advice = alert.advice[code];
    const { name, version, engine, provider } = alert.model;
    replace(
      this.node,
      element(
        'h2',
        {},
        element('span', { class: `severity ${row.severity}` }, word(row.severity)),
        word(row.class),
        element('small', { class: 'dim' }, `${vehicle} · ${finding}`),
      ),
      row.image
        ? element('img', { src: image, alt: word('still_of', finding, word(row.class)) })
        : element('p', { class: 'missing' }, word('no_still')),
      curveOf(this.facts),
      element('p', { class: 'advice' }, element('b', {}, `${word('advice')}: `), advice),
      element(
        'dl',
        { class: 'facts' },
        fact(word('state'), this.stateText()),
        fact(word('probability'), `${word('peak', percent(row.peak))}, ${alert.frames} frames`),
        fact(
          word('opened'),
          clockTime(alert.openedAt),
          alert.clockQuality === 'synchronised' ? '' : ` (${word('clock')}: ${word(alert.clockQuality)})`,
        ),
        fact(word('seen_for'), span(alert.durationSeconds)),
        fact(word('where'), whereOf(alert.position)),
        fact(word('run'), alert.run),
        fact(word('judged_by'), `${name} ${version} (${engine}, ${provider})`),
        fact(
          word('evidence'),
          alert.evidence === null
            ? word('no_evidence')
            : element('span', { class: 'digest' }, alert.evidence.sha256),
        ),
      ),
      element(
        'div',
        { class: 'actions' },
        this.button('acknowledge', 'acknowledge', row.acknowledged, () => this.acknowledge()),
        this.button('confirm', 'confirm', false, () => this.review('confirmed'), row.review === 'confirmed'),
        this.button('reject', 'reject', false, () => this.review('rejected'), row.review === 'rejected'),
      ),
      element(
        'div',
        { class: 'fields' },
        element('label', { for: 'note' }, word('note')),
        this.note,
        element('label', { for: 'by' }, word('by')),
        this.by,
      ),
      this.said,
    );
  }

  button(id, name, isDone, onclick, isPressed = null) {
    return element(
      'button',
      {
        type: 'button',
        id,
        disabled: isDone,
        onclick,
        class: isPressed ? 'strong' : '',
        'aria-pressed': isPressed === null ? null : String(isPressed),
      },
      word(isDone ? 'acknowledged' : name),
    );
  }

  stateText() {
    const { row, alert } = this.facts;
    const by = (mark) => word('reviewed_by', '', mark.by ?? word('somebody')).trim();
    return [
      word(row.open ? 'open' : row.closeReason === 'interrupted' ? 'interrupted' : 'closed'),
      row.acknowledged
        ? `${word('acknowledged')} ${alert.acknowledged ? by(alert.acknowledged) : ''}`
        : word('unacknowledged'),
      `${word(row.review)} ${alert.reviewed ? by(alert.reviewed) : ''}`,
    ].join(' · ');
  }

  get person() {
    const by = this.by.value.trim();
    return by === '' ? {} : { by };
  }

  acknowledge() {
    return this.ask('acknowledge', 'finding/acknowledge', {});
  }

  review(review) {
    const note = this.note.value.trim();
    return this.ask(review, 'finding/review', { review, ...(note === '' ? {} : { note }) });
  }

  async ask(label, name, fields) {
    if (this.chosen === null) return;
    const { vehicle, finding } = this.chosen;
    await askAndTell(this.said, label, vehicle, name, { finding, ...fields, ...this.person });
  }
}
