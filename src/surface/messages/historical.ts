/**
 * The same JSON message marked `historical: true`, or null when the bytes are no JSON object: the mark is the
 * only change, so that a message sent twice differs in nothing else.
 */
export function markHistorical(payload: Uint8Array): Uint8Array | null {
  let message: unknown;
  try {
    message = JSON.parse(new TextDecoder().decode(payload));
  } catch {
    // The caller counts and logs: it sends the bytes as they are rather than not at all.
    return null;
  }
  if (typeof message !== 'object' || message === null || Array.isArray(message)) return null;
  return new TextEncoder().encode(JSON.stringify({ ...message, historical: true }));
}
