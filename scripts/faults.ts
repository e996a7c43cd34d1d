import { parseArgs } from 'node:util';
import { type KillReport, killRun } from '../test/faults/kill-run.ts';
import { mosquittoMissing } from '../test/fixtures/mosquitto.ts';
import { onStage } from '../test/scenarios/stage.ts';

const USAGE = `Kills the daemon with SIGKILL at random moments while the broker comes and goes, then counts.

  npm run test:faults -- [--full] [--kills N] [--seed N]

  --full       120 kills instead of 8
  --kills N    so many kills
  --seed N     the run with the same random choices (moments on a busy machine still differ)

Exit status: 0 nothing lost; 1 an alert was lost or the books do not agree; 2 it could not be run.`;

function wholeNumber(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new Error(`--${name} ${text} is no whole number`);
}

function printKill(kill: KillReport): void {
  const { number, afterMs, watching, broker, waiting, heard } = kill;
  const cells = [
    String(number).padStart(5),
    `${afterMs} ms`.padStart(9),
    (watching ? 'watching' : 'starting').padEnd(9),
    broker.padEnd(7),
    String(waiting).padStart(7),
    String(heard).padStart(7),
  ];
  console.log(cells.join('  '));
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      full: { type: 'boolean', default: false },
      kills: { type: 'string' },
      seed: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  if (mosquittoMissing !== null) {
    console.error(mosquittoMissing);
    return 2;
  }
  const kills = wholeNumber('kills', values.kills, values.full ? 120 : 8);
  const seed = wholeNumber('seed', values.seed, Math.floor(Math.random() * 1_000_000));
  console.log(`${kills} kills, seed ${seed}, Node ${process.version}, ${process.platform}-${process.arch}\n`);
  console.log(' kill   lived to  stage      broker   waiting    heard');
  const begin = performance.now();
  let failed = false;
  await onStage(async (stage) => {
    const result = await killRun(stage, { kills, seed, onKill: printKill });
    const { committed, delivered, duplicates, lost, faults } = result;
    const seconds = Math.round((performance.now() - begin) / 1000);
    console.log(`\n${seconds} s; the broker was Mosquitto over MQTT 5, killed and started again meanwhile`);
    for (const fault of faults) console.log(`FAULT  ${fault}`);
    failed = lost > 0 || faults.length > 0;
    console.log(
      `kills ${kills}, alerts committed ${committed}, delivered ${delivered}, duplicates ${duplicates} (same id and sequence), lost ${lost}`,
    );
  });
  return failed ? 1 : 0;
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  return 2;
});
