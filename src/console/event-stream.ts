import type { ServerResponse } from 'node:http';
import type { Clock } from '../platform/clock.ts';
import { Counters } from '../platform/counters.ts';
import type { Desk, DeskEvent } from './desk.ts';

/** What of the console the page shows, beside its vehicles. */
export interface ConsoleFacts {
  readonly version: string;
  readonly brokerUrl: string;
  /** The model that answers on the console's own machine; null: only the vehicles answer. */
  readonly localModel: string | null;
}

/** Changes are told together, this often. */
const EVERY_MS = 250;
/** Silence of a vehicle is seen by nothing coming: looked for this often. */
const LOOK_MS = 2_000;
/** A browser that takes no more is let go; it comes again and begins anew. */
const MOST_WAITING_BYTES = 4_000_000;
const MOST_PAGES = 64;

/** Tells every open page what changes (server-sent events). */
export class EventStream {
  readonly dropped = new Counters<'slow' | 'many'>();
  private readonly desk: Desk;
  private readonly clock: Clock;
  private readonly facts: ConsoleFacts;
  private readonly pages = new Set<ServerResponse>();
  private readonly changed = new Set<string>();
  private readonly sights = new Map<string, string>();
  private readonly off: () => void;
  private cancel: (() => void) | null = null;
  private cancelLook: () => void;
  private linkChanged = false;

  constructor(desk: Desk, clock: Clock, facts: ConsoleFacts) {
    this.desk = desk;
    this.clock = clock;
    this.facts = facts;
    this.off = desk.events.on((event) => this.hear(event));
    this.cancelLook = clock.after(LOOK_MS, () => this.look());
  }

  /** Everything the page knows at its beginning. */
  overview() {
    const { version, localModel } = this.facts;
    return {
      nowUtcMs: this.clock.now().utcMs,
      version,
      localModel,
      broker: this.broker,
      vehicles: this.desk.vehicles.map((name) => this.desk.vehicle(name)),
    };
  }

  private get broker() {
    const { link, unreadable, history } = this.desk;
    return {
      ...{ url: this.facts.brokerUrl, state: link.state, takenAgain: link.takenAgain },
      // What was left out, by reason: the page says so.
      ...{ unreadable: unreadable.snapshot(), imagesDropped: history.imagesDropped },
    };
  }

  /** A page listens from now on until it goes away. */
  add(response: ServerResponse): void {
    if (this.pages.size >= MOST_PAGES) {
      this.dropped.add('many');
      response.writeHead(503).end();
      return;
    }
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
    });
    response.on('close', () => this.pages.delete(response));
    this.pages.add(response);
    response.write('retry: 1000\n\n');
    this.tell(response, 'overview', this.overview());
  }

  stop(): void {
    this.off();
    this.cancel?.();
    this.cancelLook();
    for (const page of this.pages) page.end();
    this.pages.clear();
  }

  private hear(event: DeskEvent): void {
    switch (event.kind) {
      case 'vehicle':
        this.changed.add(event.vehicle);
        break;
      case 'link':
        this.linkChanged = true;
        for (const name of this.desk.vehicles) this.changed.add(name);
        break;
      case 'image':
        this.tellAll('image', { vehicle: event.vehicle, finding: event.finding });
        return;
      case 'finding': {
        const { alert, isNew, alarm } = event;
        this.tellAll('finding', {
          ...{ vehicle: alert.vehicle, finding: alert.finding, class: alert.class },
          ...{ severity: alert.severity, isNew, alarm },
        });
        this.changed.add(alert.vehicle);
        break;
      }
    }
    this.cancel ??= this.clock.after(EVERY_MS, () => this.flush());
  }

  private flush(): void {
    this.cancel = null;
    const { utcMs: nowUtcMs } = this.clock.now();
    if (this.linkChanged) this.tellAll('link', { nowUtcMs, broker: this.broker });
    this.linkChanged = false;
    for (const name of this.changed) {
      const vehicle = this.desk.vehicle(name);
      if (vehicle === null) continue;
      this.sights.set(name, JSON.stringify(vehicle.sight));
      this.tellAll('vehicle', { nowUtcMs, vehicle });
    }
    this.changed.clear();
  }

  private look(): void {
    this.cancelLook = this.clock.after(LOOK_MS, () => this.look());
    if (this.pages.size === 0) return;
    for (const name of this.desk.vehicles) {
      const vehicle = this.desk.vehicle(name);
      if (vehicle === null || this.sights.get(name) === JSON.stringify(vehicle.sight)) continue;
      this.hear({ kind: 'vehicle', vehicle: name });
    }
    // Also what shows a page that the console itself still lives.
    this.tellAll('link', { nowUtcMs: this.clock.now().utcMs, broker: this.broker });
  }

  private tellAll(name: string, data: unknown): void {
    for (const page of [...this.pages]) this.tell(page, name, data);
  }

  private tell(page: ServerResponse, name: string, data: unknown): void {
    if (page.writableLength > MOST_WAITING_BYTES) {
      this.dropped.add('slow');
      this.pages.delete(page);
      page.destroy();
      return;
    }
    page.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  }
}
