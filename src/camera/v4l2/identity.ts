import { REQUESTS, V4L2 } from './layouts.ts';
import { Structure } from './structure.ts';
import type { VideoNode } from './video-node.ts';

/** Who a video node says it is. */
export interface Identity {
  readonly path: string;
  /** The camera's name, as in `HD USB Camera: HD USB Camera`. */
  readonly card: string;
  readonly driver: string;
  /** Where it is plugged in, as in `usb-3610000.usb-2.1`. */
  readonly bus: string;
  /** What this node does: `capture` streams images, one plane each; `planes` in several; `other` gives none. */
  readonly role: 'capture' | 'planes' | 'other';
}

/** Asks a node who it is. Throws `SystemCallError` (`ENOTTY` from what is no V4L2 device). */
export function identify(node: VideoNode): Identity {
  const answer = node.ask(REQUESTS.queryCapability, new Structure('v4l2_capability'));
  const whole = answer.get('capabilities');
  // The whole device can do more than this node: a camera's second node often carries only metadata.
  const own = (whole & V4L2.V4L2_CAP_DEVICE_CAPS) === 0 ? whole : answer.get('device_caps');
  const streams = (own & V4L2.V4L2_CAP_STREAMING) !== 0;
  const captures = (own & V4L2.V4L2_CAP_VIDEO_CAPTURE) !== 0;
  const planes = (own & V4L2.V4L2_CAP_VIDEO_CAPTURE_MPLANE) !== 0;
  return {
    path: node.path,
    card: answer.text('card'),
    driver: answer.text('driver'),
    bus: answer.text('bus_info'),
    role: streams && captures ? 'capture' : streams && planes ? 'planes' : 'other',
  };
}
