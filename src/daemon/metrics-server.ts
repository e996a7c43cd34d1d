import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SpectaError, systemCode } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import type { HealthMessage } from '../surface/messages/health.ts';
import { metricsText } from './metrics-text.ts';

/** The daemon's figures for a Prometheus on the same machine: `GET /metrics` on 127.0.0.1, nowhere else. */
export class MetricsServer {
  private readonly server: Server;
  private latest: HealthMessage | null = null;

  private constructor() {
    this.server = createServer({ requestTimeout: 5_000 }, (request, response) => {
      const path = request.url?.split('?')[0];
      if (path !== '/metrics') {
        response.writeHead(404).end('see /metrics\n');
      } else if (request.method !== 'GET') {
        response.writeHead(405, { allow: 'GET' }).end();
      } else if (this.latest === null) {
        response.writeHead(503).end('no figures yet\n');
      } else {
        response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
        response.end(metricsText(this.latest));
      }
    });
    this.server.maxConnections = 8;
  }

  /**
   * @param port 0: one that is free
   * Rejects with `CONFIG_INVALID` when the port cannot be taken.
   */
  static async listen(port: number, log: Logger): Promise<MetricsServer> {
    const metrics = new MetricsServer();
    await new Promise<void>((resolve, reject) => {
      metrics.server.once('error', (error) =>
        reject(
          new SpectaError(
            'CONFIG_INVALID',
            `The port ${port} for metrics cannot be taken: ${systemCode(error) ?? error.message}.`,
            'Give another one as metrics.port, or null for none.',
            error,
          ),
        ),
      );
      metrics.server.listen(port, '127.0.0.1', resolve);
    });
    // A process without descriptors takes no connection; whoever asks for figures comes again.
    metrics.server.on('error', (error) => log.warn({ port }, `the metrics: ${error.message}`));
    return metrics;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  show(health: HealthMessage): void {
    this.latest = health;
  }

  /** Idempotent. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }
}
