import type { Desk, FleetVehicle } from '../console/desk.ts';
import type { FindingRow } from '../console/finding-list.ts';
import type { SEVERITIES } from '../console/severities.ts';
import { systemClock } from '../platform/clock.ts';
import { SpectaError } from '../platform/errors.ts';
import { createLog } from '../platform/log.ts';
import type { ScreenSize } from './demo-view.ts';
import { EXIT } from './exit-codes.ts';
import { aborted, onInterrupt } from './interrupt.ts';
import { LiveScreen } from './live-screen.ts';
import { duration, isTerminal, type Paint, paint, table } from './terminal.ts';
import type { WatchOptions } from './watching.ts';

/** What `specta watch --table` is asked for besides. */
export interface WatchTableOptions extends WatchOptions {
  readonly severity?: (typeof SEVERITIES)[number];
  readonly unacknowledged?: boolean;
  readonly folder: string;
}

const DRAW_MS = 250;

/** What the table shows at one moment. */
export interface WatchPicture {
  readonly broker: string;
  readonly link: Desk['link']['state'];
  readonly vehicles: readonly FleetVehicle[];
  readonly findings: { readonly total: number; readonly rows: readonly FindingRow[] };
  readonly nowUtcMs: number;
}

function linkLine({ broker, link }: WatchPicture, { dim, yellow }: Paint): string {
  switch (link.kind) {
    case 'connected':
      return link.denied.length === 0
        ? dim(`connected to ${broker} (MQTT ${link.protocol}); Ctrl-C ends`)
        : yellow(`the broker ${broker} does not let us read ${link.denied.join(', ')}`);
    case 'waiting':
      return yellow(`no connection to ${broker}: ${link.reason}`);
    default:
      return yellow(`connecting to ${broker}`);
  }
}

/** What a vehicle sees, or why nobody knows. */
function sightText({ sight }: FleetVehicle, { red, yellow, green }: Paint): string {
  switch (sight.kind) {
    case 'watching':
      return green('watching');
    case 'not-inspecting':
      return yellow('not inspecting: no run');
    case 'blind':
      return yellow(`blind: ${sight.reason ?? 'no reason told'}`);
    case 'cannot-see':
      return red(
        `cannot see: ${sight.parts.map(({ part, reason }) => (reason === null ? part : `${part}, ${reason}`)).join('; ')}`,
      );
    case 'unknown':
      return yellow(`not known: ${sight.why}`);
  }
}

function vehicleRows({ vehicles, nowUtcMs }: WatchPicture, colours: Paint): string[][] {
  return vehicles.map((vehicle) => {
    const { heardUtcMs, counts } = vehicle;
    const heard =
      heardUtcMs === null ? 'never' : `${duration(Math.max(0, nowUtcMs - heardUtcMs) / 1000)} ago`;
    const cracks = counts.unacknowledgedCracks;
    return [
      vehicle.vehicle,
      sightText(vehicle, colours),
      heard,
      vehicle.light?.shows ?? '-',
      cracks > 0 ? colours.red(colours.bold(String(cracks))) : '0',
    ];
  });
}

function findingRows({ findings }: WatchPicture, { red, yellow, dim, bold }: Paint): string[][] {
  return findings.rows.map((row) => [
    row.severity === 'critical' ? red(bold(row.severity)) : row.severity,
    (row.class === 'crack' ? red : yellow)(row.class),
    `${Math.round(row.peak * 100)} %`,
    row.openedAt.slice(0, 19).replace('T', ' '),
    row.vehicle,
    row.kp === null ? dim('-') : row.kp.toFixed(3),
    row.open ? bold('open') : dim('closed'),
    row.acknowledged ? dim('seen') : 'new',
    row.review === 'unreviewed' ? dim('-') : row.review,
    row.finding,
  ]);
}

/** The whole screen, one string a line. */
export function watchScreen(picture: WatchPicture, colours: Paint, size: ScreenSize): string[] {
  const { bold, dim } = colours;
  const head = ['vehicle', 'sight', 'heard', 'light', 'new cracks'].map((name) => dim(name));
  const columns = [
    'severity',
    'class',
    'peak',
    'first seen (UTC)',
    'vehicle',
    'KP',
    'state',
    'known',
    'review',
    'finding',
  ];
  const above = [
    `${bold('SPECTA watch')}  ${linkLine(picture, colours)}`,
    '',
    ...(picture.vehicles.length === 0
      ? [dim('no vehicle was heard yet')]
      : table([head, ...vehicleRows(picture, colours)])),
    '',
    `${bold('Findings')}  ${dim(String(picture.findings.total))}`,
  ];
  const below = [dim('A screening aid: a person must look at the evidence before anything is decided.')];
  const lines = table([columns.map((name) => dim(name)), ...findingRows(picture, colours)]);
  const room = Math.max(2, size.rows - above.length - below.length - 1);
  const more = lines.length > room ? [dim(`… and ${picture.findings.total - room + 2} more`)] : [];
  const shown = more.length > 0 ? lines.slice(0, room - 1) : lines;
  return [...above, ...(picture.findings.total === 0 ? [dim('none')] : shown), ...more, ...below];
}

/** Shows the table until Ctrl-C; gives the exit status. Rejects with `USAGE` where there is no terminal. */
export async function watchTable(options: WatchTableOptions): Promise<number> {
  if (!isTerminal(process.stdout) || options.json === true) {
    throw new SpectaError(
      'USAGE',
      '--table needs a terminal, and is not --json.',
      'Leave --table away: one line for each alert.',
    );
  }
  using interrupt = onInterrupt();
  const [{ Desk }, { openHistory }, { listFindings }] = await Promise.all([
    import('../console/desk.ts'),
    import('../console/history-folder.ts'),
    import('../console/finding-list.ts'),
  ]);
  using kept = await openHistory(options.folder);
  const { history } = kept;
  const { broker, username, passwordFile, caFile, vehicle } = options;
  const desk = new Desk({
    ...{ broker, username, passwordFile, caFile, vehicle: vehicle ?? null, history },
    ...{ clock: systemClock, log: createLog(process.env.SPECTA_LOG_LEVEL ?? 'silent') },
  });
  const colours = paint(process.stdout);
  {
    using screen = new LiveScreen(process.stdout);
    const draw = (): void => {
      const { severity, unacknowledged, class: defect } = options;
      const picture: WatchPicture = {
        ...{ broker, link: desk.link.state, nowUtcMs: Date.now() },
        vehicles: desk.vehicles.flatMap((name) => desk.vehicle(name) ?? []),
        findings: listFindings(history, {
          ...{ vehicle, class: defect, severity, unacknowledged },
          ...{ order: 'severity', offset: 0, limit: screen.size.rows },
        }),
      };
      screen.draw(watchScreen(picture, colours, screen.size));
    };
    desk.start();
    draw();
    const drawing = setInterval(draw, DRAW_MS);
    await aborted(interrupt.signal);
    clearInterval(drawing);
  }
  await desk.stop();
  interrupt.throwIfOutputFailed();
  return Object.keys(desk.unreadable.snapshot()).length > 0 ? EXIT.partial : EXIT.ok;
}
