import { acknowledgeAll, viewFrom } from './ask.js';
import { element, replace, throttled } from './dom.js';
import { clockTime, percent, word } from './words.js';

/** Height of a row, px, as in findings.css. */
const ROW = 40;
const PAGE = 100;
/** Rows drawn above and below what is in view. */
const SPARE = 8;

const FILTERS = {
  class: ['crack', 'corrosion'],
  review: ['unreviewed', 'confirmed', 'rejected'],
  state: ['open', 'closed', 'unacknowledged'],
};

/**
 * Every finding, as long as the list may be: only the rows in view are in the page, and only the pages around them are
 * fetched. The list has the keyboard's focus, its selected row is told by `aria-activedescendant`.
 */
export class FindingList {
  constructor(node, { onChoose, nameOf }) {
    this.onChoose = onChoose;
    this.nameOf = nameOf;
    this.filter = { order: 'severity' };
    this.vehicle = null;
    this.pages = new Map();
    this.loading = new Set();
    this.total = 0;
    this.generation = 0;
    this.index = -1;
    this.chosen = null;
    this.head = element('div', { class: 'head' });
    this.room = element('div', { class: 'room', role: 'presentation' });
    this.empty = element('p', { class: 'empty', hidden: true });
    this.list = element(
      'div',
      {
        class: 'list',
        role: 'listbox',
        tabindex: '0',
        id: 'list',
        onscroll: () => this.draw(),
        onkeydown: (event) => this.press(event),
      },
      this.room,
    );
    this.said = element('p', { class: 'said', role: 'status' });
    node.append(this.head, this.empty, this.list);
    this.refresh = throttled(400, () => this.reload());
    new ResizeObserver(() => this.draw()).observe(this.list);
  }

  /** Shows the findings of a vehicle; null: of all. */
  show(vehicle) {
    if (vehicle !== this.vehicle) {
      this.vehicle = vehicle;
      this.list.scrollTop = 0;
      this.index = -1;
    }
    return this.reload();
  }

  /** Fetches anew what is in view. Rows stay until the new ones are there, so that nothing flickers. */
  async reload() {
    this.generation += 1;
    const first = Math.floor(this.list.scrollTop / ROW / PAGE) * PAGE;
    const { generation } = this;
    const page = await this.fetchPage(first);
    if (page === null || generation !== this.generation) return;
    const { total, rows } = page;
    this.pages = new Map([[first, rows]]);
    this.loading.clear();
    this.total = total;
    this.drawHead();
    this.draw();
  }

  fetchPage(offset) {
    const { state, ...filter } = this.filter;
    const open = state === 'open' ? true : state === 'closed' ? false : undefined;
    const unacknowledged = state === 'unacknowledged' ? true : undefined;
    const fields = { ...filter, open, unacknowledged, vehicle: this.vehicle, offset, limit: PAGE };
    return viewFrom('/api/findings', fields);
  }

  rowAt(index) {
    const first = Math.floor(index / PAGE) * PAGE;
    return this.pages.get(first)?.[index - first] ?? null;
  }

  async load(first) {
    if (this.pages.has(first) || this.loading.has(first)) return;
    this.loading.add(first);
    const { generation } = this;
    const page = await this.fetchPage(first);
    if (generation !== this.generation) return;
    this.loading.delete(first);
    if (page === null) return;
    this.pages.set(first, page.rows);
    this.draw();
  }

  draw() {
    this.room.style.height = `${this.total * ROW}px`;
    this.empty.hidden = this.total > 0;
    this.empty.textContent = word('no_findings');
    this.list.hidden = this.total === 0;
    this.list.setAttribute('aria-label', word('findings'));
    const begin = Math.max(0, Math.floor(this.list.scrollTop / ROW) - SPARE);
    const end = Math.min(this.total, Math.ceil((this.list.scrollTop + this.list.clientHeight) / ROW) + SPARE);
    const rows = [];
    for (let index = begin; index < end; index += 1) {
      const row = this.rowAt(index);
      if (row === null) void this.load(Math.floor(index / PAGE) * PAGE);
      else rows.push(this.drawRow(row, index));
    }
    this.room.replaceChildren(...rows);
    const selected = rows.find((row) => row.getAttribute('aria-selected') === 'true');
    if (selected) this.list.setAttribute('aria-activedescendant', selected.id);
    else this.list.removeAttribute('aria-activedescendant');
  }

