import type { Reporter, TestModule } from 'vitest/node';

/** Ends the run's output with `N passed, N failed[, N skipped]` and names each skipped test with its reason. */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const counts = { passed: 0, failed: errors.length, skipped: 0, pending: 0 };
    const skipped: string[] = [];
    for (const module of modules) {
      if (module.state() === 'failed' && [...module.children.allTests('failed')].length === 0)
        counts.failed += 1;
      for (const test of module.children.allTests()) {
        const result = test.result();
        counts[result.state] += 1;
        if (result.state === 'skipped')
          skipped.push(`${test.fullName}${result.note ? `: ${result.note}` : ''}`);
      }
    }
    // After the summary of the default reporter, which prints in the same turn.
    setImmediate(() => {
      for (const line of skipped) console.log(`skipped  ${line}`);
      const tail = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
      console.log(`${counts.passed} passed, ${counts.failed + counts.pending} failed${tail}`);
    });
  }
}
