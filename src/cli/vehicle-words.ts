import type { VehicleFacts } from '../surface/messages/vehicle.ts';
import { counted, duration, type Paint } from './terminal.ts';

/** A time of the vehicle for people: UTC, to the second. */
export function timeInWords(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
}

/** What was last seen, in one line: `crack 0.93 (corrosion 0.12, intact 0.02)`. */
export function sightInWords({ label, blind, probabilities }: NonNullable<VehicleFacts['sight']>): string {
  const figures = Object.entries(probabilities)
    .map(([name, value]) => `${name} ${value.toFixed(2)}`)
    .join(', ');
  return label === null ? `cannot see: ${blind}` : `${label}${figures === '' ? '' : ` (${figures})`}`;
}

/** The line that drives the lamp, and what it shows: `simulated: dark, off since …`. */
export function lightInWords({
  line,
  shows,
  lit,
  since,
  held,
  kind,
  findings,
  down,
}: VehicleFacts['light']): string {
  const why = [...findings, ...down].join(', ');
  const hold = held || kind === 'simulated' ? '' : ', line not held';
  return `${line}: ${shows}${why === '' ? '' : ` (${why})`}, ${lit ? 'on' : 'off'}${hold}, since ${timeInWords(since)}`;
}

export function runInWords(run: VehicleFacts['run'], startsBy: VehicleFacts['runStartsBy']): string {
  if (run === null)
    return startsBy === 'camera' ? 'none; the camera begins it' : 'none; specta run start begins it';
  const { id, startedAt, openFindings, seenSeconds, blindSeconds, lostSeconds } = run;
  return `${id} since ${timeInWords(startedAt)}, ${counted(openFindings, 'open finding')}; seen ${duration(seenSeconds)}, blind ${duration(blindSeconds)}, lost ${duration(lostSeconds)}`;
}

export function bytesInWords(bytes: number): string {
  if (Math.abs(bytes) < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return Math.abs(bytes) < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** The vehicle for people, one fact a line. */
export function statusLines(facts: VehicleFacts, colours: Paint): string[] {
  const { bold, dim, green, red, yellow } = colours;
  const marks = {
    ok: green('ok'),
    recovering: yellow('recovering'),
    failed: red('failed'),
    absent: dim('absent'),
  };
  const row = (name: string, text: string): string => `${bold(name.padEnd(10))}${text}`;
  const { camera, sight, model, engine, record, link, disk } = facts;
  const lines = [
    row(
      'vehicle',
      `${facts.vehicle}, SPECTA ${facts.version}, process ${facts.pid}, up ${duration(facts.uptimeSeconds)}`,
    ),
    row('clock', `${timeInWords(facts.at)}, ${facts.clockQuality}`),
    ...facts.parts.map(({ part, condition, reason, since }) =>
      row(
        part,
        `${marks[condition]} since ${timeInWords(since)}${reason === null ? '' : dim(`: ${reason}`)}`,
      ),
    ),
    '',
    row(
      'camera',
      `${camera.uri}, ${camera.mode ?? camera.state}, ${counted(camera.delivered, 'frame')}${dropsInWords(camera.drops)}`,
    ),
    row(
      'sees',
      sight === null ? 'nothing was judged yet' : `${sightInWords(sight)}, ${duration(sight.ageSeconds)} ago`,
    ),
    row('engine', engine === null ? 'none runs' : `${engine.kind} on ${engine.provider}`),
    row(
      'model',
      `${model.name} ${model.version} of ${model.createdAt.slice(0, 10)}, ${model.digest.slice(0, 12)}${model.signature === 'unsigned' ? red(', signed by NOBODY') : ''}`,
    ),
    ...(model.passedOver === null
      ? []
      : [
          row(
            '',
            red(
              `instead of ${model.passedOver.name} ${model.passedOver.version}, which is passed over: ${model.passedOver.reason}`,
            ),
          ),
        ]),
    ...(model.unsignedAllowed ? [row('', red('unsigned models are taken: never for a dive'))] : []),
    ...(model.trial === null
      ? []
      : [
          row(
            'trial',
            `${model.trial.name} ${model.trial.version}, ${model.trial.phase} ${Math.floor(model.trial.progress * 100)} %`,
          ),
        ]),
    row('light', lightInWords(facts.light)),
    row('run', runInWords(facts.run, facts.runStartsBy)),
  ];
  if (record !== null) {
    const { alert, run, image } = record.waiting;
    lines.push(
      row(
        'outbox',
        `${counted(alert, 'alert')}, ${run} of runs, ${counted(image, 'image')} wait, ${bytesInWords(record.bytes)}${record.unheard === 0 ? '' : `, ${record.unheard} unheard`}`,
      ),
    );
  }
  if (link !== null)
    lines.push(
      row('link', `${link.broker}, ${link.state}${link.protocol === null ? '' : `, MQTT ${link.protocol}`}`),
    );
  if (disk !== null) lines.push(row('disk', `${disk.folder}: ${bytesInWords(disk.freeBytes)} free`));
  if (facts.temperatureCelsius !== null)
    lines.push(row('board', `${facts.temperatureCelsius.toFixed(0)} °C`));
  lines.push(row('memory', bytesInWords(facts.memoryBytes)));
  return lines;
}

function dropsInWords(drops: Readonly<Record<string, number>>): string {
  const words = Object.entries(drops).map(([reason, count]) => `${count} ${reason}`);
  return words.length === 0 ? '' : `, dropped: ${words.join(', ')}`;
}
