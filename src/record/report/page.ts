import type { Run, RunAnnals } from '../../domain/run.ts';
import {
  type Dossier,
  type DossierFinding,
  type DossierWithPictures,
  evidenceFaults,
  sha256Of,
} from './dossier.ts';
import { COLOURS, STYLE } from './page-style.ts';

/** Stands where the page's own digest comes: 64 zeros, as long as the digest. */
export const NO_DIGEST = '0'.repeat(64);
export const DIGEST_META = 'specta-sha256';

/** Text as HTML. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

/**
 * The report as one page that needs nothing else: pictures and data are inside it, and the digest over all of it, taken
 * with {@link NO_DIGEST} in its place, stands in its head.
 */
export function reportPage({ dossier, pictures }: DossierWithPictures): string {
  const { run, findings } = dossier;
  const faults = evidenceFaults(dossier);
  const title = `Inspection ${run.id}`;
  const body = [
    `<h1>${escaped(title)}</h1><p class="lead">Vehicle ${escaped(run.vehicle)}, ${period(run)}. Report by SPECTA ${escaped(dossier.version)}, ${time(Date.parse(dossier.madeAt))}.</p>`,
    `<p class="notice">${escaped(dossier.notice)}</p>`,
    faults.length === 0 ? '' : `<div class="bad"><b>Evidence is not whole</b>${list(faults)}</div>`,
    numbers(dossier),
    `<h2>What was inspected, and what was not</h2>${coverage(run)}`,
    `<h2>Findings</h2>${findings.length === 0 ? '<p>None. It was inspected only what the section above says.</p>' : findings.map((finding) => card(finding, pictures)).join('')}`,
    `<h2>Model and thresholds</h2>${models(findings)}`,
    `<h2>Clock</h2>${clock(run.annals)}`,
    `<h2>Faults</h2>${runFaults(run.annals)}`,
    `<h2>Checking this report</h2><p><code>specta report verify FILE</code> recomputes the digest of this page and of every picture in it. Digests prove that nothing changed by accident; who made the report they do not prove.</p>`,
  ].join('\n');
  // A slash in "</script>" would end the block.
  const data = JSON.stringify(dossier).replaceAll('<', '\\u003c');
  const page = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="${DIGEST_META}" content="${NO_DIGEST}">
<title>${escaped(title)}</title><style>${STYLE}</style></head><body>
${body}
<script type="application/json" id="specta-data">${data}</script>
</body></html>
`;
  return page.replace(NO_DIGEST, sha256Of(page));
}

function time(utcMs: number): string {
  const text = new Date(utcMs).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 19)} UTC`;
}

function period({ startedAt, endedAt, end }: Run): string {
  const from = time(startedAt.utcMs);
  return endedAt === null
    ? `from ${from}, not ended`
    : `${from} to ${time(endedAt.utcMs)} (${escaped(end ?? '')})`;
}

function list(lines: readonly string[]): string {
  return `<ul>${lines.map((line) => `<li>${escaped(line)}</li>`).join('')}</ul>`;
}

