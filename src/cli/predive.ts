import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import type { Config } from '../daemon/config.ts';
import type { LampTest, LookedAt } from '../doctor/deck.ts';
import {
  isReady,
  judgeDeck,
  needsBackupWord,
  type PrediveItem,
  QUESTIONS,
  type Question,
  type Spoken,
} from '../doctor/predive.ts';
import { SpectaError } from '../platform/errors.ts';
import { nodeFiles, writeDurably } from '../platform/files.ts';
import { positiveNumber } from './arguments.ts';
import { EXIT } from './exit-codes.ts';
import { onInterrupt } from './interrupt.ts';
import type { Finish } from './program.ts';
import { smallPicture } from './small-picture.ts';
import { isTerminal, type Paint, paint, wrapped } from './terminal.ts';
import { configuredSocket, daemonOptions, socketOf, type WhichDaemon } from './which-daemon.ts';

interface PrediveOptions extends WhichDaemon {
  readonly yes: readonly Question[];
  readonly hours: number;
  readonly picture?: string;
  readonly json?: boolean;
}

/** How long the lamp blinks while a person looks for it, and where nobody is asked, s. */
const LOOK_SECONDS = 20;
const SHORT_SECONDS = 2;
const COLUMNS = 80;
const PICTURE = { columns: 64, rows: 12 } as const;

export function registerPredive(program: Command, finish: Finish): void {
  daemonOptions(program.command('predive'))
    .description(
      'one red or green page before the dive: camera, lamp, model, clock, disk, link, backup, daemon',
    )
    .option('--yes <question>', `answer yes beforehand, once for each: ${QUESTIONS.join(', ')}`, question, [])
    .option('--hours <n>', 'how long the dive lasts', positiveNumber('--hours'), 12)
    .option('--picture <file>', 'keep the picture that was judged')
    .option('--json', 'one object: ready, vehicle, at, items with item, state, found, todo; nothing is asked')
    .addHelpText(
      'after',
      `
With a daemon everything is asked of it; without one, camera and light of --config are taken for a moment. What only a
person can say (the lamp was seen to blink, the clock is right, the record was copied) is asked on a terminal; where
nobody is asked it stays red.

Exit status: 0 all green; 69 something is red, or there is neither a daemon nor a configuration to look at.

Examples:
  $ specta predive
  $ specta predive --config /etc/specta/specta.yaml --hours 8 --picture deck.jpg
  $ specta predive --yes lamp --yes backup --json`,
    )
    .action(async (options: PrediveOptions) => finish(await predive(options)));
}

function question(text: string, before: readonly Question[]): Question[] {
  const known = QUESTIONS.find((name) => name === text);
  if (known !== undefined) return [...before, known];
  throw new SpectaError('USAGE', `--yes ${text} is no question.`, `Give one of: ${QUESTIONS.join(', ')}.`);
}

