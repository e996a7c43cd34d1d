/**
 * Options of every Node that SPECTA starts: WebAssembly is compiled in the background from its first call on, and never while
 * it runs, and its code is kept. By default V8 looks through the stack in the middle of WebAssembly whose code it compiles
 * anew, and now and then finds code that is no longer in its books: then it ends the process (`Check failed: it->second.Size()
 * > offset` under `Runtime_WasmTriggerTierUp`; nodejs/node issue 64500, docs/hardware.md). Node itself uses WebAssembly, to
 * take the types out of TypeScript. V8 takes no such option from NODE_OPTIONS, so systemd/specta.service, a release's
 * bin/specta and scripts/specta.mjs name them as well.
 */
export const NODE_OPTIONS: readonly string[] = ['--no-wasm-dynamic-tiering', '--no-wasm-code-gc'];
