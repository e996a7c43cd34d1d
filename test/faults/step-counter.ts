/** Where {@link StepCounter} keeps its figures. */
const ARMED = 0;
const COUNT = 1;
const FATAL = 2;

/**
 * Counts the steps of an alert's life over all threads of a process, and kills the process (SIGKILL) at the one that was
 * chosen, as a crash there would.
 */
export class StepCounter {
  readonly shared: SharedArrayBuffer;
  private readonly cells: Int32Array;

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(12)) {
    this.shared = shared;
    this.cells = new Int32Array(shared);
  }

  /** From now on steps count. @param fatal the number of the step that kills, from 1; 0: none does */
  arm(fatal: number): void {
    Atomics.store(this.cells, COUNT, 0);
    Atomics.store(this.cells, FATAL, fatal);
    Atomics.store(this.cells, ARMED, 1);
  }

  /** Ends the counting; gives how many there were. */
  disarm(): number {
    Atomics.store(this.cells, ARMED, 0);
    return Atomics.load(this.cells, COUNT);
  }

  /** One step; it may be the last thing that this process does. */
  step(): void {
    if (Atomics.load(this.cells, ARMED) === 0) return;
    const number = Atomics.add(this.cells, COUNT, 1) + 1;
    if (number === Atomics.load(this.cells, FATAL)) process.kill(process.pid, 'SIGKILL');
  }
}
