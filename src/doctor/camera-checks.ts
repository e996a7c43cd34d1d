import { parseCameraUri } from '../camera/camera-uri.ts';
import type { FrameSource } from '../camera/frame-source.ts';
import { openCamera } from '../camera/open-camera.ts';
import { rankModes } from '../camera/v4l2/choose-mode.ts';
import { listVideoNodes } from '../camera/v4l2/find-camera.ts';
import type { Identity } from '../camera/v4l2/identity.ts';
import { modeInWords, type Wish } from '../camera/v4l2/mode.ts';
import { type Offer, readOffer } from '../camera/v4l2/offered.ts';
import { lossInWords, planesCamera, unreadableCamera } from '../camera/v4l2/reasons.ts';
import { VideoNode } from '../camera/v4l2/video-node.ts';
import type { Config } from '../daemon/config.ts';
import { cameraOptions } from '../daemon/part-options.ts';
import { systemClock } from '../platform/clock.ts';
import { SpectaError } from '../platform/errors.ts';
import { type Libc, loadLibc } from '../platform/libc.ts';
import { silentLog } from '../platform/log.ts';
import type { DaemonSight } from './daemon-sight.ts';
import { bad, type Check, type CheckResult, good, warning } from './examination.ts';

const FRAME_WITHIN_MS = 10_000;
const USUAL: Wish = { width: 640, height: 480, rate: 30 };

/** Every camera that the kernel has, with its formats. They are asked, not taken: a running daemon goes on. */
export function camerasCheck(config: Config | null): Check {
  return {
    name: 'cameras',
    async look() {
      const libc = loadLibc();
      const nodes = listVideoNodes(libc).filter(({ role }) => role !== 'other');
      const wish = {
        width: config?.camera.width ?? USUAL.width,
        height: config?.camera.height ?? USUAL.height,
        rate: config?.camera.rate ?? USUAL.rate,
      };
      if (nodes.length === 0) return [noCamera(config)];
      return nodes.map((node) => describeCamera(libc, node, wish));
    },
  };
}

function noCamera(config: Config | null): CheckResult {
  const isWanted = config !== null && parseCameraUri(config.camera.uri).kind === 'v4l2';
  return isWanted
    ? bad(
        'cameras',
        'the kernel has no camera',
        'Check its cable and power; dmesg says what the kernel saw of it.',
      )
    : good('cameras', 'the kernel has no camera, and none is configured to be a v4l2: one');
}

function describeCamera(libc: Libc, camera: Identity, wish: Wish): CheckResult {
  const { path, card, bus, role } = camera;
  const name = `${path} (${card}, ${bus})`;
  try {
    if (role === 'planes') throw planesCamera(camera);
    const offer = offerOf(libc, path, wish);
    const formats = offer.formats.map(({ fourcc }) => fourcc).join(', ');
    if (offer.formats.length === 0)
      return warning('cameras', `${name} offers no format now`, 'Plug it in anew, or look at dmesg.');
    if (offer.modes.length === 0) throw unreadableCamera(camera, offer.formats);
    const [best] = rankModes(offer.modes, wish);
    const chosen = best === undefined ? 'none fits' : modeInWords(best);
    return good('cameras', `${name}: ${formats}; v4l2:${card} would be ${chosen}`);
  } catch (error) {
    if (error instanceof SpectaError) return warning('cameras', `${name}: ${error.message}`, error.help);
    return warning(
      'cameras',
      `${name}: ${lossInWords(error)}`,
      'Look at dmesg for what the kernel says of it.',
    );
  }
}

function offerOf(libc: Libc, path: string, wish: Wish): Offer {
  const node = new VideoNode(libc, path);
  try {
    return readOffer(node, wish);
  } finally {
    node.close();
  }
}

/** The configured camera gives frames: by the word of the daemon that has it, else by taking it for one frame. */
export function cameraCheck(config: Config, daemon: DaemonSight): Check {
  return {
    name: 'camera',
    async look(signal) {
      if (daemon.kind === 'answers') return [cameraOfDaemon(daemon)];
      if (daemon.kind === 'silent') {
        const todo = 'Mend what is said of the daemon above, then look again.';
        return [warning('camera', 'not opened: a daemon that does not answer may have it', todo)];
      }
      return [await firstFrame(config, signal)];
    },
  };
}

function cameraOfDaemon({ facts }: Extract<DaemonSight, { kind: 'answers' }>): CheckResult {
  const { uri, state, reason, mode, delivered, drops } = facts.camera;
  const dropped = Object.entries(drops).map(([name, count]) => `${count} ${name}`);
  const how = mode === null ? '' : ` (${mode})`;
  const counts = `${delivered} frames${dropped.length === 0 ? '' : `, dropped ${dropped.join(', ')}`}`;
  const found = `${uri}${how} is ${state} in the daemon: ${reason ?? counts}`;
  if (state === 'streaming') return good('camera', found);
  const isOver = state === 'stopped' || state === 'idle';
  return bad(
    'camera',
    found,
    isOver
      ? 'The daemon has no camera: look at its log, and restart it.'
      : 'Check cable, power and camera.uri; the daemon goes on trying by itself.',
  );
}

/** What the camera itself says of why it gives nothing. */
function excuse({ state }: FrameSource): string {
  return state.kind === 'recovering' ? ` (${state.reason})` : '';
}

async function firstFrame(config: Config, signal: AbortSignal): Promise<CheckResult> {
  await using camera = openCamera(
    { ...cameraOptions(config), loop: false },
    { clock: systemClock, log: silentLog() },
  );
  await camera.start();
  const patience = AbortSignal.timeout(FRAME_WITHIN_MS);
  try {
    const frame = await camera.next(AbortSignal.any([signal, patience]));
    if (frame === null)
      return bad('camera', `${camera.uri} ended without a frame`, 'Check the recording or the command.');
    const size = frame.width > 0 ? `, ${frame.width}x${frame.height}` : '';
    const mode = camera.mode === null ? '' : ` (${camera.mode})`;
    return good('camera', `${camera.uri}${mode}: ${frame.format}${size}, ${frame.data.byteLength} bytes`);
  } catch (error) {
    if (!patience.aborted) throw error;
    return bad(
      'camera',
      `${camera.uri}: no frame within ${FRAME_WITHIN_MS / 1000} s${excuse(camera)}`,
      'Check cable, power and URI; the daemon goes on trying by itself.',
    );
  }
}
