import type { FindingChange } from '../domain/finding.ts';
import type { PartStatus } from '../domain/status.ts';
import type { Verdict } from '../domain/verdict.ts';
import type { HealthMessage } from '../surface/messages/health.ts';

/** What the daemon tells those who run in its process: the demo, the bench, tests. */
export type DaemonEvent =
  | { readonly kind: 'verdict'; readonly verdict: Verdict }
  | { readonly kind: 'finding'; readonly change: FindingChange }
  | { readonly kind: 'committed'; readonly change: FindingChange }
  | { readonly kind: 'status'; readonly status: PartStatus }
  | { readonly kind: 'health'; readonly health: HealthMessage }
  | { readonly kind: 'camera-ended' };
