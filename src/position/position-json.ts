import { z } from 'zod';
import { type MavlinkOptions, readMavlink } from './mavlink-message.ts';
import type { Heard } from './source-core.ts';

/** As MAVLink2REST writes messages: `{"header": {"system_id": 1, …}, "message": {"type": "ATTITUDE", "yaw": …}}`. */
const mavlinkForm = z.object({
  header: z.object({ system_id: z.number() }).optional(),
  message: z.looseObject({ type: z.string() }),
});

/** The plain form, for whoever has a survey system of their own. */
const plainForm = z
  .strictObject({
    kp: z.number().optional(),
    latitude: z.number().min(-90).max(90).optional(),
    longitude: z.number().min(-180).max(180).optional(),
    depth: z.number().min(-10).max(12_000).optional(),
    heading: z.number().min(0).max(360).optional(),
  })
  .refine(({ latitude, longitude }) => (latitude === undefined) === (longitude === undefined));

const PLAIN_KEYS: ReadonlySet<string> = new Set(Object.keys(plainForm.shape));
const MOST_BYTES = 65_536;

/**
 * Reads a JSON message: MAVLink2REST's form, or `{"kp": km, "latitude": °, "longitude": °, "depth": m, "heading": °}` with
 * any of these.
 */
export function readPositionJson(payload: Uint8Array, options: MavlinkOptions): Heard {
  if (payload.byteLength > MOST_BYTES) return { dropped: 'too-large' };
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(payload));
  } catch {
    // Counted with its reason.
    return { dropped: 'not-readable' };
  }
  const mavlink = mavlinkForm.safeParse(value);
  if (mavlink.success) {
    const { header, message } = mavlink.data;
    const isOther = options.system !== null && header?.system_id !== options.system;
    return isOther ? { dropped: 'other-system' } : readMavlink(message.type, message, options);
  }
  if (typeof value !== 'object' || value === null) return { dropped: 'not-readable' };
  if (!Object.keys(value).some((key) => PLAIN_KEYS.has(key))) return { dropped: 'not-readable' };
  const plain = plainForm.safeParse(value);
  if (!plain.success) return { dropped: 'field-invalid' };
  const entries = Object.entries(plain.data).filter(([, given]) => given !== undefined);
  return { readings: Object.fromEntries(entries) };
}
