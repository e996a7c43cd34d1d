import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';

/** An RTSP camera for tests. */
export interface RtspServer {
  readonly uri: string;
  /** Drops whoever watches, as a pulled cable would. */
  cut(): void;
  close(): Promise<void>;
}

const SDP = 'v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=t\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=control:video\r\n';

/**
 * The least of RFC 2326 that a client needs: DESCRIBE, SETUP and PLAY with interleaved RTP over TCP. The pictures are
 * ffmpeg's test card as RTP/JPEG (payload type 26 needs no description), taken from UDP and passed on.
 */
export async function serveRtsp(): Promise<RtspServer> {
  const playing = new Set<Socket>();
  const clients = new Set<Socket>();
  const rtp = createSocket('udp4');
  rtp.bind(0, '127.0.0.1');
  await once(rtp, 'listening');
  rtp.on('message', (packet) => {
    const head = Buffer.from([0x24, 0, packet.length >> 8, packet.length & 0xff]);
    for (const client of playing) client.write(Buffer.concat([head, packet]));
  });
  const card = testCard(rtp.address().port);
  const server = createServer((client) => {
    clients.add(client);
    client.on('error', () => client.destroy());
    client.on('close', () => {
      clients.delete(client);
      playing.delete(client);
    });
    let text = '';
    client.on('data', (chunk) => {
      text += chunk.toString('latin1');
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        answer(client, text.slice(0, end), playing);
        text = text.slice(end + 4);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    uri: `rtsp://127.0.0.1:${address.port}/card`,
    cut: () => {
      for (const client of clients) client.destroy();
    },
    async close() {
      for (const client of clients) client.destroy();
      card.kill('SIGKILL');
      await once(card, 'close');
      rtp.close();
      server.close();
      await once(server, 'close');
    },
  };
}

function testCard(port: number): ChildProcess {
  const input = ['-re', '-f', 'lavfi', '-i', 'testsrc=size=160x120:rate=10'];
  const output = ['-c:v', 'mjpeg', '-huffman', 'default', '-pix_fmt', 'yuvj420p', '-f', 'rtp'];
  const args = ['-nostdin', '-loglevel', 'quiet', ...input, ...output, `rtp://127.0.0.1:${port}`];
  return spawn('ffmpeg', args, { stdio: 'ignore' });
}

function answer(client: Socket, request: string, playing: Set<Socket>): void {
  const method = request.split(' ', 1)[0];
  const number = /CSeq: *(\d+)/i.exec(request)?.[1] ?? '0';
  const extra: Record<string, string> = {
    OPTIONS: 'Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n\r\n',
    DESCRIBE: `Content-Type: application/sdp\r\nContent-Length: ${SDP.length}\r\n\r\n${SDP}`,
    SETUP: 'Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n\r\n',
    PLAY: 'Session: 1\r\n\r\n',
  };
  client.write(`RTSP/1.0 200 OK\r\nCSeq: ${number}\r\n${extra[method] ?? '\r\n'}`);
  if (method === 'PLAY') playing.add(client);
}
