import { inspectStill } from './ask.js';
import { element, replace } from './dom.js';
import { languageCode, percent, word } from './words.js';

const HERE = '';

function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

/** Drop a picture: the original and what the model says of it, side by side, with the model's name. */
export class Still {
  constructor(node) {
    this.node = node;
    this.judges = [];
    this.judge = null;
    this.result = null;
    this.urls = [];
    this.said = element('p', { class: 'said', role: 'status' });
    this.file = element('input', {
      type: 'file',
      id: 'still-file',
      hidden: true,
      accept: 'image/jpeg,image/png,image/webp,image/tiff,image/gif,image/avif',
      onchange: () => this.take(this.file.files?.[0] ?? null),
    });
    // A picture that misses its place must not replace the whole page.
    document.addEventListener('dragover', (event) => event.preventDefault());
    document.addEventListener('drop', (event) => {
      event.preventDefault();
      void this.take(event.dataTransfer?.files[0] ?? null);
    });
  }

  /** Who can judge now: this machine, where it has a model, and every vehicle that is there. */
  update({ localModel, vehicles, chosen }) {
    const judges = [
      ...(localModel === null ? [] : [{ id: HERE, name: word('still_here', localModel) }]),
      ...vehicles
        .filter(({ state }) => state === 'online')
        .map(({ vehicle }) => ({ id: vehicle, name: vehicle })),
    ];
    const preferred = localModel === null ? chosen : HERE;
    if (!judges.some(({ id }) => id === this.judge))
      this.judge = judges.find(({ id }) => id === preferred)?.id ?? judges[0]?.id ?? null;
    const shape = JSON.stringify([judges, languageCode()]);
    if (shape === this.shape) return;
    this.shape = shape;
    this.judges = judges;
    this.draw();
  }

  async take(file) {
    if (file === null) return;
    if (this.judge === null) {
      this.tell(word('still_nobody'), true);
      return;
    }
    this.tell(word('still_working', file.name), false);
    try {
      const result = await inspectStill(file, this.judge === HERE ? null : this.judge);
      for (const url of this.urls) URL.revokeObjectURL(url);
      const annotated = new Blob([bytesOf(result.annotated)], { type: 'image/jpeg' });
      this.urls = [URL.createObjectURL(file), URL.createObjectURL(annotated)];
      this.result = { ...result, name: file.name };
      this.tell('', false);
    } catch (error) {
      this.result = null;
      this.tell(`${file.name}: ${error.message} ${error.help ?? ''}`, true);
    }
    this.file.value = '';
    this.draw();
  }

  draw() {
    const select = element(
      'select',
      {
        id: 'judge',
        onchange: (event) => {
          this.judge = event.target.value;
        },
      },
      this.judges.map(({ id, name }) => element('option', { value: id, selected: id === this.judge }, name)),
    );
    const drop = element(
      'div',
      {
        class: 'drop',
        ondragenter: () => drop.classList.add('over'),
        ondragleave: () => drop.classList.remove('over'),
      },
      element('p', {}, word('still_drop')),
      element(
        'button',
        { type: 'button', id: 'still-choose', onclick: () => this.file.click() },
        word('still_choose'),
      ),
      this.file,
      this.judges.length === 0
        ? element('p', { class: 'dim' }, word('still_nobody'))
        : element('label', { class: 'dim', for: 'judge' }, `${word('still_judge')} `, select),
    );
    replace(this.node, element('h2', {}, word('still')), drop, this.said, this.drawResult());
  }

  drawResult() {
    if (this.result === null) return null;
    const { label, blind, probabilities, model, by, milliseconds, advice, name } = this.result;
    const said = label === null ? word('cannot_see', word(blind)) : word(label);
    const figures = Object.entries(probabilities).map(([each, value]) => `${word(each)} ${percent(value)}`);
    const where = by === 'console' ? word('this_machine') : by;
    const original = element('img', { src: this.urls[0], alt: `${word('still_original')}: ${name}` });
    original.addEventListener('error', () =>
      original.replaceWith(element('p', { class: 'dim' }, word('still_no_preview'))),
    );
    return element(
      'div',
      { id: 'still-result' },
      element('p', { class: 'verdict' }, said),
      element('p', {}, figures.join(' · ')),
      advice === null
        ? null
        : element('p', {}, element('b', {}, `${word('advice')}: `), advice[languageCode()]),
      element(
        'div',
        { class: 'pair' },
        element('figure', {}, original, element('figcaption', {}, `${word('still_original')}: ${name}`)),
        element(
          'figure',
          {},
          element('img', { src: this.urls[1], alt: `${word('still_annotated')}: ${said}` }),
          element('figcaption', {}, word('still_annotated')),
        ),
      ),
      element(
        'p',
        { class: 'dim', id: 'still-model' },
        `${word('judged_by')} ${word('still_by', model.name, model.version, where, milliseconds.toFixed(0))}`,
      ),
    );
  }

  tell(text, isBad) {
    this.said.textContent = text;
    this.said.classList.toggle('bad', isBad);
  }
}
