import { duration } from '../platform/duration.ts';
import type { Sight, VehicleFacts } from '../surface/messages/vehicle.ts';
import type { DaemonSight } from './daemon-sight.ts';

/** What a person answered to a question; `unasked`: nobody was there to ask. */
export type Spoken = 'yes' | 'no' | 'unasked';

/** Questions that only a person can answer. */
export const QUESTIONS = ['lamp', 'clock', 'backup'] as const;
export type Question = (typeof QUESTIONS)[number];

/** One line of the page. */
export interface PrediveItem {
  readonly item: string;
  readonly state: 'green' | 'red';
  readonly found: string;
  /** null when there is nothing to do. */
  readonly todo: string | null;
}

/** Something that was looked at, or why it could not be. */
export type Seen<T> = { readonly value: T } | { readonly error: string; readonly help: string };

/** All that the page is judged by. */
export interface DeckFacts {
  readonly daemon: DaemonSight;
  readonly sight: Seen<Omit<Sight, 'sequence' | 'capturedAt'> & { readonly mode: string | null }>;
  readonly lamp: Seen<Pick<VehicleFacts['light'], 'kind' | 'line'>>;
  readonly model: Seen<
    {
      readonly name: string;
      readonly version: string;
      readonly createdAt: string;
      readonly engine: string;
      readonly provider: string;
    } & Pick<VehicleFacts['model'], 'signature' | 'passedOver'>
  >;
  readonly clock: Pick<VehicleFacts, 'at' | 'clockQuality'>;
  readonly disk: Seen<NonNullable<VehicleFacts['disk']>>;
  readonly link: Seen<string>;
  readonly backup: {
    /** When the record was last exported, UTC; null: never. */
    readonly exportedAt: string | null;
    /** When the newest finding changed, UTC; null: there is none; `unknown`: there is a record, but no daemon to ask. */
    readonly newestFindingAt: string | null | 'unknown';
    readonly folder: string;
  };
  readonly spoken: Readonly<Record<Question, Spoken>>;
  /** How long the dive lasts, hours. */
  readonly diveHours: number;
  readonly nowUtcMs: number;
}

function green(item: string, found: string): PrediveItem {
  return { item, state: 'green', found, todo: null };
}

function red(item: string, found: string, todo: string): PrediveItem {
  return { item, state: 'red', found, todo };
}

/** A frame older than this is not the present, s. */
const FRESH_SECONDS = 5;
/**
 * What the record is taken to write where it was not measured: a finding a minute, each with two pictures of 1 MB and
 * its messages. Bytes an hour.
 */
export const ASSUMED_BYTES_PER_HOUR = 150_000_000;

/** The page, in the order in which a person looks. Pure. */
export function judgeDeck(facts: DeckFacts): PrediveItem[] {
  return [
    daemonItem(facts),
    cameraItem(facts),
    lampItem(facts),
    modelItem(facts),
    clockItem(facts),
    diskItem(facts),
    linkItem(facts),
    backupItem(facts),
  ];
}

export function isReady(items: readonly PrediveItem[]): boolean {
  return items.length > 0 && items.every(({ state }) => state === 'green');
}

/** Parts with a line of their own on the page. */
const OWN_LINE: ReadonlySet<string> = new Set(['camera', 'link', 'position']);

function daemonItem({ daemon }: DeckFacts): PrediveItem {
  if (daemon.kind === 'absent')
    return red('daemon', 'none runs: nothing would be inspected', 'Start it: sudo systemctl start specta');
  if (daemon.kind === 'silent') return red('daemon', daemon.error.message, daemon.error.help);
  const { parts, pid, uptimeSeconds, run, runStartsBy } = daemon.facts;
  const faults = parts.filter(({ part, condition }) => condition !== 'ok' && !OWN_LINE.has(part));
  if (faults.length > 0) {
    const words = faults.map(
      ({ part, condition, reason }) => `${part} ${condition}: ${reason ?? 'no reason told'}`,
    );
    return red('daemon', words.join('; '), 'specta doctor --config FILE says what to do.');
  }
  const next = runStartsBy === 'camera' ? 'the camera begins the run' : 'specta run start begins the run';
  const about = run === null ? next : 'a run is under way';
  return green('daemon', `process ${pid} for ${duration(uptimeSeconds)}, no fault; ${about}`);
}

function cameraItem({ sight }: DeckFacts): PrediveItem {
  if ('error' in sight) return red('camera', sight.error, sight.help);
  const { label, blind, probabilities, quality, ageSeconds, mode, source } = sight.value;
  const how = `brightness ${quality.mean.toFixed(0)} of 255, sharpness ${quality.sharpness.toFixed(1)}`;
  const at = mode ?? source;
  if (ageSeconds > FRESH_SECONDS) {
    const found = `the last picture is ${duration(ageSeconds)} old (${at})`;
    return red('camera', found, 'Check the camera’s cable and power; specta status says what it lacks.');
  }
  if (blind !== null) return red('camera', `cannot see: ${blind} (${how}; ${at})`, BLIND_HELP[blind]);
  const figures = Object.entries(probabilities).map(([name, value]) => `${name} ${value.toFixed(2)}`);
  return green('camera', `sees ${label}: ${figures.join(', ')}; ${how}; ${at}`);
}

const BLIND_HELP: Readonly<Record<NonNullable<Sight['blind']>, string>> = {
  dark: 'Take the cap off the lens, and switch the lamps on.',
  saturated: 'Dim the lamps, or lower exposure and gain (camera.controls).',
  blurred: 'Clean and focus the lens; on deck hold a pattern before it.',
  turbid: 'Clean the lens; on deck hold a pattern before it.',
  frozen: 'The camera repeats one picture: unplug and plug it, or move something before it.',
  'no-signal': 'The camera sends a picture without content: check its cable and its input.',
};

