#!/bin/bash
# Builds what the rig boots, into a cache folder: Debian's kernel, its virtual camera (vivid), a simulated GPIO chip
# (gpio-sim, which Debian's kernel leaves out), v4l2loopback and a small initramfs. Downloads from Debian only, by
# apt-get. Does nothing when all is there already; `--tools` first installs what is missing on this machine (root).
#   SPECTA_RIG_CACHE=FOLDER   default ~/.cache/specta-rig
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
cache=${SPECTA_RIG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/specta-rig}

declare -A package_of=(
  [qemu-system-x86_64]=qemu-system-x86 [busybox]=busybox-static [depmod]=kmod [cpio]=cpio [gcc-12]=gcc-12 [make]=make
  [patch]=patch [xz]=xz-utils [python3]=python3 [v4l2-ctl]=v4l-utils [ffmpeg]=ffmpeg
)
missing=()
for tool in "${!package_of[@]}"; do
  PATH=$PATH:/usr/sbin:/sbin command -v "$tool" >/dev/null || missing+=("${package_of[$tool]}")
done
if [ ${#missing[@]} -gt 0 ]; then
  install=(apt-get install -y --no-install-recommends "${missing[@]}" seabios libelf1)
  if [ "${1:-}" = --tools ]; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive "${install[@]}" >/dev/null
  else
    echo "The rig needs: ${install[*]}   (or: $0 --tools)" >&2
    exit 3
  fi
fi
PATH=$PATH:/usr/sbin:/sbin

image=$(apt-cache depends linux-image-amd64 | awk '$1 == "Depends:" { print $2; exit }')
[ -n "$image" ] || { echo "apt-get knows no kernel: run apt-get update" >&2; exit 3; }
release=${image#linux-image-}   # 6.1.0-44-amd64
series=$(cut -d. -f1,2 <<<"$release")
stamp="$release $(cat "$here/build.sh" "$here/init.sh" "$here/gpio-sim.patch" | sha256sum | cut -c1-16)"
[ "$(cat "$cache/stamp" 2>/dev/null || true)" = "$stamp" ] && exit 0

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
[ "$(cat "$cache/stamp" 2>/dev/null || true)" = "$stamp" ] && exit 0
echo "rig: building for Linux $release in $cache (once; about a minute)" >&2
work=$cache/work
rm -rf "$work"
mkdir -p "$work"/{debs,root,gpio-sim,v4l2loopback,initramfs/{bin,modules,proc,sys,dev,host,share,scratch,root}}

packages=(
  "$image" "linux-headers-$release" "linux-headers-${release%-amd64}-common" "linux-kbuild-$series"
  linux-compiler-gcc-12-x86 "linux-source-$series" v4l2loopback-dkms
)
(cd "$work/debs" && apt-get download -q -o APT::Sandbox::User=root "${packages[@]}" >/dev/null)
for deb in "$work"/debs/*.deb; do dpkg -x "$deb" "$work/root"; done

# The kernel is unpacked here once: emulated, it would take seconds at each boot.
python3 - "$work/root/boot/vmlinuz-$release" "$cache/vmlinux" <<'PYTHON'
import lzma, sys
packed = open(sys.argv[1], 'rb').read()
start = packed.index(b'\xfd7zXZ\x00')
open(sys.argv[2], 'wb').write(lzma.LZMADecompressor().decompress(packed[start:]))
PYTHON

headers=$work/root/usr/src/linux-headers-$release
# The headers name each other by absolute path; here they lie elsewhere.
sed -i "s#^include /usr/src/#include $work/root/usr/src/#" "$headers/Makefile"
build_module() { make -s -C "$headers" M="$1" modules >"$1/build.log" 2>&1 || { tail -20 "$1/build.log" >&2; exit 1; }; }

sources=linux-source-$series
tar -C "$work" -xJf "$work/root/usr/src/$sources.tar.xz" \
  "$sources/drivers/gpio/gpio-sim.c" "$sources/drivers/gpio/gpiolib.h" "$sources/kernel/irq/irq_sim.c"
cp "$work/$sources/drivers/gpio/"{gpio-sim.c,gpiolib.h} "$work/$sources/kernel/irq/irq_sim.c" "$work/gpio-sim/"
(cd "$work/gpio-sim" && patch -s -p1 <"$here/gpio-sim.patch")
# gpio-sim needs irq_sim, which the kernel has not built in either; outside the kernel one of its calls has another name.
sed -i 's/irq_to_desc(irqnum)/irq_data_to_desc(irq_get_irq_data(irqnum))/' "$work/gpio-sim/irq_sim.c"
printf 'obj-m := gpio-sim-oot.o\ngpio-sim-oot-y := gpio-sim.o irq_sim.o\n' >"$work/gpio-sim/Makefile"
build_module "$work/gpio-sim"

cp "$work"/root/usr/src/v4l2loopback-*/*.[ch] "$work/v4l2loopback/"
echo 'obj-m := v4l2loopback.o' >"$work/v4l2loopback/Makefile"
build_module "$work/v4l2loopback"

# The initramfs: busybox, the modules in the order in which they load, and the first process.
tree=$work/initramfs
cp "$(command -v busybox)" "$tree/bin/busybox"
ln -s busybox "$tree/bin/sh"
install -m 755 "$here/init.sh" "$tree/init"
depmod -b "$work/root" "$release"
order() { # LIST MODULE...: puts the modules with all they need into LIST
  local list=$tree/modules/$1 module path name
  shift
  touch "$list"
  for module; do
    while read -r _ path _; do
      name=$(basename "${path%.xz}")
      if [ "$path" != "${path%.xz}" ]; then xz -dc "$path" >"$tree/modules/$name"; else cp "$path" "$tree/modules/$name"; fi
      grep -qx "$name" "$tree"/modules/*.list || echo "$name" >>"$list"
    done < <(modprobe -d "$work/root" -S "$release" --show-depends "$module" | grep '^insmod')
  done
}
order 1-root.list virtio_pci virtio_console 9pnet_virtio 9p overlay virtio_rng
order 2-devices.list configfs vivid softdog
cp "$work/gpio-sim/gpio-sim-oot.ko" "$tree/modules/"
echo gpio-sim-oot.ko >>"$tree/modules/2-devices.list"
(cd "$tree" && find . | cpio -o -H newc --quiet | gzip -1) >"$cache/initramfs.gz"

mkdir -p "$cache/modules"
cp "$work/v4l2loopback/v4l2loopback.ko" "$cache/modules/"
rm -rf "$work"
echo "$stamp" >"$cache/stamp"
