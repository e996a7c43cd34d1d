import type { EvaluatedSide, Evaluation } from './evaluate.ts';
import { JUDGEMENTS } from './metrics.ts';
import { curvePlot, escapeHtml, type PlotLine, reliabilityPlot } from './plots.ts';
import { type EvaluationReport, sizeWords } from './report.ts';
import type { RunReport } from './run-findings.ts';
import { jpegOfSample } from './sample-jpeg.ts';
import { CLASS_ORDER } from './samples.ts';
import type { WhereMeasure } from './where-measure.ts';
import type { Mistake } from './worst-mistakes.ts';

export interface HtmlFacts {
  readonly title: string;
  /** What was measured on what, one paragraph each. */
  readonly words: readonly string[];
  /** The pictures' size, pixels. */
  readonly size: { readonly width: number; readonly height: number };
  /** Of pictures; null where runs alone were followed. */
  readonly evaluation: Pick<Evaluation, 'asIs' | 'equalised' | 'where' | 'missing' | 'unreadable'> | null;
  readonly runs: readonly RunReport[];
}

const COLOURS = { corrosion: '#b4540a', crack: '#b3123b', intact: '#1b7f4b' } as const;
const STYLE =
  'body{font:14px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1120px;padding:0 1rem;color:#1c2126}' +
  'table{border-collapse:collapse;margin:.6rem 0}th,td{padding:.2rem .7rem;border-bottom:1px solid #ddd;text-align:right}' +
  'th:first-child,td:first-child{text-align:left}svg{font:11px system-ui,sans-serif}.row{display:flex;flex-wrap:wrap;gap:1rem}' +
  'figure{margin:0;width:128px}figure img{width:128px;height:128px;object-fit:cover;display:block}figcaption{font-size:11px;line-height:1.3;overflow-wrap:anywhere}';

/** One page that needs nothing else: tables, plots as SVG, the worst mistakes as pictures. */
export function htmlReport(facts: HtmlFacts): string {
  const { title, words, evaluation, runs, size } = facts;
  return (
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
    `<title>${escapeHtml(title)}</title><style>${STYLE}</style></head><body><h1>${escapeHtml(title)}</h1>` +
    `${words.map((each) => `<p>${escapeHtml(each)}</p>`).join('')}${evaluation ? picturesHtml(evaluation, size) : ''}${runsHtml(runs)}</body></html>\n`
  );
}

function picturesHtml(
  { asIs, equalised, where, missing, unreadable }: NonNullable<HtmlFacts['evaluation']>,
  size: HtmlFacts['size'],
): string {
  return [
    ...[
      ...missing.map((file) => `No verdict: ${file}`),
      ...unreadable.map((file) => `Unreadable: ${file}`),
    ].map((line) => `<p>${escapeHtml(line)}</p>`),
    sideHtml('As is', asIs, size),
    ...(equalised
      ? [sideHtml('Brightness and contrast redrawn from one distribution', equalised, size)]
      : []),
    whereHtml(where),
  ].join('');
}

function sideHtml(heading: string, side: EvaluatedSide, size: HtmlFacts['size']): string {
  return (
    `<h2>${escapeHtml(heading)}</h2>${confusionHtml(side.report)}${recallHtml(side.report)}${measuresHtml(side)}` +
    `<h3>Worst mistakes</h3><div class="row">${side.mistakes.map((each) => mistakeHtml(each, size)).join('') || '<p>None.</p>'}</div>`
  );
}

function confusionHtml({ network, precision, recall }: EvaluationReport): string {
  const rows = CLASS_ORDER.map((name) => [
    name,
    ...JUDGEMENTS.map((judgement) => String(network.counts[name][judgement])),
    share(recall[name].network),
    share(precision[name].network),
    share(recall[name].baseline),
    share(precision[name].baseline),
  ]);
  const head = [
    'true \\ said',
    ...JUDGEMENTS,
    'recall',
    'precision',
    'baseline recall',
    'baseline precision',
  ];
  return tableHtml(head, rows);
}

