import type { Instant } from '../domain/time.ts';

/** What can be told of the vehicle's place, each on its own. */
export interface Readings {
  /** Kilometre point, km. */
  readonly kp: number;
  /** Degrees, WGS 84; always together with the longitude. */
  readonly latitude: number;
  readonly longitude: number;
  /** Metres below the surface. */
  readonly depth: number;
  /** Degrees from true north, 0..360. */
  readonly heading: number;
}

/** What a source has just told. */
export interface Sighting {
  /** When it was heard here: what senders say of their own clocks is not taken. */
  readonly at: Instant;
  readonly readings: Partial<Readings>;
}

/** Why something that a source heard was not used. */
export type PositionDrop =
  /** Not of the form that the source reads at all. */
  | 'not-readable'
  /** NMEA 0183 without a checksum. */
  | 'checksum-missing'
  | 'checksum-wrong'
  /** A field that is no number, or out of its range. */
  | 'field-invalid'
  /** Whole and understood, but of a kind that says nothing of interest. */
  | 'of-no-interest'
  /** The sender says itself that it does not know. */
  | 'no-fix'
  /** A magnetic heading without its variation. */
  | 'heading-magnetic'
  /** From another system than the configured one. */
  | 'other-system'
  /** More bytes than a message of its kind can have. */
  | 'too-large';

/** What a source of positions is doing. `listening` says nothing about whether anybody talks. */
export type PositionSourceState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'starting' }
  | { readonly kind: 'listening' }
  | { readonly kind: 'recovering'; readonly reason: string }
  | { readonly kind: 'stopped' };

/** Somebody who tells where the vehicle is. Nothing of it rejects or throws: what goes wrong stands in its state. */
export interface PositionSource {
  /** For people and for every fix, such as `nmea-udp:0.0.0.0:10110`; holds no password. */
  readonly name: string;
  readonly state: PositionSourceState;
  readonly dropped: Readonly<Partial<Record<PositionDrop, number>>>;
  /** Calls `listener` with what is heard; the returned function ends it. */
  onSighting(listener: (sighting: Sighting) => void): () => void;
  /** Calls `listener` on each change of state; the returned function ends it. */
  onState(listener: (state: PositionSourceState) => void): () => void;
  /** Begins to listen, and tries again for as long as it cannot. Idempotent; a stopped source stays stopped. */
  start(): void;
  /** Resolves when nothing is held any more. Idempotent. */
  stop(): Promise<void>;
}
