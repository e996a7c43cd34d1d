/** From least to most urgent: a finding's severity is kept as its place here. */
export const SEVERITIES = ['low', 'medium', 'high', 'critical'] as const;
