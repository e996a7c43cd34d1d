/**
 * Options of every Node that SPECTA starts. Without V8's baseline compiler (Sparkplug): with it V8's book of code pages loses
 * count now and then and ends the process while it starts (nodejs/node issue 64500; docs/hardware.md has the counts). V8
 * takes no such option from NODE_OPTIONS, so systemd/specta.service, a release's bin/specta and scripts/specta.mjs name it
 * as well.
 */
export const NODE_OPTIONS: readonly string[] = ['--no-sparkplug'];
