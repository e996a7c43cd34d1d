import { z } from 'zod';

const person = z.string().nullable();

/** Of an alert, what people have said of its finding. Alerts of before there were marks have none of it. */
const marked = z.object({
  review: z.enum(['unreviewed', 'confirmed', 'rejected']).default('unreviewed'),
  reviewed: z
    .object({ at: z.iso.datetime(), by: person, note: z.string().nullable() })
    .nullable()
    .default(null),
  acknowledged: z.object({ at: z.iso.datetime(), by: person }).nullable().default(null),
});

/** What people have said of a finding; times are UTC, ISO 8601. */
export type Marks = z.infer<typeof marked>;

/** Reads them from the newest alert of a finding as it was told, JSON; null: none was told. Throws for what is no alert. */
export function marksIn(alert: string | null): Marks {
  return marked.parse(alert === null ? {} : JSON.parse(alert));
}
