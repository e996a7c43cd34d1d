import type { DefectRule } from '../domain/manifest.ts';
import type { DefectClass } from '../domain/verdict.ts';

/** How urgent each defect is and what to do about it; the repairs are those the original system recommends. */
export const DEFECT_ADVICE: Readonly<Record<DefectClass, Pick<DefectRule, 'severity' | 'advice'>>> = {
  corrosion: {
    severity: 'medium',
    advice: {
      en: 'Add or renew the anti-corrosion coating.',
      id: 'Tambahkan atau perbarui lapisan antikorosi.',
    },
  },
  crack: {
    severity: 'critical',
    advice: {
      en: 'Weld the cracked part or replace the pipe section.',
      id: 'Las bagian yang retak atau ganti bagian pipa tersebut.',
    },
  },
};
