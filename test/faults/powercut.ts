import type { Bundle } from '../../src/domain/manifest.ts';
import { ModelStore } from '../../src/model/model-store.ts';
import { chooseServing } from '../../src/model/serving.ts';
import { ManualClock } from '../../src/platform/clock.ts';
import { filesOver } from '../../src/platform/files.ts';
import { RUNTIME } from '../fixtures/small-bundle.ts';
import { Dice } from './dice.ts';
import { FLASHED, KEYS, type Scenario, type Serving, SHIPPED, STICK } from './powercut-scenarios.ts';
import { PowerLost, type Survival, VolatileDisk } from './volatile-disk.ts';

export interface PowercutPlan {
  /** Random outcomes of each power loss, besides "nothing survives" and "everything does". */
  readonly outcomes: number;
  readonly seed: number;
  /** Whether the power is lost again behind every step of the recovery. */
  readonly twice: boolean;
}

/** What one scenario came to. */
export interface PowercutReport {
  readonly name: string;
  /** Steps behind each of which the power was lost. */
  readonly points: number;
  /** Disks that were started from. */
  readonly starts: number;
  /** One sentence for each start at which the vehicle was not as it must be. */
  readonly bricked: readonly string[];
}

const STATE = '/state';
const NEXT_BOOT = 'boot-2';

function storeOn(disk: VolatileDisk): ModelStore {
  return new ModelStore({
    folder: `${STATE}/models`,
    fs: filesOver(disk.calls),
    clock: new ManualClock(),
    trust: { keys: KEYS, allowUnsigned: false },
    runtime: RUNTIME,
    shipped: SHIPPED,
    patienceMs: 0,
  });
}

/** Only its identity is asked for: what came with SPECTA is not on the disk that is tried. */
const shippedBundle = { folder: 'shipped', digest: SHIPPED.digest } as unknown as Bundle;

function isPowerLoss(error: unknown): boolean {
  if (error instanceof PowerLost) return true;
  return error instanceof Error && error.cause !== undefined && isPowerLoss(error.cause);
}

/** Does something until the power is lost. @returns whether it came to its end before */
async function until(disk: VolatileDisk, step: number, act: () => Promise<unknown>): Promise<boolean> {
  disk.lossAfter = step;
  try {
    await act();
    return true;
  } catch (error) {
    if (!isPowerLoss(error)) throw error;
    return false;
  }
}

/** What must hold after a start; a sentence when it does not. */
async function faultOf(
  disk: VolatileDisk,
  allowed: readonly Serving[],
  damaged: string | undefined,
): Promise<string | null> {
  const store = storeOn(disk);
  const { slots, damage } = await store.recover(NEXT_BOOT);
  if (damage !== null) return `the slots cannot be read: ${damage.message}`;
  const { bundle, slot, passedOver } = await chooseServing(slots, store.shelf, async () => shippedBundle);
  if (passedOver.length > 0 || slot !== 'current')
    return `${slot} serves: ${passedOver.map(({ error }) => error.message).join('; ')}`;
  const serving = slots.current.kind === 'shipped' ? 'shipped' : bundle.digest;
  if (!allowed.includes(serving)) return `${serving} serves, which is neither the old nor the new one`;
  if (slots.trial?.phase.kind === 'begun') return 'a trial of the boot that died goes on';
  for (const needed of [slots.previous, slots.trial?.bundle ?? null]) {
    if (needed !== null && 'digest' in needed) await store.shelf.open(needed);
  }
  for (const { id, fault } of await store.list(true)) {
    if (fault !== null && id.version !== damaged) return `half of a bundle stands there: ${fault.message}`;
  }
  const left = disk.paths().filter((path) => /\/\.|\.tmp$/.test(path));
  if (left.length > 0) return `left behind: ${left.join(', ')}`;
  return null;
}

/** {@link faultOf}, an error being a fault as well. */
async function examine(
  disk: VolatileDisk,
  allowed: readonly Serving[],
  damaged: string | undefined,
): Promise<string | null> {
  try {
    return await faultOf(disk, allowed, damaged);
  } catch (error) {
    if (isPowerLoss(error)) throw error;
    return error instanceof Error ? error.message : String(error);
  }
}

/** One scenario under power losses. */
class Cuts {
  readonly bricked: string[] = [];
  starts = 0;
  private readonly scenario: Scenario;
  private readonly plan: PowercutPlan;
  private readonly base: VolatileDisk;

  constructor(scenario: Scenario, plan: PowercutPlan, base: VolatileDisk) {
    this.scenario = scenario;
    this.plan = plan;
    this.base = base;
  }

