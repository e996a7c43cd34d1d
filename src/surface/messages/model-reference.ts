import { z } from 'zod';
import type { ModelReference } from '../../domain/verdict.ts';
import { digest } from './envelope.ts';

export const modelReferenceSchema = z.strictObject({
  name: z.string().min(1),
  version: z.string().min(1),
  digest: digest.describe("SHA-256 of the bundle's manifest, hexadecimal"),
  engine: z.string().min(1),
  provider: z.string().min(1).describe('the execution provider that really ran'),
});

/** A copy with exactly the fields of the message. */
export function modelReference(model: ModelReference): z.infer<typeof modelReferenceSchema> {
  const { name, version, digest, engine, provider } = model;
  return { name, version, digest, engine, provider };
}
