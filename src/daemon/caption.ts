import type { Finding, Located } from '../domain/finding.ts';
import type { Caption } from '../record/annotate.ts';

/** What is written on a finding's still: problem and probability, recommended repair, when, which finding. */
export function captionOf(finding: Finding, located?: Located): Caption {
  const { peak, advice } = finding;
  const percent = Math.round(peak.probability * 100);
  return {
    title: `${finding.defect.toUpperCase()} ${percent} %`,
    lines: [
      advice.en,
      advice.id,
      `${new Date(peak.frame.capturedAt.utcMs).toISOString()}  severity ${finding.severity}`,
      `finding ${finding.id}`,
    ],
    tone: finding.defect,
    ...(located && { mark: { box: located.box, map: located.map } }),
  };
}
