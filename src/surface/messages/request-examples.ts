import { messageExamples } from './examples.ts';
import type { Answer, DataOf, RequestName, RequestOf } from './request.ts';
import type { Sight, VehicleFacts } from './vehicle.ts';

type RequestExamples = {
  readonly [Name in RequestName]: {
    readonly request: RequestOf<Name>;
    readonly answer: Answer<DataOf<Name>>;
  };
};

const AT = '2026-05-20T09:30:12.500Z';

const light: VehicleFacts['light'] = {
  kind: 'chardev',
  line: 'gpiochip0 (tegra234-gpio) line 144 (PAC.06)',
  held: true,
  lit: true,
  shows: 'lamp-test',
  findings: [],
  down: [],
  since: AT,
};

const run: NonNullable<VehicleFacts['run']> = {
  id: 'R-20260520T093000Z-7d0c6a52',
  startedAt: '2026-05-20T09:30:00.000Z',
  openFindings: 1,
  seenSeconds: 11.2,
  blindSeconds: 0.8,
  lostSeconds: 0,
};

const sight: Sight = {
  sequence: 361,
  capturedAt: '2026-05-20T09:30:12.460Z',
  ageSeconds: 0.04,
  source: '/dev/video0',
  label: 'crack',
  blind: null,
  probabilities: { corrosion: 0.12, crack: 0.93, intact: 0.02 },
  quality: { mean: 96.4, saturatedShare: 0.01, sharpness: 3.8, localContrast: 9.1 },
};

const vehicle: VehicleFacts = {
  vehicle: 'rov-1',
  version: '0.1.0',
  pid: 812,
  boot: '7d0c6a52',
  startedAt: '2026-05-20T09:29:58.000Z',
  uptimeSeconds: 14.5,
  at: AT,
  clockQuality: 'synchronised',
  parts: [
    { part: 'camera', condition: 'ok', reason: null, since: '2026-05-20T09:30:00.000Z' },
    {
      part: 'link',
      condition: 'recovering',
      reason: 'no connection to mqtt://vessel:1883: no answer',
      since: '2026-05-20T09:30:09.000Z',
    },
  ],
  camera: {
    uri: 'v4l2:HD USB Camera',
    state: 'streaming',
    reason: null,
    mode: 'HD USB Camera at /dev/video0: 1280x720 YUYV at 30 a second',
    delivered: 361,
    drops: { superseded: 4 },
  },
  sight,
  light: { ...light, shows: 'crack', findings: ['F-7d0c6a52-0001'] },
  engine: { kind: 'onnx', provider: 'cpu' },
  model: {
    name: 'specta-32x2',
    version: '0.1.0',
    digest: '5f0a'.repeat(16),
    createdAt: '2026-05-02T08:00:00.000Z',
    slot: 'current',
    signature: 'shipped',
    passedOver: null,
    unsignedAllowed: false,
    trial: null,
    lastTrial: null,
  },
  run,
  runStartsBy: 'camera',
  record: {
    folder: '/var/lib/specta',
    waiting: { alert: 1, run: 1, image: 0 },
    bytes: 2_048,
    unheard: 0,
    oldestAgeSeconds: 3.2,
    dropped: {},
    newestFindingAt: '2026-05-20T09:30:11.000Z',
    limitBytes: 2_684_354_560,
  },
  link: { broker: 'mqtt://vessel:1883', state: 'waiting', protocol: null, reason: 'no answer' },
  disk: {
    folder: '/var/lib/specta',
    freeBytes: 41_300_000_000,
    fillsBytesPerHour: null,
    measuredSeconds: 0,
  },
  temperatureCelsius: 47.5,
  memoryBytes: 168_000_000,
};

const waiting: NonNullable<VehicleFacts['model']['trial']> = {
  name: 'specta-32x2',
  version: '0.2.0',
  digest: '9c31'.repeat(16),
  signature: 'trusted',
  phase: 'waiting',
  progress: 0,
  shown: 0,
  compared: 0,
  alike: 0,
  servingBlind: 0,
  trialBlind: 0,
  late: 0,
  errors: 0,
  skipped: 0,
};

