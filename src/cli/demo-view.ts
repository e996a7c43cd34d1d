import { DEFECT_CLASSES, type Probabilities, type Verdict } from '../domain/verdict.ts';
import type { AlertMessage } from '../surface/messages/alert.ts';
import type { LightMessage } from '../surface/messages/light.ts';
import { counted, duration, type Paint, table, visibleWidth, wrapped } from './terminal.ts';

/** What the demo shows at one moment. */
export interface DemoPicture {
  /** Every part that is not the real thing, with what stands in for it. */
  readonly simulated: readonly { readonly part: string; readonly by: string }[];
  readonly light: LightMessage | null;
  /** The latest alert of each finding, by finding, oldest first, as received over MQTT. */
  readonly alerts: ReadonlyMap<string, AlertMessage>;
  /** Findings whose annotated still arrived over MQTT. */
  readonly images: ReadonlySet<string>;
  /** Of the last frame; null before the first. */
  readonly verdict: Verdict | null;
  /** From which probability on a frame counts as a detection, by class. */
  readonly thresholds: Probabilities;
  readonly fps: number;
  readonly model: string;
  /** Parts that do not work just now, and messages that could not be read. */
  readonly troubles: readonly string[];
  readonly folder: string;
  /** Where the operator's page is. */
  readonly console: string;
}

/** Room for the picture, characters. */
export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

const INDENT = 14;
const BAR = 24;

function labelled(label: string, text: string): string {
  return `${label.padEnd(INDENT)}${text}`;
}

/** Plain text beside its label, on as many lines as it needs. */
function paragraph(label: string, text: string, columns: number): string[] {
  return wrapped(text, Math.max(20, columns - INDENT)).map((line, index) =>
    labelled(index === 0 ? label : '', line),
  );
}

/** What the alert light does now, in words. */
export function lightText({ shows, lit, findings, down }: LightMessage): string {
  switch (shows) {
    case 'crack':
      return `open finding of a crack: ${findings.join(', ')}`;
    case 'latched':
      return 'a crack was found; on until somebody acknowledges it';
    case 'holding':
      return 'for a while after the last crack';
    case 'corrosion':
      return `open finding of corrosion: ${findings.join(', ')}`;
    case 'cannot-see':
      return `blinks slowly: the vehicle cannot see (${down.join(', ')})`;
    case 'lamp-test':
      return 'lamp test';
    case 'heartbeat':
      return 'a short blip every few seconds: watching';
    case 'dark':
      return 'off: nothing to tell';
    case 'stopped':
      return `stopped; the safe level is ${lit ? 'on' : 'off'}`;
  }
}

function lightLine(light: LightMessage | null, { alarm, dim, yellow, green }: Paint): string {
  if (light === null) return labelled('alert light', dim('nothing heard of it yet'));
  const steady = ['crack', 'latched', 'holding', 'corrosion'].includes(light.shows);
  const text = lightText(light);
  if (steady) return labelled('alert light', `${alarm('  ON  ')}  ${text}`);
  if (light.shows === 'heartbeat') return labelled('alert light', `${green('off')}  ${text}`);
  if (light.shows === 'cannot-see' || light.shows === 'lamp-test')
    return labelled('alert light', yellow(text));
  return labelled('alert light', dim(text));
}

/** A bar from 0 to 1 with a mark at the threshold. */
function bar(value: number, mark: number | undefined): string {
  const filled = Math.round(value * BAR);
  const at = mark === undefined ? -1 : Math.min(BAR - 1, Math.round(mark * BAR));
  return Array.from({ length: BAR }, (_, cell) => (cell === at ? '┃' : cell < filled ? '━' : '┈')).join('');
}

function verdictLines({ verdict, thresholds }: DemoPicture, colours: Paint): string[] {
  const { bold, dim, red, yellow, green } = colours;
  if (verdict === null) return [labelled('last frame', dim('none yet'))];
  const tones = { crack: red, corrosion: yellow, intact: green, unsure: dim };
  const word =
    verdict.label === null
      ? yellow(`cannot see: ${verdict.blind}`)
      : tones[verdict.label](bold(verdict.label));
  const bars = (['corrosion', 'crack', 'intact'] as const).map((name) => {
    const value = verdict.probabilities[name];
    if (value === undefined) return labelled('', dim(`${name.padEnd(10)}${'┈'.repeat(BAR)}  -`));
    const tone = value >= (thresholds[name] ?? 2) ? tones[name] : dim;
    return labelled('', `${name.padEnd(10)}${tone(bar(value, thresholds[name]))}  ${value.toFixed(2)}`);
  });
  return [labelled('last frame', `${word}  ${dim('┃ threshold')}`), ...bars];
}