function lampItem({ lamp, spoken }: DeckFacts): PrediveItem {
  if ('error' in lamp) return red('lamp', lamp.error, lamp.help);
  const { kind, line } = lamp.value;
  if (kind === 'simulated')
    return red('lamp', 'the light is simulated: no lamp can shine', 'Set light.line in the configuration.');
  if (spoken.lamp === 'yes') return green('lamp', `seen to blink on ${line}`);
  if (spoken.lamp === 'no')
    return red(
      'lamp',
      `not seen to blink on ${line}`,
      'Check lamp, driver and wiring; specta light test blinks it again.',
    );
  return red(
    'lamp',
    `blinked on ${line}, and nobody said that it was seen`,
    'Run this on a terminal, or say --yes lamp.',
  );
}

function modelItem({ model, nowUtcMs }: DeckFacts): PrediveItem {
  if ('error' in model) return red('model', model.error, model.help);
  const { name, version, createdAt, engine, provider, signature, passedOver } = model.value;
  if (passedOver !== null) {
    const instead = `${name} ${version} instead of ${passedOver.name} ${passedOver.version}: ${passedOver.reason}`;
    return red('model', instead, 'Flash a model that serves here, or go back: specta model rollback.');
  }
  if (signature === 'unsigned') {
    const todo = 'Flash one that is signed, and take model.allowUnsigned out of the configuration.';
    return red('model', `${name} ${version}, signed by NOBODY: never for a dive`, todo);
  }
  const days = Math.floor((nowUtcMs - Date.parse(createdAt)) / 86_400_000);
  const age = Number.isFinite(days) && days >= 0 ? `, ${days} days old` : '';
  return green('model', `${name} ${version} of ${createdAt.slice(0, 10)}${age}; ${engine} on ${provider}`);
}

function clockItem({ clock, spoken }: DeckFacts): PrediveItem {
  const time = `${clock.at.slice(0, 10)} ${clock.at.slice(11, 16)} UTC`;
  const set = 'Connect a time server, or set it: sudo timedatectl set-time "YYYY-MM-DD HH:MM:SS"';
  if (clock.clockQuality === 'unset') return red('clock', `${time}: it was never set`, set);
  if (clock.clockQuality === 'synchronised') return green('clock', `${time}, synchronised`);
  if (spoken.clock === 'yes') return green('clock', `${time}, right by a person's word; not synchronised`);
  if (spoken.clock === 'no') return red('clock', `${time} is wrong`, set);
  return red('clock', `${time}, not known to be synchronised`, `${set}; or compare it and say --yes clock`);
}

function diskItem({ disk, diveHours }: DeckFacts): PrediveItem {
  if ('error' in disk) return red('disk', disk.error, disk.help);
  const { folder, freeBytes, fillsBytesPerHour, measuredSeconds } = disk.value;
  const free = `${(freeBytes / 1e9).toFixed(1)} GB free at ${folder}`;
  const isMeasured = fillsBytesPerHour !== null;
  const rate = Math.max(0, fillsBytesPerHour ?? ASSUMED_BYTES_PER_HOUR);
  const hours = rate === 0 ? Number.POSITIVE_INFINITY : freeBytes / rate;
  const at = isMeasured
    ? `at ${(rate / 1e6).toFixed(0)} MB an hour (measured over ${duration(measuredSeconds)})`
    : `at an assumed ${(rate / 1e6).toFixed(0)} MB an hour (not measured yet)`;
  const left = Number.isFinite(hours)
    ? `${hours >= 1000 ? 'more than 999' : Math.floor(hours)} hours ${at}`
    : `it did not fill over ${duration(measuredSeconds)}`;
  if (hours >= diveHours) return green('disk', `${left}; ${free}`);
  return red(
    'disk',
    `${left}; ${free}: less than the ${diveHours} hours of the dive`,
    `Make room on the disk of ${folder}.`,
  );
}

function linkItem({ link }: DeckFacts): PrediveItem {
  if ('error' in link) return red('link', link.error, link.help);
  return green('link', link.value);
}

/** Whether only a person can say that the record was copied: there is a finding that no known export holds. */
export function needsBackupWord({ exportedAt, newestFindingAt }: DeckFacts['backup']): boolean {
  if (newestFindingAt === null) return false;
  return exportedAt === null || newestFindingAt === 'unknown' || newestFindingAt > exportedAt;
}

function backupItem({ backup, spoken }: DeckFacts): PrediveItem {
  const { exportedAt, newestFindingAt, folder } = backup;
  if (newestFindingAt === null) return green('backup', 'nothing to copy: the record holds no finding');
  const last =
    exportedAt === null ? 'never exported' : `last exported ${exportedAt.slice(0, 16).replace('T', ' ')} UTC`;
  if (!needsBackupWord(backup)) return green('backup', `${last}; no finding since`);
  if (spoken.backup === 'yes') return green('backup', `copied by a person's word; ${last}`);
  const news =
    newestFindingAt === 'unknown'
      ? 'what it holds only the daemon can say'
      : `newest finding of ${newestFindingAt.slice(0, 16).replace('T', ' ')} UTC`;
  return red(
    'backup',
    `${last}; ${news}`,
    `Put it on another disk: specta export all --to FOLDER. (Or copy ${folder} while the daemon is stopped, then say --yes backup.)`,
  );
}