const asFlashed: DataOf<'model/rollback'> = {
  serving: vehicle.model,
  current: 'shipped',
  previous: null,
};

function ok<Data>(data: Data, transaction: string | null = null): Answer<Data> {
  return { status: 'ok', data, error: null, transaction };
}

/** One request of each kind with its answer; all fit their schemas. */
export function requestExamples(): RequestExamples {
  const { alert } = messageExamples();
  return {
    'light/test': {
      request: { seconds: 5, transaction: 'deck-17' },
      answer: ok({ light }, 'deck-17'),
    },
    'light/acknowledge': {
      request: { expires: '2026-05-20T09:31:00.000Z' },
      answer: ok({ ended: true, light: { ...light, lit: false, shows: 'heartbeat' } }),
    },
    'run/start': { request: { transaction: 'bridge-3' }, answer: ok({ began: false, run }, 'bridge-3') },
    'run/stop': { request: {}, answer: ok({ ended: true, run: { ...run, openFindings: 0 } }) },
    'findings/list': {
      request: { since: '2026-05-20T00:00:00.000Z', limit: 1, transaction: 'console-2' },
      answer: ok({ findings: [{ ...alert, historical: true }], next: 17 }, 'console-2'),
    },
    'alerts/resend': {
      request: { run: alert.run },
      answer: ok({ queued: 12, waiting: 1, images: 4, moreImages: false }),
    },
    'finding/review': {
      request: { finding: alert.finding, review: 'rejected', by: 'A. Sari', note: 'A weld seam.' },
      answer: ok({
        alert: { ...alert, review: 'rejected', reviewed: { at: AT, by: 'A. Sari', note: 'A weld seam.' } },
      }),
    },
    'finding/acknowledge': {
      request: { finding: alert.finding, by: 'A. Sari' },
      answer: ok({ alert: { ...alert, acknowledged: { at: AT, by: 'A. Sari' } }, changed: true }),
    },
    classify: {
      request: { image: '/9j/4AAQSkZJRg==', transaction: 'console-3' },
      answer: ok(
        {
          label: 'crack',
          blind: null,
          probabilities: sight.probabilities,
          quality: sight.quality,
          thresholds: { corrosion: 0.6, crack: 0.7 },
          model: alert.model,
          milliseconds: 48.2,
        },
        'console-3',
      ),
    },
    snapshot: {
      request: {},
      answer: ok({ sight, contentType: 'image/jpeg', width: 1280, height: 720, image: '/9j/4AAQSkZJRg==' }),
    },
    'model/list': {
      request: {},
      answer: ok({
        ...asFlashed,
        bundles: [
          {
            name: 'specta-32x2',
            version: '0.2.0',
            digest: '9c31'.repeat(16),
            slots: ['trial'],
            signedBy: '1f0c5b2a99d4e6f7',
            bytes: 1_240_000,
            createdAt: '2026-05-19T16:00:00.000Z',
            fault: null,
          },
        ],
      }),
    },
    'model/activate': {
      request: { bundle: 'specta-32x2@0.2.0', transaction: 'deck-18' },
      answer: ok({ ...asFlashed, serving: { ...vehicle.model, trial: waiting } }, 'deck-18'),
    },
    'model/rollback': {
      request: { transaction: 'deck-19' },
      answer: ok(
        {
          ...asFlashed,
          serving: {
            ...vehicle.model,
            lastTrial: {
              name: 'specta-32x2',
              version: '0.2.0',
              digest: '9c31'.repeat(16),
              passed: false,
              reason: 'ended by hand',
              at: AT,
            },
          },
        },
        'deck-19',
      ),
    },
    status: {
      request: { transaction: 'console-1' },
      answer: ok(vehicle, 'console-1'),
    },
  };
}