/** Columns of the table; where the terminal is narrow, those that may go do so from the right. */
const COLUMNS: readonly {
  readonly name: string;
  readonly may: 'stay' | 'go';
  readonly cell: (alert: AlertMessage, picture: DemoPicture, colours: Paint) => string;
}[] = [
  { name: 'finding', may: 'stay', cell: ({ finding }) => finding },
  {
    name: 'class',
    may: 'stay',
    cell: (alert, _, { red, yellow, bold }) => (alert.class === 'crack' ? red : yellow)(bold(alert.class)),
  },
  {
    name: 'state',
    may: 'stay',
    cell: ({ phase }, _, { dim, green }) => (phase === 'closed' ? dim('closed') : green('open')),
  },
  { name: 'peak', may: 'stay', cell: ({ probability }) => `${Math.round(probability.peak * 100)} %` },
  {
    name: 'seen for',
    may: 'stay',
    // The alert of its opening does not know yet.
    cell: ({ phase, durationSeconds }, _, { dim }) =>
      phase === 'opened' ? dim('-') : duration(durationSeconds),
  },
  { name: 'severity', may: 'go', cell: ({ severity }) => severity },
  { name: 'frames', may: 'go', cell: ({ frames }) => String(frames) },
  {
    name: 'still',
    may: 'go',
    cell: ({ finding }, { images }, { dim }) => (images.has(finding) ? 'received' : dim('-')),
  },
];

function alertTable(
  alerts: readonly AlertMessage[],
  picture: DemoPicture,
  colours: Paint,
  width: number,
): string[] {
  let columns = [...COLUMNS];
  for (;;) {
    const lines = table([
      columns.map(({ name }) => colours.dim(name)),
      ...alerts.map((alert) => columns.map(({ cell }) => cell(alert, picture, colours))),
    ]);
    const last = columns.findLast(({ may }) => may === 'go');
    if (last === undefined || lines.every((line) => visibleWidth(line) <= width)) return lines;
    columns = columns.filter((column) => column !== last);
  }
}

function alertLines(picture: DemoPicture, colours: Paint, size: ScreenSize): string[] {
  const { bold, dim } = colours;
  const newest = [...picture.alerts.values()].reverse();
  const title = `${bold('Alerts received over MQTT')}  ${dim(counted(newest.length, 'finding'))}`;
  if (newest.length === 0) return [title, dim('none yet')];
  const room = Math.max(1, size.rows - 2);
  const shown = newest.length <= room ? newest : newest.slice(0, Math.max(1, room - 1));
  const more = newest.length - shown.length;
  return [
    title,
    ...alertTable(shown, picture, colours, size.columns),
    ...(more > 0 ? [dim(`… and ${more} before these`)] : []),
  ];
}

/** The recommended action of each class that was found, as the alerts say it. */
function adviceLines({ alerts }: DemoPicture, columns: number, { dim }: Paint): string[] {
  const advice = DEFECT_CLASSES.flatMap((name) => {
    const alert = [...alerts.values()].findLast((each) => each.class === name);
    return alert ? paragraph(name, alert.advice.en, columns) : [];
  });
  return advice.length > 0 ? ['', ...['recommended action', ...advice].map(dim)] : [];
}

const SCREENING = 'A screening aid: a person must look at the evidence before anything is decided.';

/** Below this height every line counts. */
const TALL = 32;

/** The whole screen, one string a line, made for the room there is: the table gives way first. */
export function demoScreen(picture: DemoPicture, colours: Paint, size: ScreenSize): string[] {
  const { bold, dim, yellow } = colours;
  const { columns, rows } = size;
  const speed = `${picture.fps.toFixed(1)} frames a second judged by ${picture.model}`;
  const spaced = (lines: string[]): string[] => (rows < TALL ? lines.filter((line) => line !== '') : lines);
  const above = spaced([
    `${bold('SPECTA demo')}  console ${bold(picture.console)}${dim('; Ctrl-C ends')}`,
    '',
    yellow(bold('simulated here')),
    ...picture.simulated.flatMap(({ part, by }) => paragraph(part, by, columns).map(yellow)),
    '',
    lightLine(picture.light, colours),
    '',
    ...verdictLines(picture, colours),
    ...paragraph('speed', speed, columns),
    ...picture.troubles.flatMap((trouble) => paragraph('trouble', trouble, columns).map(yellow)),
    '',
  ]);
  const below = spaced([
    ...adviceLines(picture, columns, colours),
    '',
    dim(labelled('stills', picture.folder)),
    ...wrapped(SCREENING, columns).map(dim),
  ]);
  const room = rows - above.length - below.length;
  return [...above, ...alertLines(picture, colours, { columns, rows: room }), ...below];
}

/** What remains on the terminal when the demo has ended. */
export function demoSummary(picture: DemoPicture, colours: Paint, columns: number): string[] {
  const rows = Number.POSITIVE_INFINITY;
  return [
    ...alertLines(picture, colours, { columns, rows }),
    ...adviceLines(picture, columns, colours),
    '',
    colours.dim(labelled('stills', picture.folder)),
    ...wrapped(SCREENING, columns).map(colours.dim),
  ];
}
