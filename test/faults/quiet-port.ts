import { createServer } from 'node:net';

/**
 * A free port that the kernel gives to no outgoing connection: of thousands of attempts to connect to a closed port in
 * that range, one meets itself and takes the broker's place.
 */
export async function quietPort(): Promise<number> {
  for (let port = 21_000 + (process.pid % 8_000); ; port += 1) {
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}
