import { rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bundle } from '../../src/domain/manifest.ts';
import { openBundle } from '../../src/model/bundle.ts';
import { BundleShelf } from '../../src/model/bundle-shelf.ts';
import type { Slots } from '../../src/model/slots.ts';
import { readSlots } from '../../src/model/slots-file.ts';
import { asSpectaError } from '../../src/platform/errors.ts';
import { nodeFiles } from '../../src/platform/files.ts';
import type { DetectionMessage } from '../../src/surface/messages/detection.ts';
import type { ModelMessage } from '../../src/surface/messages/model.ts';
import { FlashedBundles } from '../fixtures/flashed-bundles.ts';
import type { Stage } from '../scenarios/stage.ts';
import { Dice } from './dice.ts';
import { diskFault, HOST, Machine, makeAppDisk, makeDisk } from './machine.ts';

export interface FlashKillPlan {
  readonly kills: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  /** Told after each kill. */
  readonly onKill?: (kill: FlashKill) => void;
}

/** What of a flash is under way: from one of these lines of the machine to the next. */
const STAGES = {
  install: { from: '"msg":"a model lies in the inbox"', to: '"msg":"a trial begins"' },
  proof: { from: '"msg":"a trial begins"', to: '"msg":"the bundle on trial is proved"' },
  trial: { from: '"msg":"the bundle on trial is proved"', to: '"answer":"YES"' },
  gc: { from: '@collecting', to: '@collected' },
} as const;
type StageName = keyof typeof STAGES;

/** How one life of the machine went. */
export interface FlashKill {
  readonly number: number;
  readonly stage: StageName;
  /** Behind the stage's beginning, ms. */
  readonly afterMs: number;
  /** What was flashed. */
  readonly version: string;
  /** Whether the new model was in use at the kill. */
  readonly switched: boolean;
  /** What the next boot served, and whether that was the new one. */
  readonly serves: string;
  readonly isNew: boolean;
  /** From the boot to the kill, s. */
  readonly seconds: number;
}

/** What a run came to. It is good when `bricked` is empty. */
export interface FlashKillResult {
  readonly kills: number;
  /** Boots after a kill in which ext4 replayed its journal. */
  readonly replays: number;
  /** Boots after a kill that served the model that was being flashed, and those that served the one before. */
  readonly served: { readonly fresh: number; readonly old: number };
  /** Flashes that were answered by NO before the kill, and why. */
  readonly refused: readonly string[];
  /** Daemons that ended by themselves and were started again. */
  readonly ended: number;
  /** Sentences about what must not be. */
  readonly bricked: readonly string[];
}

/** Installing writes most of all. */
const DRAWN: readonly StageName[] = ['install', 'install', 'install', 'proof', 'trial', 'trial', 'gc'];
/** Beyond the expected end, so that what happens there is met as well. */
const BEYOND = 1.2;
const HEARD = ['specta/+/model', 'specta/+/detections'];
/** Short, and as patient as an emulated machine asks. */
const TRIAL = {
  frames: 12,
  leastFrames: 12,
  everyNth: 1,
  latencyMs: 20_000,
  minutes: 5,
  memoryMegabytes: 4_096,
};
/** So that an installation takes long enough to be hit in the middle. */
const BALLAST_BYTES = 1_500_000;

type Told = Pick<ModelMessage, 'slot' | 'model' | 'trial' | 'lastTrial' | 'boot'>;

/**
 * Flashes a new version in each life of the emulated machine and kills it in the middle. After each kill it boots from the
 * same disk: what is current must be whole, the old or the new one, and judge a frame.
 */
export async function flashKillRun(stage: Stage, plan: FlashKillPlan): Promise<FlashKillResult> {
  const run = await FlashRun.prepare(stage, plan);
  await run.begin();
  for (let number = 1; number <= plan.kills; number += 1) await run.live(number);
  return run.end();
}

/** What the daemons told above water, by their boots. */
class Heard {
  readonly models = new Map<string, Told>();
  /** Digest of the model that judged a frame. */
  readonly judged = new Map<string, string>();

  take(topic: string, payload: Buffer): void {
    const message: unknown = JSON.parse(payload.toString('utf8'));
    if (topic.endsWith('/model')) {
      const model = message as Told;
      this.models.set(model.boot, model);
    } else {
      const { boot, label, model } = message as DetectionMessage;
      if (label !== null) this.judged.set(boot, model.digest);
    }
  }
}