function recallHtml(report: EvaluationReport): string {
  const head = ['', 'pictures', 'network', 'shortcut baseline'];
  const bySource = report.sources.map(({ source, truth, count, network, baseline }) => [
    `${source}, ${truth}`,
    String(count),
    share(network),
    share(baseline),
  ]);
  const { network, baseline } = report.balancedRecall;
  const balanced = ['balanced recall', String(report.count), share(network), share(baseline)];
  const bySize = report.sizes.map((row) => [
    `${sizeWords(row)} px`,
    String(row.count),
    share(row.network),
    share(row.baseline),
  ]);
  return `<h3>Recall by source and class; balanced recall by size</h3><div class="row">${tableHtml(head, [...bySource, balanced])}${tableHtml(head, bySize)}</div>`;
}

function measuresHtml({ measures }: EvaluatedSide): string {
  if (measures === null) return '<p>Only labels are known: no curves.</p>';
  const { curves, reliability, scaled, rates } = measures;
  const lines = (kind: 'roc' | 'precision'): PlotLine[] =>
    curves.flatMap((each) =>
      (['network', 'baseline'] as const).flatMap((of) => {
        const curve = each[kind][of];
        const name = of === 'network' ? each.name : `${each.name}, baseline`;
        return curve ? [{ name, curve, colour: COLOURS[each.name], dashed: of === 'baseline' }] : [];
      }),
    );
  const [first, second] = scaled.temperatures.map((value) => value.toFixed(2));
  const rows = rates.map(({ defect, rate, threshold, recall }) => [
    defect,
    `${rate * 100} %`,
    threshold.toFixed(3),
    share(recall),
  ]);
  return (
    `<h3>Over all thresholds</h3><div class="row">` +
    curvePlot('ROC (area)', { x: 'false alerts, share of the others', y: 'recall' }, lines('roc')) +
    curvePlot(
      'Precision and recall (average precision)',
      { x: 'recall', y: 'precision' },
      lines('precision'),
    ) +
    reliabilityPlot('Reliability', reliability) +
    reliabilityPlot('Reliability, temperature scaled', scaled.reliability) +
    `</div><p>Temperatures ${first} and ${second}: each fitted to one half of the groups and applied to the other.</p>` +
    `<h3>Thresholds by false-alert rate, chosen on these same pictures</h3>` +
    tableHtml(['defect', 'false alerts', 'threshold', 'recall'], rows)
  );
}

function whereHtml(where: readonly WhereMeasure[]): string {
  if (where.length === 0) return '';
  const head = [
    'defect',
    'pictures',
    'box found',
    'its middle on the defect',
    "the picture's middle",
    'overlap',
  ];
  const rows = where.map(({ defect, count, found, hit, hitByMiddle, overlap }) => [
    defect,
    String(count),
    ...[found, hit, hitByMiddle, overlap].map(share),
  ]);
  return `<h2>Where the defect is</h2>${tableHtml(head, rows)}`;
}

function runsHtml(runs: readonly RunReport[]): string {
  if (runs.length === 0) return '';
  const rows = runs.map((run) => [
    run.name,
    (run.hours * 60).toFixed(1),
    run.rate.toFixed(1),
    String(run.falseAlerts),
    run.falseAlertsAnHour.toFixed(2),
    `${run.found} of ${run.defects}`,
    share(run.recall),
    share(run.blindShare),
  ]);
  const head = [
    'run',
    'minutes',
    'frames a second',
    'false alerts',
    'an hour',
    'defects found',
    'recall',
    'blind frames',
  ];
  return `<h2>Runs: findings against the truth</h2>${tableHtml(head, rows)}`;
}

function mistakeHtml({ sample, truth, said, probability }: Mistake, size: HtmlFacts['size']): string {
  const sure = probability === null ? '' : ` ${probability.toFixed(2)}`;
  return `<figure><img alt="" src="data:image/jpeg;base64,${Buffer.from(jpegOfSample(sample, size)).toString('base64')}"><figcaption>${escapeHtml(`${truth}, called ${said}${sure}`)}<br>${escapeHtml(sample.name)}</figcaption></figure>`;
}

function tableHtml(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (tag: string, cells: readonly string[]): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join('')}</tr>`;
  return `<table><thead>${line('th', head)}</thead><tbody>${rows.map((row) => line('td', row)).join('')}</tbody></table>`;
}

function share(value: number | null): string {
  return value === null ? '-' : value.toFixed(3);
}
