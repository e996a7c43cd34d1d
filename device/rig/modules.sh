#!/bin/bash
# modules.sh: what SPECTA and its tests need of npm, for the arm64 guest: installs the lock file's packages with the
# binaries of linux-arm64 into the cache and prints the folder. It holds node_modules, production/node_modules without
# what only development needs, and npm itself. Does nothing when they are there already.
#   SPECTA_RIG_CACHE=FOLDER   default ~/.cache/specta-rig
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
cache=${SPECTA_RIG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/specta-rig}
project=$(readlink -f "$here/../..")
folder=$cache/modules-arm64
stamp=$(cat "$project/package-lock.json" "$here/modules.sh" | sha256sum | cut -c1-16)
is_there() { [ "$(cat "$folder/stamp" 2>/dev/null || true)" = "$stamp" ]; }
if is_there; then echo "$folder"; exit 0; fi

mkdir -p "$cache"
exec 9>"$folder.lock"
flock 9
if is_there; then echo "$folder"; exit 0; fi
echo "rig: installing npm packages for arm64 in $folder (once; about a minute, 500 MB)" >&2
draft=$folder.draft
rm -rf "$draft"
mkdir -p "$draft"
cp "$project"/package{,-lock}.json "$draft/"
# No install script could run: its programs are of the other processor.
platform=(--cpu=arm64 --os=linux --libc=glibc --ignore-scripts --no-audit --no-fund --loglevel=error)
(cd "$draft" && npm ci --include=dev --include=optional --prefer-offline "${platform[@]}") >&2
for other in "$draft"/node_modules/onnxruntime-node/bin/napi-v*/*/*; do
  case $other in */linux/arm64) ;; *) rm -rf "$other" ;; esac
done
# onoff's native part has no prebuilt binary.
node "$project/scripts/build-onoff.mjs" --arch arm64 --modules "$draft/node_modules" >&2
mkdir "$draft/production"
cp -al "$draft"/{node_modules,package.json,package-lock.json} "$draft/production/"
(cd "$draft/production" && npm prune --omit=dev --include=optional "${platform[@]}") >&2
# npm is JavaScript: this machine's own runs there as well.
cp -rL "$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")" "$draft/npm"
echo "$stamp" >"$draft/stamp"
rm -rf "$folder"
mv "$draft" "$folder"
echo "$folder"