class FlashRun {
  private readonly parts: {
    readonly stage: Stage;
    readonly plan: FlashKillPlan;
    readonly disk: string;
    readonly app: string;
    readonly config: string;
    readonly heard: Heard;
    readonly shipped: Bundle;
    readonly ashore: FlashedBundles;
  };
  private readonly dice: Dice;
  /** How long each stage took the last time, ms. */
  private readonly lengths = new Map<StageName, number>();
  private readonly boots = new Set<string>();
  private readonly bricked: string[] = [];
  private readonly refused: string[] = [];
  private readonly served = { fresh: 0, old: 0 };
  private replays = 0;
  private ended = 0;
  /** By digest: what may be current at the next boot, and its version. */
  private allowed: ReadonlyMap<string, string>;
  private killed: Omit<FlashKill, 'serves' | 'isNew'> | null = null;

  private constructor(parts: FlashRun['parts']) {
    this.parts = parts;
    this.dice = new Dice(parts.plan.seed);
    this.allowed = new Map([[parts.shipped.digest, parts.shipped.manifest.version]]);
  }

  static async prepare(stage: Stage, plan: FlashKillPlan): Promise<FlashRun> {
    const disk = join(stage.folder, 'disk.img');
    const app = join(stage.folder, 'app.img');
    await makeDisk(disk);
    await makeAppDisk(app, stage.folder);
    const broker = await stage.broker();
    const heard = new Heard();
    await stage.surface(broker.url, {
      session: 'collector',
      filters: HEARD,
      onHeard: ({ topic, payload }) => heard.take(topic, payload),
    });
    // Only what shows a defect is told frame by frame, with the model that saw it.
    const film = await stage.film([['crack', 20]]);
    await rename(film, join(stage.folder, 'film'));
    const shipped = await openBundle(join(stage.folder, 'tiny'));
    const ashore = FlashedBundles.in(stage.folder, shipped);
    const config = await stage.configure({
      stateFolder: '/disk/state',
      // As many as it can judge beside a flash: the emulated processors are for that.
      camera: { uri: 'replay:/tmp/film', rate: 2, loop: true, stallSeconds: 30 },
      surface: { broker: `mqtt://${HOST}:${broker.port}`, detectionsPerSecond: 2 },
      model: { bundle: '/share/tiny', inbox: '/tmp/inbox', trustedKeys: [ashore.publicKey], trial: TRIAL },
    });
    return new FlashRun({ stage, plan, disk, app, config: basename(config), heard, shipped, ashore });
  }

  /** A vehicle that has run and been flashed before: it finds compiled what it starts. */
  async begin(): Promise<void> {
    await using machine = this.boot();
    await this.serving(machine);
    const version = '1.0.0';
    this.allowed = new Map([[await this.flash(version), version]]);
    await this.askForGc(machine);
    await machine.until('it is collected', () => machine.line('@collected'));
    this.learn(machine);
    await machine.stop();
  }

  /** Boots, looks at what the kill before has left, flashes, and kills. */
  async live(number: number): Promise<void> {
    const { heard, plan } = this.parts;
    const name = DRAWN[Math.floor(this.dice.next() * DRAWN.length)] ?? 'install';
    const share = this.dice.next();
    const begin = performance.now();
    await using machine = this.boot();
    const old = await this.serving(machine);
    const version = `1.0.${number}`;
    // This boot may have begun, and ended, the trial that the kill before left waiting.
    const from = machine.lines.length;
    const digest = await this.flash(version);
    if (name === 'gc') await this.askForGc(machine, from);

    const { atMs } = await machine.until(`${name} begins`, () => machine.line(STAGES[name].from, from));
    const wantedMs = share * BEYOND * (this.lengths.get(name) ?? 0);
    await sleep(Math.max(0, atMs + wantedMs - performance.now()));
    const killedMs = performance.now();
    await machine.kill();
    plan.signal.throwIfAborted();
    this.learn(machine);
    const switched = machine.line('"msg":"another model serves"', from) !== null;
    const served = heard.models.get(old.boot)?.model ?? old.model;
    this.allowed = new Map([[digest, version]]);
    if (!switched) this.allowed = new Map([[served?.digest ?? '', served?.version ?? ''], ...this.allowed]);
    const seconds = (killedMs - begin) / 1000;
    this.killed = { number, stage: name, afterMs: Math.round(killedMs - atMs), version, switched, seconds };
  }