  drawRow(row, index) {
    const isChosen = this.chosen?.vehicle === row.vehicle && this.chosen.finding === row.finding;
    if (isChosen) this.index = index;
    const where = row.kp === null ? '' : `KP ${row.kp.toFixed(3)}`;
    const marks = [
      row.open ? element('b', {}, word('open')) : null,
      row.closeReason === 'interrupted' ? word('interrupted') : null,
      row.acknowledged ? null : word('unacknowledged'),
      row.review === 'unreviewed' ? null : word(row.review),
      row.historical ? word('late') : null,
    ].filter((mark) => mark !== null);
    const node = element(
      'div',
      {
        class: `row ${row.severity}`,
        role: 'option',
        id: `row-${index}`,
        'aria-selected': isChosen ? 'true' : 'false',
        'aria-setsize': this.total,
        'aria-posinset': index + 1,
        onclick: () => this.choose(index),
      },
      element('span', { class: `severity ${row.severity}` }, word(row.severity)),
      element('span', { class: 'class' }, word(row.class)),
      element('span', {}, percent(row.peak)),
      element('span', {}, clockTime(row.openedAt), row.clockQuality === 'unset' ? ' (?)' : ''),
      element('span', {}, where || (this.vehicle === null ? row.vehicle : '')),
      element(
        'span',
        { class: 'state' },
        marks.flatMap((mark, at) => (at === 0 ? [mark] : [' · ', mark])),
      ),
    );
    node.style.top = `${index * ROW}px`;
    return node;
  }

  choose(index) {
    const row = this.rowAt(index);
    if (row === null) return;
    this.index = index;
    this.chosen = { vehicle: row.vehicle, finding: row.finding };
    this.draw();
    this.onChoose(this.chosen);
  }

  /** Marks a finding that was chosen elsewhere. */
  mark(chosen) {
    this.chosen = chosen;
    this.draw();
  }

  press(event) {
    const page = Math.max(1, Math.floor(this.list.clientHeight / ROW) - 1);
    const steps = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -this.total,
      End: this.total,
    };
    const step = steps[event.key];
    if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const index = Math.min(this.total - 1, Math.max(0, this.index + step));
    const top = index * ROW;
    const { scrollTop, clientHeight } = this.list;
    if (top < scrollTop) this.list.scrollTop = top;
    else if (top + ROW > scrollTop + clientHeight) this.list.scrollTop = top + ROW - clientHeight;
    this.index = index;
    if (this.rowAt(index) !== null) this.choose(index);
    else
      void this.load(Math.floor(index / PAGE) * PAGE).then(() => this.index === index && this.choose(index));
  }

  drawHead() {
    const select = (name, words, any) =>
      element(
        'label',
        {},
        word(any === null ? name : `filter_${name}`),
        element(
          'select',
          { 'data-focus': `filter-${name}`, onchange: (event) => this.set(name, event.target.value) },
          any === null ? null : element('option', { value: '' }, word(any)),
          words.map(([value, text]) =>
            element('option', { value, selected: (this.filter[name] ?? '') === value }, word(text)),
          ),
        ),
      );
    const waiting = this.nameOf(this.vehicle)?.counts.unacknowledged ?? 0;
    const all = element(
      'button',
      {
        type: 'button',
        class: 'all',
        'data-focus': 'acknowledge-all',
        id: 'acknowledge-all',
        onclick: () => this.acknowledgeAll(),
      },
      word('acknowledge_all', waiting),
    );
    replace(
      this.head,
      element('h2', { id: 'findings-title' }, word('findings_count', this.total)),
      Object.entries(FILTERS).map(([name, words]) =>
        select(
          name,
          words.map((each) => [each, each]),
          'all',
        ),
      ),
      select(
        'order',
        [
          ['severity', 'by_severity'],
          ['time', 'by_time'],
        ],
        null,
      ),
      this.said,
      waiting > 0 ? all : null,
    );
  }

  set(name, value) {
    this.filter = { ...this.filter, [name]: value === '' ? undefined : value };
    this.list.scrollTop = 0;
    void this.reload();
  }

  async acknowledgeAll() {
    this.said.textContent = '…';
    try {
      const { refused } = await acknowledgeAll(this.vehicle, null);
      this.said.textContent = refused > 0 ? word('acknowledge_refused', refused) : '';
    } catch (error) {
      this.said.textContent = `${error.message} ${error.help ?? ''}`;
    }
  }
}
