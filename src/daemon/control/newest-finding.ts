import { SpectaError } from '../../platform/errors.ts';
import type { BlackBox } from '../../record/black-box.ts';

/** When the newest finding of the record changed; null without one, or where the record cannot be read just now. */
export async function newestFinding(record: BlackBox): Promise<number | null> {
  try {
    const [finding] = await record.findings({ limit: 1 });
    return finding === undefined ? null : (finding.closedAt ?? finding.lastSeenAt).utcMs;
  } catch (error) {
    // Its own status tells of it.
    if (error instanceof SpectaError) return null;
    throw error;
  }
}