  async end(): Promise<FlashKillResult> {
    const { plan, disk, stage } = this.parts;
    {
      await using machine = this.boot();
      await this.serving(machine);
      await machine.stop();
    }
    const fault = diskFault(disk);
    if (fault !== null) this.bricked.push(`the disk is damaged: ${fault}`);
    this.bricked.push(...stage.surfaces.flatMap(({ breaches }) => breaches));
    const { served, bricked, refused } = this;
    return { kills: plan.kills, replays: this.replays, served, ended: this.ended, bricked, refused };
  }

  /** Lays a new version before the guest, which flashes it. @returns its digest */
  private async flash(version: string): Promise<string> {
    const { stage, ashore } = this.parts;
    const packed = await ashore.pack('good', version, { ballast: BALLAST_BYTES });
    const unpacked = join(stage.folder, `bundle-${version}`);
    const { digest } = await openBundle(unpacked);
    await rm(unpacked, { recursive: true });
    await rename(packed, join(stage.folder, 'flash'));
    return digest;
  }

  /** Has the guest remove what is in no slot, once what it flashes is in use. */
  private async askForGc(machine: Machine, from = 0): Promise<void> {
    await machine.until('it is flashed', () => machine.line(STAGES.trial.to, from));
    await writeFile(join(machine.share, 'gc'), '');
  }

  private boot(): Machine {
    const { stage, disk, app, config, plan } = this.parts;
    return Machine.boot({ share: stage.folder, disk, app, config, signal: plan.signal });
  }

  /** Waits until its daemon serves and no trial is under way, and holds what serves against what may. */
  private async serving(machine: Machine): Promise<Told> {
    const { heard, plan } = this.parts;
    await machine.until('the disk is open', () => machine.line('@opened'));
    if (machine.hasReplayed) this.replays += 1;
    const slots = await this.slotsLeft(machine);
    const told = await machine.until('a frame is judged', () =>
      [...heard.models.values()].find(
        ({ boot, model }) =>
          !this.boots.has(boot) && model !== null && heard.judged.get(boot) === model.digest,
      ),
    );
    this.boots.add(told.boot);
    const { slot, model } = told;
    const digest = model?.digest ?? '';
    const words = [...this.allowed.values()].join(' or ');
    if (slot !== 'current' || !this.allowed.has(digest))
      this.complain(`${model?.version} serves from ${slot}, not ${words}`);
    if (this.killed !== null) {
      const isNew = model?.version === this.killed.version;
      this.served[isNew ? 'fresh' : 'old'] += 1;
      plan.onKill?.({ ...this.killed, serves: model?.version ?? 'nothing', isNew });
    }
    // One that was asked for and not begun is begun by this boot.
    const waits = slots?.trial?.phase.kind === 'waiting' ? slots.trial.bundle.digest : null;
    await machine.until('no trial is under way', () => {
      const now = heard.models.get(told.boot);
      return now?.trial === null && (waits === null || now.lastTrial?.digest === waits);
    });
    return heard.models.get(told.boot) ?? told;
  }

  /** The slots as the kill left them; what is current there must be whole. null: nothing was flashed yet. */
  private async slotsLeft(machine: Machine): Promise<Slots | null> {
    const folder = join(machine.share, 'left/models');
    if ((await nodeFiles.lstat(folder)) === null) return null;
    try {
      const slots = await readSlots(nodeFiles, folder);
      const { current } = slots;
      const { shipped } = this.parts;
      const digest = current.kind === 'shipped' ? shipped.digest : current.digest;
      if (!this.allowed.has(digest)) this.complain(`${digest} is current on the disk`);
      if (current.kind === 'installed') {
        await new BundleShelf(nodeFiles, join(folder, 'bundles')).open(current);
      }
      return slots;
    } catch (error) {
      this.complain(`what is current on the disk is not whole: ${asSpectaError(error).message}`);
      return null;
    }
  }

  /** How long the stages took this time, and what went wrong by itself. */
  private learn(machine: Machine): void {
    for (const [name, { from, to }] of Object.entries(STAGES) as [StageName, (typeof STAGES)[StageName]][]) {
      const [begin, end] = [machine.line(from), machine.line(to)];
      if (begin !== null && end !== null) this.lengths.set(name, end.atMs - begin.atMs);
    }
    const answers = machine.lines.filter(({ text }) => text.includes('"answer":"NO"'));
    // What the kill before had interrupted is answered by NO at the boot.
    const own = answers.filter(({ text }) => !text.includes('SPECTA ended before'));
    this.refused.push(...own.map(({ text }) => text));
    this.ended += machine.daemonsEnded;
  }

  private complain(sentence: string): void {
    this.bricked.push(`after kill ${this.killed?.number ?? 0}: ${sentence}`);
  }
}
