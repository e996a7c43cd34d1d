import { systemCode } from '../../platform/errors.ts';
import { type Libc, OPEN } from '../../platform/libc.ts';
import type { LayoutName, Request } from './layouts.ts';
import type { Structure } from './structure.ts';

/** An open `/dev/videoN`. Whoever opened it closes it. */
export class VideoNode {
  readonly path: string;
  readonly descriptor: number;
  private readonly libc: Libc;
  private closed = false;

  /** Opens without blocking; does not take the camera. Throws `SystemCallError`. */
  constructor(libc: Libc, path: string) {
    this.libc = libc;
    this.path = path;
    this.descriptor = libc.open(path, OPEN.readWrite | OPEN.nonBlocking | OPEN.closeOnExec);
  }

  /** One ioctl; the structure is read and written in place. Throws `SystemCallError`. */
  ask<Name extends LayoutName>(request: Request<Name>, argument: Structure<Name>): Structure<Name> {
    this.libc.ioctl(this.descriptor, request.number, argument.bytes, request.name);
    return argument;
  }

  /**
   * Like {@link ask}, but null when the driver answers with one of `endings`: how a list ends (EINVAL), or how a
   * driver says that it does not know the request at all (ENOTTY).
   */
  askOrNull<Name extends LayoutName>(
    request: Request<Name>,
    argument: Structure<Name>,
    endings: readonly string[],
  ): Structure<Name> | null {
    try {
      return this.ask(request, argument);
    } catch (error) {
      if (endings.includes(systemCode(error) ?? '')) return null;
      throw error;
    }
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.libc.close(this.descriptor);
  }
}
