import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach } from 'vitest';
import type { CameraOptions, CameraState, FrameSource } from '../../src/camera/frame-source.ts';
import { openCamera } from '../../src/camera/open-camera.ts';
import {
  applyControls,
  type ControlValue,
  listControls,
  planControls,
} from '../../src/camera/v4l2/controls.ts';
import { VideoNode } from '../../src/camera/v4l2/video-node.ts';
import { type Clock, systemClock } from '../../src/platform/clock.ts';
import { type Libc, loadLibc } from '../../src/platform/libc.ts';
import { createLog } from '../../src/platform/log.ts';
import { cameraOptions } from '../camera/camera-fixture.ts';

/** The kernel's virtual camera. */
export const NODE = '/dev/video0';

/** True in the long form of the rig: `npm run test:rig -- --full`. */
export const isFull = process.env.SPECTA_RIG_FULL === '1';

/** A camera over V4L2 with what it logs. */
export function openV4l2(
  uri: string,
  changes: Partial<CameraOptions> = {},
  clock: Clock = systemClock,
): { source: FrameSource; said: string[] } {
  const said: string[] = [];
  const log = createLog('info', { write: (line) => said.push(String(JSON.parse(line).msg)) });
  return { source: openCamera(cameraOptions(uri, changes), { clock, log }), said };
}

/** What is asked for where the test does not care: small, for everything is emulated. */
export const small = { width: 320, height: 180, rate: 30 } as const;

/** A clock on which the pauses before a new try are short. */
export const hastyClock: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 5), signal),
};

/**
 * Sets controls of the virtual camera at each call, through a descriptor of its own, as another program would: its
 * faults are controls.
 */
export function controlSetter(
  libc: Libc,
  values: Readonly<Record<string, ControlValue>>,
  path = NODE,
): () => void {
  const withNode = <T>(use: (node: VideoNode) => T): T => {
    const node = new VideoNode(libc, path);
    try {
      return use(node);
    } finally {
      node.close();
    }
  };
  const planned = withNode((node) => planControls(listControls(node), values));
  return () => withNode((node) => applyControls(node, planned));
}

/** Sets controls once. */
export function setControls(libc: Libc, values: Readonly<Record<string, ControlValue>>): void {
  controlSetter(libc, values)();
}

const DRIVER = '/sys/bus/platform/drivers/vivid';

/** Pulls the plug: the node goes. */
export function unplug(): void {
  writeFileSync(`${DRIVER}/unbind`, 'vivid.0');
}

export function isPlugged(): boolean {
  return existsSync(`${DRIVER}/vivid.0`);
}

/** Plugs it in again, as a new device with everything at its default. */
export function plug(): void {
  writeFileSync(`${DRIVER}/bind`, 'vivid.0');
}

/** What a camera could leave behind in this process: descriptors and mappings of video nodes. */
export function held(): { nodes: number; mappings: number; descriptors: number } {
  const maps = readFileSync('/proc/self/maps', 'utf8');
  const descriptors = readdirSync('/proc/self/fd');
  return {
    mappings: maps.split('\n').filter((line) => line.includes('/dev/video')).length,
    nodes: descriptors.filter((name) => linkOf(name).startsWith('/dev/video')).length,
    descriptors: descriptors.length,
  };
}

function linkOf(descriptor: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    // It closed between the listing and the look.
    return '';
  }
}

/** A machine with the virtual camera, whole before and after each test. Call once in a file of tests. */
export function cameraBench(): {
  readonly libc: Libc;
  /** Like {@link openV4l2}; stopped at the end of the test. */
  open(...given: Parameters<typeof openV4l2>): ReturnType<typeof openV4l2>;
} {
  const opened: FrameSource[] = [];
  beforeEach(() => {
    if (!isPlugged()) plug();
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((source) => source.stop()));
    // Faults are the driver's state: a new device has none.
    if (isPlugged()) unplug();
    plug();
  });
  return {
    libc: loadLibc(),
    open(...given) {
      const camera = openV4l2(...given);
      opened.push(camera.source);
      return camera;
    },
  };
}

/** The reasons of all losses so far. */
export function reasons(states: readonly CameraState[]): string[] {
  return states.flatMap((state) => (state.kind === 'recovering' ? [state.reason] : []));
}

export const streams = (source: FrameSource) => (): boolean => source.state.kind === 'streaming';
export const recovers = (source: FrameSource) => (): boolean => source.state.kind === 'recovering';
