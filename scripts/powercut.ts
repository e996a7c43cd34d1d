import { parseArgs } from 'node:util';
import { cutScenario } from '../test/faults/powercut.ts';
import { SCENARIOS } from '../test/faults/powercut-scenarios.ts';

const USAGE = `Loses the power behind every step that flashing a model takes on the disk, and starts from what is left.

  npm run test:powercut -- [--outcomes N] [--seed N] [--once] [--only WORDS]

  --outcomes N  random survivors of each loss, besides none and all of what was not synced (6)
  --seed N      the same random choices again (1)
  --once        do not lose the power again behind every step of the recovery
  --only WORDS  only scenarios with these words in their name

Exit status: 0 nothing bricked; 1 after some loss the vehicle had no whole model, or neither the old nor the new one.`;

/** More would only repeat themselves. */
const MOST_SHOWN = 10;

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new Error(`--${name} ${text} is no whole number`);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      outcomes: { type: 'string', default: '6' },
      seed: { type: 'string', default: '1' },
      once: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const plan = {
    outcomes: wholeNumber('outcomes', values.outcomes),
    seed: wholeNumber('seed', values.seed),
    twice: !values.once,
  };
  console.log('points   starts  bricked  scenario');
  const begin = performance.now();
  let points = 0;
  let starts = 0;
  const bricked: string[] = [];
  for (const scenario of SCENARIOS.filter(({ name }) => name.includes(values.only))) {
    const report = await cutScenario(scenario, plan);
    points += report.points;
    starts += report.starts;
    bricked.push(...report.bricked);
    const cells = [
      String(report.points).padStart(6),
      String(report.starts).padStart(7),
      String(report.bricked.length).padStart(7),
      scenario.name,
    ];
    console.log(cells.join('  '));
  }
  for (const sentence of bricked.slice(0, MOST_SHOWN)) console.log(`BRICKED  ${sentence}`);
  if (bricked.length > MOST_SHOWN) console.log(`BRICKED  … and ${bricked.length - MOST_SHOWN} more`);
  const seconds = Math.round((performance.now() - begin) / 1000);
  console.log(`${starts} starts from what the losses left, ${seconds} s`);
  console.log(`${points} points, bricked ${bricked.length}`);
  return bricked.length === 0 ? 0 : 1;
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  return 2;
});
