import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseCameraUri, withoutSecrets } from '../../src/camera/camera-uri.ts';
import { readHeard } from '../../src/console/heard.ts';
import { parseConfig } from '../../src/daemon/load-config.ts';
import { ManualClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { REQUEST_NAMES } from '../../src/surface/messages/request.ts';
import { requestExamples } from '../../src/surface/messages/request-examples.ts';
import { createRequests, type RequestHandlers } from '../../src/surface/requests.ts';
import { topicsOf } from '../../src/surface/topics.ts';
import { bytesOf, type FuzzedParser, must, textOf } from './fuzzed-parser.ts';

const ROOT = resolve(import.meta.dirname, '../..');

const config: FuzzedParser = {
  name: 'configuration (YAML)',
  refusals: /^CONFIG_INVALID$/,
  async open() {
    const example = readFileSync(join(ROOT, 'device/specta.example.yaml'), 'utf8');
    const plain =
      'vehicle: rov-1\ncamera:\n  uri: replay:frames\n  rate: 30\nsurface: {broker: "mqtt://h:1"}\n';
    return {
      samples: [bytesOf(plain), bytesOf(plain), bytesOf(example)],
      read: (bytes) => {
        const read = parseConfig(textOf(bytes), {});
        must(read.camera.uri.length > 0, 'a configuration without a camera');
      },
    };
  },
};

const cameraUri: FuzzedParser = {
  name: "camera's URI and command line",
  refusals: /^CAMERA_URI_INVALID$/,
  async open() {
    const samples = [
      'replay:frames',
      'file:///clip.mp4',
      'rtsp://user:secret@host:554/path?x=1',
      `command:gst-launch-1.0 -q 'a b' "c \\" d" ! e\\ f`,
      'v4l2:/dev/video0',
    ];
    return {
      samples: samples.map(bytesOf),
      read: (bytes) => {
        const text = textOf(bytes);
        withoutSecrets(text);
        const { kind } = parseCameraUri(text);
        must(kind !== undefined, 'a camera of no kind');
      },
    };
  },
};

/** Each request's own sample names it before the first line end, so that a change can also change the name. */
const requests: FuzzedParser = {
  name: 'requests',
  refusals: /^none: a refusal is an answer$/,
  async open() {
    const examples = requestExamples();
    const handlers = Object.fromEntries(
      REQUEST_NAMES.map((name) => [name, () => examples[name].answer.data]),
    ) as unknown as RequestHandlers;
    const desk = createRequests({
      disabled: [],
      clock: new ManualClock(),
      clockQuality: () => 'unsynchronised',
      log: silentLog(),
      handlers,
    });
    return {
      samples: REQUEST_NAMES.map((name) => bytesOf(`${name}\n${JSON.stringify(examples[name].request)}`)),
      async read(bytes) {
        const end = bytes.indexOf(0x0a);
        const name = textOf(bytes.subarray(0, Math.max(0, end)));
        const answer = JSON.parse(textOf(await desk.answer(name, bytes.subarray(end + 1)))) as {
          readonly status: string;
          readonly error: { readonly code: string } | null;
        };
        must(answer.status === 'ok' || answer.status === 'error', 'an answer of no status');
        must(
          answer.error === null || /^REQUEST_/.test(answer.error.code),
          `refused with ${answer.error?.code}`,
        );
      },
    };
  },
};

/** As above: topic, line end, payload. */
const heard: FuzzedParser = {
  name: "surface's messages, as the console reads them",
  refusals: /^none: what is not readable is told as such$/,
  async open() {
    const topics = topicsOf('rov-1');
    const folder = join(ROOT, 'docs/messages/examples');
    const samples = readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .map((name) => {
        const part = name.replace('.json', '').replace('alert-image', 'alerts/F-1/image');
        const place = { detection: 'detections', alert: 'alerts', status: 'status/camera' }[part] ?? part;
        return bytesOf(`${topics.base}/${place}\n${readFileSync(join(folder, name), 'utf8')}`);
      });
    return {
      samples,
      read: (bytes) => {
        const end = bytes.indexOf(0x0a);
        const message = readHeard(textOf(bytes.subarray(0, Math.max(0, end))), bytes.subarray(end + 1));
        must(message.kind !== undefined, 'a message of no kind');
      },
    };
  },
};

export const messageParsers: readonly FuzzedParser[] = [config, cameraUri, requests, heard];
