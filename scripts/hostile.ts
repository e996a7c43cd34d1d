import { parseArgs } from 'node:util';
import { Dice } from '../test/faults/dice.ts';
import { TAR_TRICKS, TUF_ATTACKS } from '../test/faults/hostile-bundles.ts';
import { type FuzzReport, fuzz, hostileArchive, hostileManifest } from '../test/faults/hostile-fuzz.ts';
import { Vehicle } from '../test/faults/hostile-vehicle.ts';

const USAGE = `Throws hostile bundles at a vehicle in memory: TUF's list, what a tar can be made to say, and a fuzz of both
archives and manifests. What needs time, keys or a second process is in test/faults/hostile.test.ts.

  npm run test:hostile -- [--archives N] [--manifests N] [--seed N]

  --archives N   archives that a stranger tampered with (70000)
  --manifests N  manifests that make no sense, signed by the vendor (35000)
  --seed N       the same random choices again (1)

Exit status: 0 all refused with their code, or still whole; 1 something was taken, left behind or written outside.`;

/** More would only repeat themselves. */
const MOST_SHOWN = 10;

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new Error(`--${name} ${text} is no whole number`);
}

const megabytes = (): number => Math.round(process.memoryUsage().rss / 1e6);

async function throwListed(): Promise<string[]> {
  const harm: string[] = [];
  for (const { name, code, archive } of [...TUF_ATTACKS, ...TAR_TRICKS]) {
    const vehicle = await Vehicle.ready();
    const outcome = await vehicle.attack(archive());
    const isRefused = outcome.code === code && outcome.harm.length === 0;
    console.log(
      `${isRefused ? 'refused' : 'HARM   '}  ${String(outcome.code ?? 'taken').padEnd(24)}  ${name}`,
    );
    if (!isRefused) harm.push(`${name}: ${outcome.code} instead of ${code}; ${outcome.harm.join('; ')}`);
  }
  return harm;
}

function printFuzz(what: string, { codes, largestRead, mostWritten }: FuzzReport): void {
  console.log(`\n${what}:`);
  for (const [code, count] of Object.entries(codes).sort(([, a], [, b]) => b - a))
    console.log(`${String(count).padStart(8)}  ${code}`);
  console.log(`at most ${largestRead} bytes read at once, ${mostWritten} bytes written by one attempt`);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      archives: { type: 'string', default: '70000' },
      manifests: { type: 'string', default: '35000' },
      seed: { type: 'string', default: '1' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const begin = performance.now();
  const archives = wholeNumber('archives', values.archives);
  const manifests = wholeNumber('manifests', values.manifests);
  const seed = wholeNumber('seed', values.seed);
  const harm = await throwListed();
  const memory = { before: megabytes(), most: 0 };
  const watch = (): void => {
    memory.most = Math.max(memory.most, megabytes());
  };
  const byArchive = await fuzz(archives, new Dice(seed), hostileArchive, false, watch);
  printFuzz(
    `${archives} archives that a stranger tampered with (taken: the vendor's own, byte for byte)`,
    byArchive,
  );
  const byManifest = await fuzz(manifests, new Dice(seed + 1), hostileManifest, true, watch);
  printFuzz(`${manifests} manifests tampered with and signed by the vendor (taken: still whole)`, byManifest);
  harm.push(...byArchive.harm, ...byManifest.harm);
  watch();
  const seconds = Math.round((performance.now() - begin) / 1000);
  console.log(
    `\nmemory ${memory.before} MB before the fuzz, at most ${memory.most} MB during it; ${seconds} s`,
  );
  for (const sentence of harm.slice(0, MOST_SHOWN)) console.log(`HARM  ${sentence}`);
  const count = TUF_ATTACKS.length + TAR_TRICKS.length + archives + manifests;
  console.log(`${count} hostile files, harm done by ${harm.length}`);
  return harm.length === 0 ? 0 : 1;
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  return 2;
});
