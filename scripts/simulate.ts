import { readTruth } from '../src/footage/run-folder.ts';
import { parseSimulation, runSimulation, SIMULATE_HELP } from '../src/footage/simulation.ts';
import { asSpectaError } from '../src/platform/errors.ts';

const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());

try {
  const simulation = parseSimulation(process.argv.slice(2));
  if (simulation === 'help') process.stdout.write(SIMULATE_HELP);
  else {
    const started = performance.now();
    const live = process.stderr.isTTY;
    let shown = -1;
    const record = await runSimulation(simulation, {
      signal: stop.signal,
      onProgress(done, total) {
        const tenth = Math.floor((done * (live ? 100 : 10)) / total);
        if (tenth === shown) return;
        shown = tenth;
        process.stderr.write(
          `${live ? '\r' : ''}rendered ${done} of ${total}${live && done < total ? '' : '\n'}`,
        );
      },
    });
    const truths = await readTruth(simulation.out);
    const count = (test: (truth: (typeof truths)[number]) => boolean): number => truths.filter(test).length;
    process.stdout.write(
      `${record.frames} pictures in ${simulation.out} (${((performance.now() - started) / 1000).toFixed(1)} s): ` +
        `${count((t) => t.visible.some((d) => d.defect === 'corrosion'))} show corrosion, ` +
        `${count((t) => t.visible.some((d) => d.defect === 'crack'))} a crack, ` +
        `${count((t) => t.visible.length === 0 && t.blind === null)} neither, ${count((t) => t.blind !== null)} blind\n`,
    );
  }
} catch (error) {
  if (stop.signal.aborted) {
    process.stderr.write('\nstopped; nothing was left behind\n');
    process.exitCode = 130;
  } else {
    const { code, message, help } = asSpectaError(error);
    process.stderr.write(`${code}: ${message} ${help}\n`);
    process.exitCode = code === 'USAGE' ? 2 : 1;
  }
}
