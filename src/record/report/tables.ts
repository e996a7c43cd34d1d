import type { Dossier, DossierFinding } from './dossier.ts';

const iso = (utcMs: number): string => new Date(utcMs).toISOString();

const COLUMNS: readonly (readonly [
  name: string,
  value: (finding: DossierFinding) => string | number | null,
])[] = [
  ['finding', ({ id }) => id],
  ['class', ({ defect }) => defect],
  ['severity', ({ severity }) => severity],
  ['opened_utc', ({ openedAt }) => iso(openedAt.utcMs)],
  ['last_seen_utc', ({ lastSeenAt }) => iso(lastSeenAt.utcMs)],
  ['closed_utc', ({ closedAt }) => closedAt && iso(closedAt.utcMs)],
  ['close_reason', ({ closeReason }) => closeReason],
  ['kp_km', ({ fix }) => fix?.kp ?? null],
  ['latitude', ({ fix }) => fix?.latitude ?? null],
  ['longitude', ({ fix }) => fix?.longitude ?? null],
  ['depth_m', ({ fix }) => fix?.depth ?? null],
  ['heading_deg', ({ fix }) => fix?.heading ?? null],
  ['position_source', ({ fix }) => fix?.source ?? null],
  ['peak_probability', ({ peak }) => peak.probability],
  ['mean_probability', ({ meanProbability }) => meanProbability],
  ['frames', ({ detections }) => detections],
  ['threshold_on', ({ thresholds }) => thresholds.on],
  ['threshold_off', ({ thresholds }) => thresholds.off],
  ['model', ({ model }) => `${model.name}@${model.version}`],
  ['model_digest', ({ model }) => model.digest],
  ['engine', ({ model }) => `${model.engine}/${model.provider}`],
  ['still', ({ stills }) => stills.findLast(({ kind }) => kind === 'clean')?.file ?? null],
  ['still_sha256', ({ stills }) => stills.findLast(({ kind }) => kind === 'clean')?.sha256 ?? null],
  ['advice', ({ advice }) => advice.en],
  ['review', ({ review }) => review],
  ['reviewed_utc', ({ reviewed }) => reviewed?.at ?? null],
  ['reviewed_by', ({ reviewed }) => reviewed?.by ?? null],
  ['review_note', ({ reviewed }) => reviewed?.note ?? null],
  ['acknowledged_utc', ({ acknowledged }) => acknowledged?.at ?? null],
  ['acknowledged_by', ({ acknowledged }) => acknowledged?.by ?? null],
];

/** The findings as CSV (RFC 4180), one a line, empty cells where nothing is known. */
export function findingsCsv({ findings }: Dossier): string {
  const rows = findings.map((finding) => COLUMNS.map(([, value]) => cell(value(finding))));
  return [COLUMNS.map(([name]) => name), ...rows].map((row) => `${row.join(',')}\r\n`).join('');
}

function cell(value: string | number | null): string {
  if (value === null) return '';
  const text = String(value);
  // A cell that a spreadsheet would take for a formula is led by an apostrophe.
  const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** The findings as GeoJSON (RFC 7946): a point each, or no geometry where the place is not known. */
export function findingsGeojson({ run, findings, notice }: Dossier): string {
  const features = findings.map((finding) => {
    const { fix } = finding;
    const isPlaced = fix !== null && fix.latitude !== null && fix.longitude !== null;
    const entries = COLUMNS.map(([name, value]) => [name, value(finding)] as const);
    return {
      type: 'Feature',
      id: finding.id,
      geometry: isPlaced ? { type: 'Point', coordinates: [fix.longitude, fix.latitude] } : null,
      properties: Object.fromEntries(entries),
    };
  });
  const collection = { type: 'FeatureCollection', run: run.id, vehicle: run.vehicle, notice, features };
  return `${JSON.stringify(collection, null, 2)}\n`;
}