function rows(entries: readonly (readonly [string, string])[]): string {
  return `<dl>${entries.map(([name, value]) => `<dt>${escaped(name)}</dt><dd>${escaped(value)}</dd>`).join('')}</dl>`;
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[], tag: string): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`;
  return `<div class="scroll"><table>${row(head, 'th')}${lines.map((line) => row(line, 'td')).join('')}</table></div>`;
}

const kilometres = (kp: number | null): string => (kp === null ? '' : `KP ${kp.toFixed(3)}`);

function duration(seconds: number): string {
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  return minutes === 0 ? `${whole} s` : `${minutes} min ${whole % 60} s`;
}

function numbers({ run, findings }: Dossier): string {
  const counted = (defect: string): readonly [string, string] => {
    const all = findings.filter((finding) => finding.defect === defect);
    const by = (review: string): number => all.filter((finding) => finding.review === review).length;
    const rejected = by('rejected');
    const words = [
      [by('confirmed'), 'confirmed'],
      [by('unreviewed'), 'not reviewed'],
      [rejected, 'rejected: not counted'],
    ] as const;
    const told = words.filter(([many]) => many > 0).map(([many, word]) => `${many} ${word}`);
    return [String(all.length - rejected), told.join(', ')];
  };
  const { seenSeconds, lostSeconds, blindSeconds } = run.coverage;
  const blind = Object.values(blindSeconds).reduce((sum, seconds) => sum + seconds, 0);
  const total = seenSeconds + lostSeconds + blind;
  const share = total === 0 ? 'nothing' : `${((100 * seenSeconds) / total).toFixed(1)} %`;
  const facts = [
    [counted('crack'), 'cracks'],
    [counted('corrosion'), 'corrosion'],
    [[share, ''], 'of the time watched'],
    [[duration(total), ''], 'inspection'],
  ] as const;
  const cells = facts.map(
    ([[value, more], name]) =>
      `<div><b>${value}</b>${name}${more === '' ? '' : `<small>${more}</small>`}</div>`,
  );
  return `<div class="numbers">${cells.join('')}</div>`;
}

function coverage(run: Run): string {
  const { coverage: covered, annals } = run;
  const blind = Object.entries(covered.blindSeconds).map(
    ([reason, seconds]) => [`blind: ${reason}`, duration(seconds)] as const,
  );
  const distance = covered.distanceMetres;
  const facts = rows([
    ['watched', `${duration(covered.seenSeconds)}, ${covered.framesJudged} frames`],
    ...blind,
    ['no camera or engine', duration(covered.lostSeconds)],
    ...(covered.framesThinned === undefined
      ? []
      : [['left out while the board was hot or slowed', `${covered.framesThinned} frames`] as const]),
    ['unsure', `${(100 * covered.unsureRate).toFixed(1)} % of the frames watched`],
    ['distance', distance === null ? 'not known: no position along a route' : `${distance.toFixed(0)} m`],
    ['KP watched', annals?.kpSeen ? annals.kpSeen.map((kp) => kp.toFixed(3)).join(' to ') : 'not known'],
  ]);
  if (annals === undefined) return `${facts}<p>When the camera could not see was not recorded.</p>`;
  const gaps = annals.gaps.map(({ kind, fromUtcMs, toUtcMs, kpFrom, kpTo }) => [
    kind === 'lost' ? 'no camera or engine' : `blind: ${kind}`,
    time(fromUtcMs),
    time(toUtcMs),
    duration((toUtcMs - fromUtcMs) / 1000),
    [kpFrom, kpTo]
      .map(kilometres)
      .filter((text) => text !== '')
      .join(' to ') || 'not known',
  ]);
  const more = annals.gapsLeftOut === 0 ? '' : `<p>${annals.gapsLeftOut} more are not listed.</p>`;
  const listed =
    gaps.length === 0
      ? '<p>No stretch of two seconds or more was left out.</p>'
      : `<h3>Not inspected</h3>${table(['why', 'from', 'to', 'for', 'where'], gaps)}${more}`;
  return `${strip(run, annals)}${facts}${listed}`;
}

/** The run from left to right: what was watched, and where it was not. */
function strip({ startedAt, endedAt }: Run, { gaps }: RunAnnals): string {
  const last = gaps.at(-1)?.toUtcMs ?? startedAt.utcMs;
  const end = endedAt?.utcMs ?? last;
  const width = Math.max(1, end - startedAt.utcMs);
  const at = (utcMs: number): number =>
    Math.min(1000, Math.max(0, (1000 * (utcMs - startedAt.utcMs)) / width));
  const bars = gaps.map(({ kind, fromUtcMs, toUtcMs }) => {
    const [x, to] = [at(fromUtcMs), at(toUtcMs)];
    const colour = kind === 'lost' ? COLOURS.lost : COLOURS.blind;
    return `<rect x="${x.toFixed(1)}" width="${Math.max(2, to - x).toFixed(1)}" y="0" height="26" fill="${colour}"/>`;
  });
  const key = [
    [COLOURS.seen, 'watched'],
    [COLOURS.blind, 'blind'],
    [COLOURS.lost, 'no camera or engine'],
  ].map(([colour, name]) => `<span><i style="background:${colour}"></i>${name}</span>`);
  return `<svg viewBox="0 0 1000 26" role="img" aria-label="coverage over time" preserveAspectRatio="none"><rect width="1000" height="26" fill="${COLOURS.seen}"/>${bars.join('')}</svg><p class="key">${key.join('')}</p>`;
}

const ENDS = {
  gone: 'it was out of sight',
  'run-stopped': 'with the run, while in sight',
  interrupted: 'cut off by an unplanned restart',
} as const;

function card(finding: DossierFinding, pictures: ReadonlyMap<string, Uint8Array>): string {
  const { id, defect, severity, peak, meanProbability, detections, openedAt, lastSeenAt, fix, advice } =
    finding;
  const intact = finding.stills.filter(({ state }) => state === 'intact');
  const shown = intact.findLast(({ kind }) => kind === 'annotated') ?? intact.at(-1);
  const bytes = shown && pictures.get(shown.file);
  const picture =
    shown && bytes
      ? `<img data-file="${escaped(shown.file)}" alt="${escaped(`${defect}, frame ${peak.frame.sequence}`)}" width="${shown.width}" height="${shown.height}" src="data:image/${shown.file.endsWith('.jpg') ? 'jpeg' : 'png'};base64,${Buffer.from(bytes).toString('base64')}">`
      : '<p>No picture is kept.</p>';
  const place = [
    kilometres(fix?.kp ?? null),
    fix?.latitude != null && fix.longitude != null
      ? `${fix.latitude.toFixed(6)}, ${fix.longitude.toFixed(6)}`
      : '',
    fix?.depth != null ? `${fix.depth.toFixed(1)} m deep` : '',
    fix?.heading != null ? `heading ${fix.heading.toFixed(0)}°` : '',
  ].filter((part) => part !== '');
  const unknown = fix === null ? 'not known: no source of position' : `not known: ${fix.missing ?? ''}`;
  const facts = rows([
    ['finding', id],
    ['probability', `${peak.probability.toFixed(3)} at its peak, ${meanProbability.toFixed(3)} on average`],
    ['seen', `${detections} frames, ${time(openedAt.utcMs)} to ${time(lastSeenAt.utcMs)}`],
    ['where', place.length === 0 ? unknown : `${place.join(', ')} (${fix?.source ?? ''})`],
    ['ended', finding.closeReason === null ? 'still open' : ENDS[finding.closeReason]],
    ...said(finding),
    ['model', `${finding.model.name} ${finding.model.version}`],
    ['advice', advice.en],
    ...intact.map(({ kind, sha256 }) => [`sha256, ${kind}`, sha256] as const),
  ]);
  const verdict = finding.review === 'unreviewed' ? '' : `, ${finding.review}`;
  return `<article class="${finding.review}" style="border-left-color:${COLOURS[severity]}">${picture}<div><h3>${escaped(defect)}, ${escaped(severity)}${verdict}</h3>${facts}</div></article>`;
}

/** Who reviewed a finding, when and how; who has seen it. */
function said({ review, reviewed, acknowledged }: DossierFinding): (readonly [string, string])[] {
  const by = (who: string | null, at: string): string =>
    `${who === null ? 'by a person who gave no name' : `by ${who}`}, ${time(Date.parse(at))}`;
  const lines: (readonly [string, string])[] = [];
  if (reviewed === null) lines.push(['review', review === 'unreviewed' ? 'nobody has reviewed it' : review]);
  else {
    const note = reviewed.note === null ? '' : `: ${reviewed.note}`;
    lines.push(['review', `${review} ${by(reviewed.by, reviewed.at)}${note}`]);
  }
  if (acknowledged !== null) lines.push(['acknowledged', by(acknowledged.by, acknowledged.at)]);
  return lines;
}

function models(findings: readonly DossierFinding[]): string {
  const seen = new Map(
    findings.map(({ model, defect, thresholds }) => [
      `${model.digest} ${model.provider} ${defect} ${thresholds.on} ${thresholds.off}`,
      [
        `${model.name} ${model.version}`,
        `${model.engine}, ${model.provider}`,
        defect,
        `${thresholds.on} / ${thresholds.off}`,
        model.digest,
      ],
    ]),
  );
  if (seen.size === 0) return '<p>No finding names a model.</p>';
  return table(['model', 'engine', 'class', 'opens at / stays at', 'digest'], [...seen.values()]);
}

const CLOCK_WORDS = {
  synchronised: 'The clock was disciplined by a time source during the whole run.',
  unsynchronised: 'The clock was not disciplined during the whole run: the times above may have drifted.',
  unset: 'The clock was not set: the dates above are wrong, only their order holds.',
} as const;

function clock(annals: RunAnnals | undefined): string {
  return `<p>${annals === undefined ? 'How far the clock could be believed was not recorded.' : CLOCK_WORDS[annals.clockQuality]}</p>`;
}

function runFaults(annals: RunAnnals | undefined): string {
  if (annals === undefined) return '<p>Faults were not recorded.</p>';
  if (annals.faults.length === 0) return '<p>None.</p>';
  const lines = annals.faults.map(({ part, condition, reason, atUtcMs }) => [
    time(atUtcMs),
    part,
    condition === 'ok' ? 'works again' : condition,
    reason ?? '',
  ]);
  const more = annals.faultsLeftOut === 0 ? '' : `<p>${annals.faultsLeftOut} more are not listed.</p>`;
  return `${table(['when', 'part', 'how', 'why'], lines)}${more}`;
}
