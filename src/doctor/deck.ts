import { asSpectaError } from '../platform/errors.ts';
import type { DeckFacts, Seen } from './predive.ts';

/** What is looked at without a person. */
export type LookedAt = Omit<DeckFacts, 'lamp' | 'spoken' | 'diveHours'> & {
  /** The picture that was judged, as a file; null without one. */
  readonly picture: Uint8Array | null;
};

/** The lamp, for as long as it is looked at. */
export interface LampTest extends AsyncDisposable {
  /** Begins to blink for so many seconds. */
  blink(seconds: number): Promise<DeckFacts['lamp']>;
}

/** What `look` finds, or why it could not look. */
export async function seen<T>(look: () => Promise<T>): Promise<Seen<T>> {
  try {
    return { value: await look() };
  } catch (error) {
    const { message, help } = asSpectaError(error);
    return { error: message, help };
  }
}
