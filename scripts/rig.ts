// npm run test:rig: boots the rig, one part after the other, and runs test/rig in it. See device/rig/.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { PARTS, type PartResult, partsWith, runPart, tableOf } from './rig-parts.ts';

const USAGE = `Boots an emulated machine with a real V4L2 camera and GPIO chip, and runs the tests in it.

  npm run test:rig -- [--full] [--part NAME]... [--only WORDS] [--json] [FILE...]

  --full        takes its time: 1,000 reconnects, 50 replugs
  --part NAME   only this part (${PARTS.map(({ name }) => name).join(', ')}); may be given again
  --only WORDS  only tests whose names match
  --json        one JSON object a part on standard output, all else on standard error
  FILE          only test files whose paths contain this

Exit status: 0 every part passed; 1 one did not; 2 the command line is wrong.`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      full: { type: 'boolean', default: false },
      part: { type: 'string', multiple: true, default: [] },
      only: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const unknown = values.part.filter((name) => !PARTS.some((part) => part.name === name));
  if (unknown.length > 0) throw new Error(`there is no part ${unknown.join(', ')}\n\n${USAGE}`);
  const named = PARTS.filter(({ name }) => values.part.length === 0 || values.part.includes(name));
  const parts = partsWith(named, positionals);
  if (parts.length === 0) throw new Error(`no part holds ${positionals.join(', ')}`);

  const project = resolve(import.meta.dirname, '..');
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const out = values.json ? process.stderr : process.stdout;
  const print = (text: string): void => {
    out.write(text);
  };
  const boot = resolve(project, 'device/rig/boot.sh');
  const wish = { project, boot, full: values.full, only: values.only ?? null, files: positionals, print };
  const results: PartResult[] = [];
  for (const part of parts) {
    if (stop.signal.aborted) return 130;
    print(`\n== ${part.name}\n`);
    const result = await runPart(part, { ...wish, signal: stop.signal });
    results.push(result);
    if (values.json) console.log(JSON.stringify(result));
  }
  print(`\n${tableOf(results)}\n`);
  return results.every(({ failed }) => failed === 0) ? 0 : 1;
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  return 2;
});
