import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Desk } from '../../src/console/desk.ts';
import { History } from '../../src/console/history.ts';
import { ManualClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { topicsOf } from '../../src/surface/topics.ts';
import { type Mosquitto, quietPort, startMosquitto } from '../fixtures/mosquitto.ts';
import { Surface } from '../scenarios/surface.ts';
import { RecordingVehicle } from './recording-vehicle.ts';
import type { Count } from './tally.ts';

export interface ConsolePlan {
  /** Simulated, while the console is off. */
  readonly hours: number;
  /** Half-way the broker is killed and comes back after ten minutes without its memory; else it keeps everything. */
  readonly brokerForgets: boolean;
  /** Told after each simulated hour. */
  readonly onHour?: (hour: number, committed: number) => void;
}

/** Counts of alerts, as the console's history holds them, and of the findings that they tell of. */
export interface ConsoleResult extends Count {
  readonly findings: number;
  /** Of them, those in the console's list, closed as they were left. */
  readonly listed: number;
  /** The broker still knew the console's session. */
  readonly resumed: boolean;
  /** Findings that the comparison with the vehicle's record brought. */
  readonly missing: number;
  /** Alerts the console had before it left. */
  readonly before: number;
}

/** As often as in the outage: a finding opens or closes every 10 s, which is a pipeline in a very bad state. */
const EVERY_MS = 10_000;
const ALERTS_AN_HOUR = 3_600_000 / EVERY_MS;
const AWAY_MS = 600_000;
const STEP_MS = 20;
const PAUSE_MS = 5;
/** Without any progress for so long it is over, real ms. */
const PATIENCE_MS = 60_000;
/** As in device/surface/mosquitto.conf: what waits for a console that is away. */
const QUEUES = ['max_inflight_messages 20', 'max_queued_messages 100000', 'max_queued_bytes 1073741824'];

/** One sitting of the console: the backend that `specta console` runs, with its history in a file that outlives it. */
interface Sitting {
  readonly desk: Desk;
  readonly history: History;
}

/**
 * The console is switched off for simulated hours while the vehicle goes on finding. Somebody else listens all the while,
 * so that the broker takes everything off the vehicle's hands; then the console comes back.
 */
export async function consoleRun({ hours, brokerForgets, onHour }: ConsolePlan): Promise<ConsoleResult> {
  const folder = await mkdtemp(join(tmpdir(), 'specta-away-'));
  const clock = new ManualClock();
  const port = await quietPort();
  const startBroker = (): Promise<Mosquitto> => startMosquitto({ port, configuration: QUEUES });
  const announced = new Map<string, number>();
  const sit = (broker: string): Sitting => {
    const history = new History(join(folder, 'history.sqlite'));
    const desk = new Desk({ broker, history, clock, log: silentLog() });
    desk.events.on((event) => {
      if (event.kind !== 'finding' || !event.isNew) return;
      announced.set(event.alert.finding, (announced.get(event.alert.finding) ?? 0) + 1);
    });
    desk.start();
    return { desk, history };
  };
  const rise = async ({ desk, history }: Sitting): Promise<void> => {
    const stopping = desk.stop();
    await clock.advance(2_000);
    await stopping;
    history.close();
  };
  const pass = async (what: string, done: () => boolean, progress: () => number = () => 0): Promise<void> => {
    let best = progress();
    let end = Date.now() + PATIENCE_MS;
    while (!done()) {
      if (progress() > best) {
        best = progress();
        end = Date.now() + PATIENCE_MS;
      }
      if (Date.now() > end) throw new Error(`never happened: ${what}`);
      await clock.advance(STEP_MS);
      await sleep(PAUSE_MS);
    }
  };
  const alertsIn = (history: History): number =>
    Number(history.row('SELECT count(*) AS count FROM alerts')?.count ?? 0);
  const isCompared = ({ desk }: Sitting): boolean => desk.vehicle(NAME)?.catchUp.kind === 'done';

  let broker = await startBroker();
  const vehicle = await RecordingVehicle.launch(NAME, broker.url, clock);
  const listener = new Surface(broker.url, { qos: 0, filters: [topicsOf(NAME).alerts] });
  let sitting = sit(broker.url);
  try {
    /** Alerts in the vehicle's own rhythm. */
    const goOn = async (ms: number): Promise<void> => {
      const end = clock.now().monoMs + ms;
      while (clock.now().monoMs < end) {
        const began = clock.now().monoMs;
        await vehicle.find();
        await vehicle.settle();
        await clock.advance(Math.max(0, EVERY_MS - (clock.now().monoMs - began)));
        if (vehicle.committed % ALERTS_AN_HOUR === 0)
          onHour?.(vehicle.committed / ALERTS_AN_HOUR, vehicle.committed);
      }
    };
    await pass('the console is connected', () => sitting.desk.link.state.kind === 'connected');
    await pass('it has compared', () => isCompared(sitting) && listener.subscribed > 0);
    await goOn(10 * EVERY_MS);
    await pass('it hears', () => alertsIn(sitting.history) === vehicle.committed);
    const before = vehicle.committed;
    await rise(sitting);

    const half = (hours * 3_600_000) / 2;
    await goOn(half);
    if (brokerForgets) {
      await broker.kill();
      await goOn(AWAY_MS);
      const subscribed = listener.subscribed;
      broker = await startBroker();
      await pass('the broker is back', () => vehicle.connected && listener.subscribed > subscribed);
      await goOn(half - AWAY_MS);
    } else await goOn(half);
    if (vehicle.committed % 2 === 1) await vehicle.find();
    await pass(
      'the broker has it all',
      () => vehicle.waiting === 0,
      () => -vehicle.waiting,
    );

    sitting = sit(broker.url);
    await pass(
      'the console has it all',
      () => isCompared(sitting) && alertsIn(sitting.history) >= vehicle.committed && vehicle.waiting === 0,
      () => alertsIn(sitting.history),
    );
    // What should not come would come now.
    const quiet = clock.now().monoMs + 5_000;
    await pass('quiet', () => clock.now().monoMs >= quiet);
    return tell(sitting, { announced, committed: vehicle.committed, before });
  } finally {
    await rise(sitting);
    await vehicle[Symbol.asyncDispose]();
    await listener.leave();
    await broker.kill();
    await rm(folder, { recursive: true, force: true });
  }
}

const NAME = 'rov-1';

/** What the console's history came to, against what the vehicle committed. */
function tell(
  { desk, history }: Sitting,
  has: {
    readonly announced: ReadonlyMap<string, number>;
    readonly committed: number;
    readonly before: number;
  },
): ConsoleResult {
  const { announced, committed, before } = has;
  const faults: string[] = [];
  const findings = Math.ceil(committed / 2);
  const sequences = new Set(
    history.rows('SELECT sequence FROM alerts ORDER BY sequence').map(({ sequence }) => Number(sequence)),
  );
  const rows = history.rows('SELECT id, open, sequence FROM findings ORDER BY id');
  const listed = rows.filter(({ open, sequence }) => open === 0 && Number(sequence) % 2 === 0).length;
  let lost = 0;
  for (let sequence = 1; sequence <= committed; sequence += 1) if (!sequences.has(sequence)) lost += 1;
  if (sequences.size > committed) faults.push(`${sequences.size - committed} alerts too many`);
  if (rows.length !== findings) faults.push(`${rows.length} findings in the list instead of ${findings}`);
  if (listed !== findings) faults.push(`${findings - listed} findings are not as they were left`);
  const again = [...announced].filter(([, times]) => times !== 1);
  if (again.length > 0) faults.push(`${again.length} findings were announced as new more than once`);
  if (announced.size !== findings) faults.push(`${announced.size} findings were announced of ${findings}`);
  const { state } = desk.link;
  const catchUp = desk.vehicle(NAME)?.catchUp;
  return {
    committed,
    delivered: committed - lost,
    duplicates: sequences.size - (committed - lost),
    lost,
    faults,
    findings,
    listed,
    resumed: state.kind === 'connected' && state.resumed,
    missing: catchUp?.kind === 'done' ? catchUp.missing : -1,
    before,
  };
}
