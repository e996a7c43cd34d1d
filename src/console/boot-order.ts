import type { HistoryDatabase } from './history-database.ts';

/** The order of each vehicle's boots: their names say nothing of it, and they are not heard of in it. */
export class BootOrder {
  private readonly db: HistoryDatabase;

  constructor(db: HistoryDatabase) {
    this.db = db;
  }

  /** A vehicle is in this boot now: it is later than all others of its boots. */
  present(vehicle: string, boot: string): void {
    this.db.together(() => {
      const sql = 'SELECT boot FROM boots WHERE vehicle = ? ORDER BY number DESC LIMIT 1';
      if (this.db.row(sql, vehicle)?.boot === boot) return;
      this.db.run('DELETE FROM boots WHERE vehicle = ? AND boot = ?', vehicle, boot);
      this.db.run('INSERT INTO boots (vehicle, boot) VALUES (?, ?)', vehicle, boot);
    });
  }

  /** A boot that is heard of for the first time is later than those known, unless what tells of it is told late. */
  heard(vehicle: string, boot: string, late: boolean): void {
    if (this.numberOf(vehicle, boot) !== null) return;
    const isBehind = late && this.db.row('SELECT 1 FROM boots WHERE vehicle = ?', vehicle) !== undefined;
    const sql = isBehind
      ? 'INSERT INTO boots (number, vehicle, boot) VALUES ((SELECT min(number) - 1 FROM boots), ?, ?)'
      : 'INSERT INTO boots (vehicle, boot) VALUES (?, ?)';
    this.db.run(sql, vehicle, boot);
  }

  /** Whether one boot of a vehicle is later than another. */
  isLater(vehicle: string, boot: string, than: string): boolean {
    return (this.numberOf(vehicle, boot) ?? 0) > (this.numberOf(vehicle, than) ?? 0);
  }

  private numberOf(vehicle: string, boot: string): number | null {
    const found = this.db.row('SELECT number FROM boots WHERE vehicle = ? AND boot = ?', vehicle, boot);
    return found === undefined ? null : Number(found.number);
  }
}
