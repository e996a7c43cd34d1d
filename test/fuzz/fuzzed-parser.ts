/** One reader of bytes that come from outside, and what it knows. */
export interface FuzzedParser {
  readonly name: string;
  /** The codes that a refusal may have. */
  readonly refusals: RegExp;
  /** Makes whole samples, and the reader. */
  open(): Promise<OpenParser>;
}

export interface OpenParser {
  readonly samples: readonly Uint8Array[];
  /**
   * Reads the bytes. Throws a SpectaError where it refuses them, and an ordinary one where it does what it must not: what
   * is read and makes no sense.
   */
  read(bytes: Uint8Array): void | Promise<void>;
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Throws unless it is so. */
export function must(isSo: boolean, what: string): void {
  if (!isSo) throw new Error(what);
}
