import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import sharp from 'sharp';
import type { Config } from '../daemon/config.ts';
import type { Bundle } from '../domain/manifest.ts';
import { asSpectaError, SpectaError } from '../platform/errors.ts';
import { nodeFiles, writeDurably } from '../platform/files.ts';
import { stillFormatOf } from '../vision/still.ts';
import { startVision, type Vision } from '../vision/vision.ts';
import type { CompareOptions } from './compare.ts';
import { comparePage, type PicturedFrame } from './compare-page.ts';
import { type ComparedFrame, type Comparison, comparedFrame, comparisonOf } from './compared-frames.ts';
import { EXIT } from './exit-codes.ts';
import { onInterrupt } from './interrupt.ts';
import { shippedModels } from './models-folder.ts';
import { type StillFile, stillFiles } from './still-files.ts';
import { readStill, stillFrame } from './still-reading.ts';
import { counted, isTerminal, table } from './terminal.ts';

/** More would make a page that no browser opens gladly. */
const MOST_PICTURES = 120;
const PICTURE_WIDTH = 480;

async function bundleOf(name: string, config: Config | null): Promise<Bundle> {
  const { resolveBundle } = await import('../model/bundle.ts');
  const models = config?.modelsFolder ?? shippedModels();
  if (config === null) return resolveBundle(name, models);
  const { openStore } = await import('./model-store-of.ts');
  const store = openStore(config, { fs: nodeFiles, shipped: null });
  try {
    return await store.shelf.open(await store.shelf.find(name));
  } catch (error) {
    // What is not on board may be a folder, or have come with SPECTA.
    if (!(error instanceof SpectaError) || error.code !== 'BUNDLE_MISSING') throw error;
    return resolveBundle(name, models);
  }
}

async function framesOf(run: string, config: Config | null): Promise<StillFile[]> {
  if (existsSync(run) || config === null) return stillFiles([run]);
  const { stillsOfRun } = await import('../record/run-stills.ts');
  const paths = stillsOfRun(join(config.stateFolder, 'record'), run);
  if (paths.length > 0) return paths.map((path) => ({ path, error: null }));
  throw new SpectaError(
    'FOLDER_EMPTY',
    `The record kept no picture of run ${run}.`,
    'Name a folder of pictures.',
  );
}

async function judgeBoth(a: Vision, b: Vision, file: string, sequence: number): Promise<ComparedFrame> {
  const data = await readStill(file);
  const format = stillFormatOf(data);
  // Each of the two takes the bytes away with it.
  const [one, other] = await Promise.all([
    a.judge(stillFrame(sequence, file, data.slice(), format)),
    b.judge(stillFrame(sequence, file, data, format)),
  ]);
  return comparedFrame(file, one.verdict, other.verdict);
}

async function pictured(frame: ComparedFrame): Promise<PicturedFrame> {
  try {
    const data = await readStill(frame.file);
    const small = sharp(data).rotate().resize({ width: PICTURE_WIDTH, withoutEnlargement: true });
    return { frame, jpeg: await small.jpeg({ quality: 78 }).toBuffer() };
  } catch {
    // It was judged all the same; the page says in its place that it could not be drawn.
    return { frame, jpeg: null };
  }
}

function progress(done: number, total: number): void {
  if (isTerminal(process.stderr))
    process.stderr.write(done === total ? '\r\x1b[K' : `\r${done} of ${total} frames`);
}

async function judgeAll(
  bundles: readonly [Bundle, Bundle],
  files: readonly StillFile[],
  { provider, threads }: CompareOptions,
  signal: AbortSignal,
): Promise<Comparison> {
  await using parts = new AsyncDisposableStack();
  const load = async (bundle: Bundle): Promise<Vision> => {
    const vision = await startVision({ bundle, provider, threads, stills: true, signal });
    parts.defer(() => vision.close());
    return vision;
  };
  const a = await load(bundles[0]);
  const b = await load(bundles[1]);
  const frames: ComparedFrame[] = [];
  const unreadable: string[] = [];
  for (const [sequence, { path, error }] of files.entries()) {
    signal.throwIfAborted();
    progress(sequence + 1, files.length);
    try {
      if (error !== null) throw error;
      frames.push(await judgeBoth(a, b, path, sequence));
    } catch (cause) {
      const { code, message } = asSpectaError(cause);
      if (code === 'ENGINE_FAILED' || code === 'INTERNAL') throw cause;
      unreadable.push(`${path} (${code})`);
      process.stderr.write(`${path}: ${message} [${code}]\n`);
    }
  }
  return comparisonOf(frames, unreadable);
}

function wordsOf({ frames, alike, blind, ms, table: counts }: Comparison): string[] {
  const heads = [...new Set(Object.values(counts).flatMap((row) => Object.keys(row)))].sort();
  const rows = Object.entries(counts).map(([word, row]) => [
    `A: ${word}`,
    ...heads.map((b) => String(row[b] ?? 0)),
  ]);
  return [
    `${counted(frames, 'frame')}: ${alike} alike, ${frames - alike} not; blind ${blind.a} and ${blind.b}; ${ms.a.toFixed(1)} and ${ms.b.toFixed(1)} ms a frame`,
    ...table([['', ...heads.map((b) => `B: ${b}`)], ...rows]),
  ];
}

/** `specta compare`. */
export async function compare(nameA: string, nameB: string, options: CompareOptions): Promise<number> {
  using interrupt = onInterrupt();
  const config =
    options.config === undefined
      ? null
      : await (await import('../daemon/load-config.ts')).loadConfig(options.config, process.env);
  const bundles = [await bundleOf(nameA, config), await bundleOf(nameB, config)] as const;
  const files = await framesOf(options.run, config);
  const comparison = await judgeAll(bundles, files, options, interrupt.signal);
  const [a, b] = bundles.map(
    ({ manifest, digest }) => `${manifest.name} ${manifest.version} (${digest.slice(0, 8)})`,
  );
  const page = comparePage(
    { a, b, of: options.run },
    comparison,
    await Promise.all(comparison.unlike.slice(0, MOST_PICTURES).map(pictured)),
  );
  const out = resolve(options.out);
  await nodeFiles.mkdir(out);
  const written = `${JSON.stringify({ a, b, of: options.run, ...comparison }, null, 2)}\n`;
  await writeDurably(nodeFiles, join(out, 'compare.json'), new TextEncoder().encode(written));
  await writeDurably(nodeFiles, join(out, 'compare.html'), new TextEncoder().encode(page));
  const words = [`A: ${a}`, `B: ${b}`, ...wordsOf(comparison), join(out, 'compare.html')];
  process.stdout.write(options.json === true ? written : `${words.join('\n')}\n`);
  interrupt.throwIfOutputFailed();
  return comparison.unreadable.length > 0 ? EXIT.partial : EXIT.ok;
}
