import type { Finding, FindingChange } from '../domain/finding.ts';
import type { Instant } from '../domain/time.ts';

/**
 * Closes, as `interrupted`, the findings that were open when the daemon died. Findings that are closed already give no
 * change, so that recovering twice does no harm.
 *
 * A finding's instants belong to the clock of the boot that died, so it ends when it was last seen, the last moment
 * known of it; `at`, the time of recovery in this boot, is the time of the change only.
 */
export function interruptFindings(findings: readonly Finding[], at: Instant): FindingChange[] {
  return findings
    .filter((finding) => finding.closedAt === null)
    .map((finding) => ({
      phase: 'closed',
      finding: { ...finding, closedAt: finding.lastSeenAt, closeReason: 'interrupted' },
      at,
      peakChanged: false,
    }));
}
