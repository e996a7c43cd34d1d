#!/bin/sh
# What the arm64 guest runs, in the project's folder: the packages are this processor's, with a layer that can be written.
set -e
modules=$(cat /share/modules)
layer=/run/rig-modules
mkdir -p $layer/upper $layer/work
mount -t overlay -o "lowerdir=$modules/node_modules,upperdir=$layer/upper,workdir=$layer/work" modules node_modules
# One process for all files: each would take long to start.
exec node_modules/.bin/node --no-wasm-dynamic-tiering --no-wasm-code-gc node_modules/vitest/vitest.mjs run --config test/rig/vitest.config.ts \
  --configLoader native --no-isolate --testTimeout 900000 --hookTimeout 900000 "$@"