  /** The power is lost behind step `point` of the scenario. @returns false when it has no more steps */
  async lose(point: number): Promise<boolean> {
    const { old, now } = this.scenario;
    const { disk, isDone } = await this.actUntil(point);
    const where = `behind step ${point} (${disk.log.at(-1) ?? 'none'})`;
    // Once it has come back, it must be the new one, whatever was not synced.
    const allowed = isDone ? [now] : [old, now];
    for (const [how, survival] of this.survivals(point)) {
      const found = disk.afterPowerLoss(survival);
      if (this.plan.twice) await this.loseAgain(found, allowed, `${where}, ${how}`);
      await this.judge(found, allowed, `${where}, ${how}`);
      if (isDone) await this.isAsPromised(found, `${where}, ${how}`);
      else await this.canBeFlashed(found, `${where}, ${how}`);
    }
    await this.kill(point, where);
    return !isDone;
  }

  private async actUntil(point: number): Promise<{ readonly disk: VolatileDisk; readonly isDone: boolean }> {
    const disk = VolatileDisk.copyOf(this.base);
    const isDone = await until(disk, point, () => this.scenario.act(storeOn(disk)));
    return { disk, isDone };
  }

  private survivals(point: number): [string, Survival][] {
    const random = Array.from({ length: this.plan.outcomes }, (_, index): [string, Survival] => {
      const seed = this.plan.seed + point * 1_000 + index;
      return [`survivors of seed ${seed}`, new Dice(seed)];
    });
    return [['nothing unsynced survives', 'nothing'], ['everything survives', 'everything'], ...random];
  }

  private tell(where: string, fault: string | null): void {
    if (fault !== null) this.bricked.push(`${this.scenario.name}, power lost ${where}: ${fault}`);
  }

  private async judge(disk: VolatileDisk, allowed: readonly Serving[], where: string): Promise<void> {
    this.starts += 1;
    this.tell(where, await examine(disk, allowed, this.scenario.damaged?.version));
  }

  /** The power goes again behind every step of the recovery. */
  private async loseAgain(found: VolatileDisk, allowed: readonly Serving[], where: string): Promise<void> {
    for (let step = 0, isDone = false; !isDone; step++) {
      const disk = VolatileDisk.copyOf(found);
      isDone = await until(disk, step, () => storeOn(disk).recover(NEXT_BOOT));
      const again = disk.afterPowerLoss(new Dice(this.plan.seed + step));
      await this.judge(again, allowed, `${where}, and again behind step ${step} of the recovery`);
    }
  }

  /**
   * Only the process dies. Somebody tidies up by what is to be seen, though not all of it is on the disk, and behind
   * each step of that the power goes: what was decided on must not go back to what is removed by then.
   */
  private async kill(point: number, where: string): Promise<void> {
    const { old, now } = this.scenario;
    for (let step = this.plan.twice ? 0 : Number.POSITIVE_INFINITY, isDone = false; !isDone; step++) {
      const { disk } = await this.actUntil(point);
      disk.killProcesses();
      const slots = await storeOn(disk)
        .slots()
        .catch((error: unknown) => this.tell(`killed ${where}`, String(error)));
      if (slots === undefined) return;
      const seen = slots.current.kind === 'shipped' ? 'shipped' : slots.current.digest;
      isDone = await until(disk, disk.steps + step, () => storeOn(disk).gc());
      const allowed = isDone ? [seen] : [old, now];
      for (const survival of ['nothing', new Dice(this.plan.seed + step)] as const)
        await this.judge(disk.afterPowerLoss(survival), allowed, `a gc after a kill ${where}`);
    }
  }

  /** After the start the vehicle can be flashed, and that holds. */
  private async canBeFlashed(disk: VolatileDisk, where: string): Promise<void> {
    try {
      const store = storeOn(disk);
      await store.install('/stick/c', { downgrade: true });
      await store.activate('small@1.2.0');
    } catch (error) {
      this.tell(where, `cannot be flashed: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    await this.judge(disk.afterPowerLoss('nothing'), [FLASHED], `${where}, and behind the next flash`);
  }

  private async isAsPromised(disk: VolatileDisk, where: string): Promise<void> {
    const installed = await storeOn(disk).list(true);
    const versions = installed.map(({ id, fault }) =>
      fault === null ? id.version : `${id.version} damaged`,
    );
    const { installed: due } = this.scenario;
    if (versions.join() !== due.join()) this.tell(where, `installed are ${versions.join()}`);
  }
}

/** Loses the power behind every step of a scenario, and starts from what is left each time. */
export async function cutScenario(scenario: Scenario, plan: PowercutPlan): Promise<PowercutReport> {
  const prepared = new VolatileDisk();
  const fs = filesOver(prepared.calls);
  for (const folder of [STATE, '/stick']) await fs.mkdir(folder);
  for (const [path, bytes] of Object.entries(STICK)) await fs.writeFile(path, bytes);
  await scenario.before(storeOn(prepared));
  const base = VolatileDisk.copyOf(prepared);
  if (scenario.damaged !== undefined) base.damage(scenario.damaged.file);
  const cuts = new Cuts(scenario, plan, base);
  let points = 1;
  while (await cuts.lose(points - 1)) points += 1;
  return { name: scenario.name, points, starts: cuts.starts, bricked: cuts.bricked };
}
