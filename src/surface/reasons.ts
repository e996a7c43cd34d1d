/** The broker took the message, but nobody is subscribed to it. */
export const NO_SUBSCRIBERS = 16;

const TEXTS: Readonly<Record<number, string>> = {
  0: 'normal',
  1: 'unacceptable protocol version',
  2: 'client identifier rejected',
  3: 'server unavailable',
  4: 'bad user name or password',
  5: 'not authorised',
  16: 'no subscribers',
  128: 'unspecified error',
  129: 'malformed packet',
  130: 'protocol error',
  131: 'implementation specific error',
  132: 'unsupported protocol version',
  133: 'client identifier not valid',
  134: 'bad user name or password',
  135: 'not authorised',
  136: 'server unavailable',
  137: 'server busy',
  138: 'banned',
  139: 'server shutting down',
  141: 'keep-alive time-out',
  142: 'another client took over this client identifier',
  144: 'topic name invalid',
  147: 'receive maximum exceeded',
  149: 'packet too large',
  150: 'message rate too high',
  151: 'quota exceeded',
  152: 'administrative action',
  153: 'payload format invalid',
  154: 'retained messages not supported',
  155: 'quality of service not supported',
  159: 'connection rate exceeded',
};

/** An MQTT reason code for people: `not authorised (0x87)`. */
export function reasonText(code: number): string {
  return `${TEXTS[code] ?? 'unknown reason'} (0x${code.toString(16).padStart(2, '0')})`;
}