async function predive(options: PrediveOptions): Promise<number> {
  using interrupt = onInterrupt();
  const { signal } = interrupt;
  const colours = paint(process.stdout);
  const isTalking = options.json !== true && isTerminal(process.stdout) && process.stdin.isTTY === true;
  if (isTalking) process.stdout.write(`${colours.dim('Looking …')}\r`);
  const { looked, lamp, vehicle } = await look(options, signal);
  await using blinking = lamp;
  if (options.picture !== undefined && looked.picture !== null)
    await writeDurably(nodeFiles, options.picture, looked.picture);
  if (options.json !== true && looked.picture !== null) await showPicture(looked.picture, colours);
  const seen = await blinking.blink(isTalking ? LOOK_SECONDS : SHORT_SECONDS);
  const lampIsReal = 'value' in seen && seen.value.kind !== 'simulated';
  const ask = new Asking(options.yes, isTalking, signal, colours);
  const { clock, backup } = looked;
  const spoken: Record<Question, Spoken> = {
    lamp: lampIsReal ? await ask.about('lamp', 'Does the lamp blink quickly now?') : 'unasked',
    clock:
      clock.clockQuality === 'unsynchronised'
        ? await ask.about('clock', `Is it ${clock.at.slice(0, 10)} ${clock.at.slice(11, 16)} UTC?`)
        : 'unasked',
    backup: needsBackupWord(backup)
      ? await ask.about('backup', 'Was the record of the last dive copied to another disk?')
      : 'unasked',
  };
  const items = judgeDeck({ ...looked, lamp: seen, spoken, diveHours: options.hours });
  const ready = isReady(items);
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ ready, vehicle, at: clock.at, items })}\n`
      : `${page(items, vehicle, clock.at, colours).join('\n')}\n`,
  );
  return ready ? EXIT.ok : EXIT.unavailable;
}

async function showPicture(image: Uint8Array, colours: Paint): Promise<void> {
  const lines = await smallPicture(image, PICTURE.columns, PICTURE.rows, colours);
  process.stdout.write(`What the camera sees:\n${lines.join('\n')}\n\n`);
}

interface Look {
  readonly looked: LookedAt;
  readonly lamp: LampTest;
  readonly vehicle: string;
}

async function look(options: PrediveOptions, signal: AbortSignal): Promise<Look> {
  const { seeDaemon } = await import('../doctor/daemon-sight.ts');
  const config = await configured(options.config);
  const socket = options.socket ?? (config === null ? await socketOf({}) : await configuredSocket(config));
  const daemon = await seeDaemon(socket, config?.stateFolder ?? null, signal);
  if (daemon.kind === 'answers') {
    const { lookThroughDaemon, lampOfDaemon } = await import('../doctor/deck-of-daemon.ts');
    const looked = await lookThroughDaemon(daemon, signal);
    return { looked, lamp: lampOfDaemon(daemon, signal), vehicle: daemon.facts.vehicle };
  }
  if (config === null) {
    const { code, message } = daemon.error;
    throw new SpectaError(
      code,
      message,
      `${daemon.error.help} Without a daemon give --config FILE.`,
      daemon.error,
    );
  }
  // Camera, engine and light are not loaded where a daemon has them: that would cost a slow board seconds.
  const [{ lookAlone, lampAlone }, { servedNext }] = await Promise.all([
    import('../doctor/deck-alone.ts'),
    import('./model-store-of.ts'),
  ]);
  const looked = await lookAlone(config, daemon, () => servedNext(config), signal);
  return { looked, lamp: lampAlone(config, daemon), vehicle: config.vehicle };
}

async function configured(file: string | undefined): Promise<Config | null> {
  if (file === undefined) return null;
  const { loadConfig } = await import('../daemon/load-config.ts');
  return loadConfig(file, process.env);
}

/** Asks a person who may wear gloves: one letter and Enter. */
class Asking {
  private readonly beforehand: readonly Question[];
  private readonly isTalking: boolean;
  private readonly signal: AbortSignal;
  private readonly colours: Paint;

  constructor(beforehand: readonly Question[], isTalking: boolean, signal: AbortSignal, colours: Paint) {
    this.beforehand = beforehand;
    this.isTalking = isTalking;
    this.signal = signal;
    this.colours = colours;
  }

  /** Anything but a y or an n is asked again. */
  async about(name: Question, words: string): Promise<Spoken> {
    if (this.beforehand.includes(name)) return 'yes';
    if (!this.isTalking) return 'unasked';
    const { bold } = this.colours;
    const lines = createInterface({ input: process.stdin, output: process.stdout });
    try {
      for (;;) {
        const said = await lines.question(`${bold(words)} [y/n] `, { signal: this.signal });
        if (/^\s*(y|yes|ya)\s*$/i.test(said)) return 'yes';
        if (/^\s*(n|no|t|tidak)\s*$/i.test(said)) return 'no';
      }
    } catch (error) {
      this.signal.throwIfAborted();
      throw error;
    } finally {
      lines.close();
    }
  }
}

/** The page for people: one item a line, its state as a word and a colour, no line longer than 80 columns. */
export function page(items: readonly PrediveItem[], vehicle: string, at: string, colours: Paint): string[] {
  const { bold, dim, green, red } = colours;
  const indent = ' '.repeat(17);
  const lines = items.flatMap(({ item, state, found, todo }) => {
    const word = state === 'green' ? green(bold('GREEN')) : red(bold('RED  '));
    const [first = '', ...more] = wrapped(found, COLUMNS - indent.length);
    const what = [`  ${word}  ${bold(item.padEnd(8))}${first}`, ...more.map((line) => indent + line)];
    const help =
      todo === null ? [] : wrapped(`→ ${todo}`, COLUMNS - indent.length).map((line) => indent + dim(line));
    return [...what, ...help];
  });
  const reds = items.filter(({ state }) => state === 'red').map(({ item }) => item);
  const end =
    reds.length === 0
      ? green(bold('GREEN: ready to dive'))
      : red(bold(`RED: mend ${reds.length} of ${items.length}: ${reds.join(', ')}`));
  const head = bold(`SPECTA before the dive: ${vehicle}, ${at.slice(0, 10)} ${at.slice(11, 16)} UTC`);
  return [head, '', ...lines, '', end];
}
