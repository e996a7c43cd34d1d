import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startMosquitto } from '../fixtures/mosquitto.ts';
import { HANDS_ON } from '../scenarios/stage.ts';
import { Surface } from '../scenarios/surface.ts';
import { type Count, Tally } from './tally.ts';

export interface StepPlan {
  /** Of the steps of an alert's life only every so manieth is died at; 1: all of them. */
  readonly stride: number;
  readonly onDeath?: (step: number, of: number, committed: boolean) => void;
}

export interface StepResult extends Count {
  /** Steps of an alert's life at which the process died. */
  readonly injectionPoints: number;
  /** Steps that a life without a death has. */
  readonly steps: number;
}

const CHILD = join(import.meta.dirname, 'step-child.ts');

/**
 * Kills a process with the real black box and link at every step of an alert's life: before and after each statement of
 * the database, each write to the broker, each answer from it. Each life first sends what the one before left.
 */
export async function stepRun({ stride, onDeath }: StepPlan): Promise<StepResult> {
  const folder = await mkdtemp(join(tmpdir(), 'specta-steps-'));
  const broker = await startMosquitto(HANDS_ON);
  const tally = new Tally();
  const surface = new Surface(broker.url, {
    qos: 0,
    filters: ['specta/+/alerts'],
    onHeard: ({ payload }) => tally.hear(payload),
  });
  try {
    const live = async (boot: string, fatal: number): Promise<Life> => {
      const life = await oneLife([folder, broker.url, boot, String(fatal)]);
      if (life.committed) tally.commit({ boot, sequence: 1 });
      return life;
    };
    const { steps } = await live('whole', 0);
    if (steps === null) throw new Error('a life without a death did not end');
    let injectionPoints = 0;
    // A life with a little more to do than the first has a few steps more.
    for (let step = 1; step <= steps; step += stride) {
      const life = await live(`step-${step}`, step);
      if (life.killed) injectionPoints += 1;
      onDeath?.(step, steps, life.committed);
    }
    const last = await live('last', 0);
    if (last.killed) throw new Error('the last life was cut short');
    await sleep(300);
    return { ...tally.count(), injectionPoints, steps };
  } finally {
    await surface.leave();
    await broker.kill();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Life {
  readonly committed: boolean;
  readonly killed: boolean;
  /** null when it was killed. */
  readonly steps: number | null;
}

function oneLife(given: readonly string[]): Promise<Life> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CHILD, ...given], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    let wrong = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      wrong += text;
    });
    const hanging = setTimeout(() => child.kill('SIGTERM'), 60_000);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(hanging);
      const killed = signal === 'SIGKILL';
      if (!killed && code !== 0) {
        reject(new Error(`a life ended with ${code ?? signal}: ${said}\n${wrong}`));
        return;
      }
      const steps = /^steps (\d+)$/m.exec(said)?.[1];
      resolve({
        committed: said.includes('committed\n'),
        killed,
        steps: steps === undefined ? null : Number(steps),
      });
    });
  });
}
