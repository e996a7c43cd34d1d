import type { Reporter, TestCase, TestModule } from 'vitest/node';

declare module 'vitest' {
  interface TaskMeta {
    /** What was measured or seen, for the table. */
    figures?: string;
  }
}

const MARKS = { passed: 'pass', failed: 'FAIL', skipped: 'skip', pending: 'none' } as const;

/** One line a test as it ends, with what it measured: the table of a run in the rig. */
export default class Table implements Reporter {
  onTestModuleStart(module: TestModule): void {
    console.log(`\n${module.relativeModuleId}`);
  }

  onTestCaseResult(test: TestCase): void {
    const { state, errors } = test.result();
    // Left out by the choice of tests: the closing lines count them.
    if (state === 'skipped') return;
    const seconds = ((test.diagnostic()?.duration ?? 0) / 1000).toFixed(1).padStart(6);
    const { figures } = test.meta();
    const tail = figures === undefined ? '' : ` | ${figures}`;
    console.log(`${MARKS[state]} ${seconds} s  ${test.fullName}${tail}`);
    for (const { message, stack } of errors ?? []) {
      const own = (stack ?? message).split('\n').filter((line) => !line.includes('node_modules'));
      console.log(`      ${own.join('\n      ')}`);
    }
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    for (const error of errors) console.log('error outside a test:', error);
    for (const module of modules) {
      for (const { message } of module.errors()) console.log(`FAIL ${module.relativeModuleId}: ${message}`);
    }
  }
}
