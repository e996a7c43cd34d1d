import { basename } from 'node:path';
import type { ComparedFrame, Comparison, FrameVerdict } from './compared-frames.ts';
import { wordOf } from './compared-frames.ts';

/** A frame of the page with its picture, JPEG; null when it could not be drawn. */
export interface PicturedFrame {
  readonly frame: ComparedFrame;
  readonly jpeg: Uint8Array | null;
}

const STYLE =
  'body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1180px;padding:0 1rem;color:#1c2126;background:#fff}' +
  'table{border-collapse:collapse;margin:.6rem 0}th,td{padding:.25rem .8rem;border-bottom:1px solid #c9ced3;text-align:right}' +
  'th:first-child,td:first-child{text-align:left}.same{background:#e3f1e7}.other{background:#fbe5e1}' +
  '.frames{display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));gap:1.2rem}figure{margin:0}' +
  'img{width:100%;display:block;background:#ddd}figcaption{font-size:13px;overflow-wrap:anywhere}.said{display:grid;grid-template-columns:2rem 6rem 1fr}';

function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
  };
  return text.replace(/[&<>"]/g, (character) => entities[character] ?? character);
}

function tableHtml({ table }: Comparison): string {
  const order = ['crack', 'corrosion', 'intact', 'unsure', 'blind'];
  const there = new Set([...Object.keys(table), ...Object.values(table).flatMap((row) => Object.keys(row))]);
  const words = order.filter((word) => there.has(word));
  const head = words.map((word) => `<th scope="col">B: ${word}</th>`).join('');
  const rows = words.map((a) => {
    const cells = words.map((b) => {
      const count = table[a]?.[b] ?? 0;
      const kind = count === 0 ? '' : a === b ? ' class="same"' : ' class="other"';
      return `<td${kind}>${count}</td>`;
    });
    return `<tr><th scope="row">A: ${a}</th>${cells.join('')}</tr>`;
  });
  return `<table><tr><td></td>${head}</tr>${rows.join('')}</table>`;
}

function saidHtml(name: 'A' | 'B', verdict: FrameVerdict): string {
  const figures = Object.entries(verdict.probabilities).map(([word, value]) => `${word} ${value.toFixed(2)}`);
  const why = verdict.blind === null ? figures.join(', ') : verdict.blind;
  return `<span>${name}</span><b>${wordOf(verdict)}</b><span>${escaped(why)}</span>`;
}

function frameHtml({ frame, jpeg }: PicturedFrame): string {
  const { file, a, b } = frame;
  const picture =
    jpeg === null
      ? '<p>This picture could not be drawn.</p>'
      : `<img alt="${escaped(`${basename(file)}: A says ${wordOf(a)}, B says ${wordOf(b)}`)}" src="data:image/jpeg;base64,${Buffer.from(jpeg).toString('base64')}">`;
  return `<figure>${picture}<figcaption>${escaped(file)}<div class="said">${saidHtml('A', a)}${saidHtml('B', b)}</div></figcaption></figure>`;
}

/** One page that needs nothing else. `pictured`: the frames of `comparison.unlike` that are shown. */
export function comparePage(
  names: { readonly a: string; readonly b: string; readonly of: string },
  comparison: Comparison,
  pictured: readonly PicturedFrame[],
): string {
  const { frames, alike, unlike, blind, ms, largestAlike, unreadable } = comparison;
  const title = `${names.a} and ${names.b}`;
  const share = frames === 0 ? 'none' : `${((100 * alike) / frames).toFixed(1)} %`;
  const words = [
    `A is ${names.a}; B is ${names.b}. Both judged ${frames} frames of ${names.of}: ${alike} alike (${share}), ${unlike.length} not.`,
    `Blind: A ${blind.a}, B ${blind.b}. Median time of a frame on this machine: A ${ms.a.toFixed(1)} ms, B ${ms.b.toFixed(1)} ms. Where they say the same, a probability differs by ${largestAlike.toFixed(3)} at most.`,
    ...(unreadable.length === 0 ? [] : [`Not read, and not counted: ${unreadable.join(', ')}.`]),
    'Which of the two is right, a person must look.',
  ];
  const shown =
    pictured.length < unlike.length
      ? `<p>The ${pictured.length} largest differences of ${unlike.length}; compare.json has all.</p>`
      : '';
  const list = pictured.length === 0 ? '<p>They never differ.</p>' : pictured.map(frameHtml).join('');
  return (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">' +
    `<title>${escaped(title)}</title><style>${STYLE}</style></head><body><h1>${escaped(title)}</h1>` +
    `${words.map((each) => `<p>${escaped(each)}</p>`).join('')}${tableHtml(comparison)}<h2>Where they differ</h2>${shown}<div class="frames">${list}</div></body></html>\n`
  );
}
