import type { Reporter, TestModule } from 'vitest/node';

/**
 * Ends the run's output with `N passed, N failed[, N skipped]`, after a line for each skipped test with its reason and one
 * for each failed test, file or worker: what a log that keeps only its end must still tell.
 */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const counts = { passed: 0, failed: errors.length, skipped: 0, pending: 0 };
    const skipped: string[] = [];
    const failed: string[] = errors.map((error) => `outside of a test: ${firstLine(error)}`);
    for (const module of modules) {
      if (module.state() === 'failed' && [...module.children.allTests('failed')].length === 0) {
        counts.failed += 1;
        failed.push(`${module.relativeModuleId}: ${firstLine(module.errors()[0])}`);
      }
      for (const test of module.children.allTests()) {
        const result = test.result();
        counts[result.state] += 1;
        if (result.state === 'skipped')
          skipped.push(`${test.fullName}${result.note ? `: ${result.note}` : ''}`);
        if (result.state === 'failed' || result.state === 'pending')
          failed.push(`${module.relativeModuleId} > ${test.fullName}: ${firstLine(result.errors?.[0])}`);
      }
    }
    // After the summary of the default reporter, which prints in the same turn.
    setImmediate(() => {
      for (const line of skipped) console.log(`skipped  ${line}`);
      for (const line of failed) console.log(`failed  ${line}`);
      const tail = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
      console.log(`${counts.passed} passed, ${counts.failed + counts.pending} failed${tail}`);
    });
  }
}

function firstLine(error: unknown): string {
  const message =
    typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);
  return message.split('\n')[0] ?? '';
}
