#!/bin/bash
# machine-life.sh CONFIG: one life of a vehicle in the rig, with its state on a disk of its own (/dev/vda) and SPECTA's
# release on another (/dev/vdb). Lays open in /share/left what the life before left there, then keeps the daemon running as
# systemd would, until the machine is killed or /share/stop is there. /share/flash, once there, is laid into the daemon's
# inbox, as from a stick that the next life does not find; once /share/gc is there, bundles in no slot are removed. What it
# says itself begins with @.
set -u
say() { echo "@$*"; }
# As in the unit: without it each start takes twice as long.
export NODE_COMPILE_CACHE=/disk/compile-cache
# They are no settings of the daemon's.
unset "${!SPECTA_@}"
state=/disk/state

mkdir -p /disk /app
mount -t ext4 -o ro,noload /dev/vdb /app || exit 1
say opening
mount -t ext4 /dev/vda /disk || exit 1

lay_open() {
  rm -rf /share/left
  mkdir -p /share/left/record
  dmesg | grep 'EXT4-fs' >/share/left/kernel
  if [ -d $state/record ]; then
    cp $state/record/black-box.db* /share/left/record/ 2>/dev/null
    (cd $state/record && find stills -type f -exec sha256sum {} +) >/share/left/stills 2>/dev/null
    (cd $state/record && ls -A) >/share/left/names
  fi
  [ ! -d $state/models ] || cp -r $state/models /share/left/
}
lay_open
say opened

mkdir -p $state
mkdir /tmp/inbox
cp -r /share/film /tmp/film
specta() { /app/bin/node --no-wasm-dynamic-tiering --no-wasm-code-gc /app/src/main.ts "$@" --config "/share/$config"; }
config=$1
keep() {
  while [ ! -e /share/stop ]; do
    /app/bin/node --no-wasm-dynamic-tiering --no-wasm-code-gc /app/src/main.ts run --config "/share/$config" &
    echo $! >/run/daemon.pid
    wait $!
    say daemon ended $?
    sleep 1
  done
}
keep &
keeper=$!
while [ ! -e /share/stop ]; do
  if [ -e /share/flash ]; then
    mv /share/flash /tmp/inbox/next.spectamodel
    say flashing
  fi
  if [ -e /share/gc ]; then
    rm /share/gc
    say collecting
    specta model gc
    say collected $?
  fi
  sleep 0.3
done
kill -TERM "$(cat /run/daemon.pid)"
wait $keeper
lay_open
umount /disk
say closed
