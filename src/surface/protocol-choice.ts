import type { Clock } from '../platform/clock.ts';
import type { Protocol } from './connection.ts';

/**
 * Which protocol the next attempt speaks. Under `auto` it is MQTT 5 until a broker refuses it and takes 3.1.1
 * instead; that is remembered for this broker, and 5 is tried again at the first attempt after a while.
 */
export class ProtocolChoice {
  private readonly wanted: 'auto' | Protocol;
  private readonly clock: Clock;
  private readonly retryFiveMs: number;
  private tryingFour = false;
  private fourUntil = 0;
  private hungUpOnce = false;

  constructor(wanted: 'auto' | Protocol, clock: Clock, retryFiveMs: number) {
    this.wanted = wanted;
    this.clock = clock;
    this.retryFiveMs = retryFiveMs;
  }

  next(): Protocol {
    if (this.wanted !== 'auto') return this.wanted;
    return this.tryingFour || this.clock.now().monoMs < this.fourUntil ? 4 : 5;
  }

  /** The broker would not speak `protocol`. True when another one is worth trying at once. */
  refused(protocol: Protocol): boolean {
    this.tryingFour = this.wanted === 'auto' && protocol === 5;
    this.hungUpOnce = false;
    // A broker that has learnt MQTT 5 may have forgotten 3.1.1: then the memory is wrong.
    if (protocol === 4) this.fourUntil = 0;
    return this.tryingFour;
  }

  /**
   * The broker hung up on hearing `protocol`, as one that does not know it may; so does one that dies. Only the second time
   * in a row it counts as refused. True when another attempt is worth making at once.
   */
  hungUp(protocol: Protocol): boolean {
    if (this.wanted !== 'auto' || protocol !== 5 || this.hungUpOnce) return this.refused(protocol);
    this.hungUpOnce = true;
    return true;
  }

  /** Nobody was there: what hung up on MQTT 5 before may have been a broker that died, not one that does not know it. */
  unanswered(): void {
    this.tryingFour = false;
    this.hungUpOnce = false;
  }

  /** The broker speaks `protocol`. */
  accepted(protocol: Protocol): void {
    if (this.tryingFour && protocol === 4) this.fourUntil = this.clock.now().monoMs + this.retryFiveMs;
    this.tryingFour = false;
    this.hungUpOnce = false;
  }
}
