import { SpectaError } from '../platform/errors.ts';
import { type AlertMessage, type FindingMarks, UNMARKED } from '../surface/messages/alert.ts';

/** What later versions added to an alert, for one that an older version kept. */
const ADDED = { ...UNMARKED, box: null, boxReason: 'no-pixels', positionMissing: null } as const;

/** An alert as the record kept it; what a later version added is filled in. */
export function readTold(payload: Uint8Array): AlertMessage {
  return { ...ADDED, ...(JSON.parse(new TextDecoder().decode(payload)) as AlertMessage) };
}

/** What people have said of a finding, by its alert. */
export function marksOf({ review, reviewed, acknowledged }: AlertMessage): FindingMarks {
  return { review, reviewed, acknowledged };
}

/** The error of a request about a finding that the record does not know. */
export function unknownFinding(id: string): SpectaError {
  return new SpectaError(
    'REQUEST_REFUSED',
    `The record of this vehicle holds no finding "${id}".`,
    'findings/list names those that it holds.',
  );
}
