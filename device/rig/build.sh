#!/bin/bash
# build.sh [x64|arm64] [--tools]: builds what the rig boots, into a cache folder: Debian's kernel, its virtual camera
# (vivid), a simulated GPIO chip (gpio-sim, which Debian's kernel leaves out), v4l2loopback and a small initramfs.
# Downloads from Debian only, by apt-get. Does nothing when all is there already; `--tools` first installs what is
# missing on this machine (root): what root.sh needs as well. For arm64 it cross-compiles, and asks apt for arm64 packages
# in a state folder of its own: what this machine's apt and dpkg know of architectures stays as it is.
#   SPECTA_RIG_CACHE=FOLDER   default ~/.cache/specta-rig
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
cache=${SPECTA_RIG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/specta-rig}

arch=x64 tools=
for word; do
  case $word in
    x64 | arm64) arch=$word ;;
    --tools) tools=1 ;;
    *) echo "usage: build.sh [x64|arm64] [--tools]" >&2; exit 64 ;;
  esac
done

declare -A package_of=(
  [depmod]=kmod [cpio]=cpio [make]=make [patch]=patch [xz]=xz-utils [python3]=python3 [debootstrap]=debootstrap [wget]=wget
)
case $arch in
  x64)
    debian=amd64
    package_of+=(
      [qemu-system-x86_64]='qemu-system-x86 seabios' [busybox]=busybox-static [gcc-12]='gcc-12 libelf1'
      # For the layout tests and for onoff.
      [gcc]='gcc libc6-dev' [c++]=g++
      [v4l2-ctl]=v4l-utils [ffmpeg]=ffmpeg
    )
    cross=()
    ;;
  arm64)
    debian=arm64
    package_of+=(
      [qemu-system-aarch64]=qemu-system-arm
      [aarch64-linux-gnu-gcc-12]='gcc-12-aarch64-linux-gnu gcc-aarch64-linux-gnu libc6-dev-arm64-cross libelf1'
      # For onoff in the guest.
      [aarch64-linux-gnu-g++]=g++-aarch64-linux-gnu
    )
    cross=(CROSS_COMPILE=aarch64-linux-gnu-)
    ;;
esac
PATH=$PATH:/usr/sbin:/sbin
missing=()
for tool in "${!package_of[@]}"; do
  # Words of one entry are packages of their own.
  # shellcheck disable=SC2206
  command -v "$tool" >/dev/null || missing+=(${package_of[$tool]})
done
if [ ${#missing[@]} -gt 0 ]; then
  install=(apt-get install -y --no-install-recommends "${missing[@]}")
  if [ -n "$tools" ]; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive "${install[@]}" >/dev/null
  else
    echo "The rig needs: ${install[*]}   (or: $0 $arch --tools)" >&2
    exit 3
  fi
fi

# apt for the guest's architecture. Its lists are asked for anew when they are a week old.
guest_apt() { "$@"; }
if [ $arch = arm64 ]; then
  apt=$cache/apt-arm64
  guest_apt() { APT_CONFIG=$apt/apt.conf "$@"; }
  if [ -z "$(find "$apt/fresh" -mtime -7 2>/dev/null)" ]; then
    mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"
    : >"$apt/status"
    cat >"$apt/apt.conf" <<CONF
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "root";
Dir::State "$apt/state";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
Acquire::Languages "none";
CONF
    # A foreign source that has nothing for arm64 is no harm, nor is a network that is away while the lists are there.
    guest_apt apt-get update -qq >&2 || echo "rig: apt-get update for arm64 was not whole" >&2
    touch "$apt/fresh"
  fi
fi

image=$(guest_apt apt-cache depends linux-image-$debian | awk '$1 == "Depends:" { print $2; exit }')
[ -n "$image" ] || { echo "apt-get knows no kernel for $arch: run apt-get update" >&2; exit 3; }
release=${image#linux-image-}   # 6.1.0-44-amd64
series=$(cut -d. -f1,2 <<<"$release")
product=$cache/$arch

# The sources are the same for each architecture, and take the longest to unpack.
fetch_sources() {
  local version folder work
  version=$(apt-cache show --no-all-versions "linux-source-$series" v4l2loopback-dkms | awk '$1 == "Version:" { print $2 }')
  sources=$cache/sources/$(tr '\n ' '__' <<<"$version")
  exec 8>"$cache/sources.lock"
  flock 8
  [ -e "$sources/complete" ] && return
  work=$sources.work folder=linux-source-$series
  rm -rf "$work" "$cache/sources"
  mkdir -p "$work" "$sources"
  (cd "$work" && apt-get download -q -o APT::Sandbox::User=root "$folder" v4l2loopback-dkms >/dev/null)
  for deb in "$work"/*.deb; do dpkg -x "$deb" "$work/root"; done
  tar -C "$work" -xJf "$work/root/usr/src/$folder.tar.xz" \
    "$folder/drivers/gpio/gpio-sim.c" "$folder/drivers/gpio/gpiolib.h" "$folder/kernel/irq/irq_sim.c"
  cp "$work/$folder/drivers/gpio/"{gpio-sim.c,gpiolib.h} "$work/$folder/kernel/irq/irq_sim.c" "$sources/"
  mkdir "$sources/v4l2loopback"
  cp "$work"/root/usr/src/v4l2loopback-*/*.[ch] "$sources/v4l2loopback/"
  rm -rf "$work"
  touch "$sources/complete"
}

build_kernel() {
  echo "rig: building for Linux $release in $product (once; about a minute)" >&2
  local work=$product/work tree=$product/initramfs
  rm -rf "$work" "$tree" "$product"/{stamp,kernel-stamp}
  mkdir -p "$work"/{debs,root,gpio-sim,v4l2loopback} "$tree"/{bin,modules,proc,sys,dev,host,share,scratch,root}
  fetch_sources

  local guest_packages=("$image" "linux-headers-$release" "linux-headers-${release%-"$debian"}-common")
  [ $arch = x64 ] || guest_packages+=(busybox-static)
  (
    cd "$work/debs"
    guest_apt apt-get download -q -o APT::Sandbox::User=root "${guest_packages[@]}" >/dev/null
    # The kernel's build tools run here, whatever they build for.
    apt-get download -q -o APT::Sandbox::User=root "linux-kbuild-$series" >/dev/null
  )
  for deb in "$work"/debs/*.deb; do dpkg -x "$deb" "$work/root"; done

  if [ $arch = x64 ]; then
    # The kernel is unpacked here once: emulated, it would take seconds at each boot.
    python3 - "$work/root/boot/vmlinuz-$release" "$product/kernel" <<'PYTHON'
import lzma, sys
packed = open(sys.argv[1], 'rb').read()
start = packed.index(b'\xfd7zXZ\x00')
open(sys.argv[2], 'wb').write(lzma.LZMADecompressor().decompress(packed[start:]))
PYTHON
    cp "$(command -v busybox)" "$tree/bin/busybox"
  else
    cp "$work/root/boot/vmlinuz-$release" "$product/kernel"
    cp "$work/root/bin/busybox" "$tree/bin/busybox"
  fi
  ln -s busybox "$tree/bin/sh"

  local headers=$work/root/usr/src/linux-headers-$release
  # The headers name each other by absolute path; here they lie elsewhere.
  sed -i "s#^include /usr/src/#include $work/root/usr/src/#" "$headers/Makefile"
  build_module() {
    make -s -C "$headers" "${cross[@]}" M="$1" modules >"$1/build.log" 2>&1 || { tail -20 "$1/build.log" >&2; exit 1; }
  }

  cp "$sources"/{gpio-sim.c,gpiolib.h,irq_sim.c} "$work/gpio-sim/"
  (cd "$work/gpio-sim" && patch -s -p1 <"$here/gpio-sim.patch")
  # gpio-sim needs irq_sim, which the kernel has not built in either; outside the kernel one of its calls has another name.
  sed -i 's/irq_to_desc(irqnum)/irq_data_to_desc(irq_get_irq_data(irqnum))/' "$work/gpio-sim/irq_sim.c"
  printf 'obj-m := gpio-sim-oot.o\ngpio-sim-oot-y := gpio-sim.o irq_sim.o\n' >"$work/gpio-sim/Makefile"
  build_module "$work/gpio-sim"

  cp "$sources"/v4l2loopback/* "$work/v4l2loopback/"
  echo 'obj-m := v4l2loopback.o' >"$work/v4l2loopback/Makefile"
  build_module "$work/v4l2loopback"

  # The modules, in the order in which they load.
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
  order 3-disk-and-network.list crc32c_generic ext4 virtio_blk virtio_net
  cp "$work/gpio-sim/gpio-sim-oot.ko" "$tree/modules/"
  echo gpio-sim-oot.ko >>"$tree/modules/2-devices.list"

  mkdir -p "$product/modules"
  cp "$work/v4l2loopback/v4l2loopback.ko" "$product/modules/"
  rm -rf "$work"
  echo "$kernel_stamp" >"$product/kernel-stamp"
}

digest() { cat "$@" | sha256sum | cut -c1-16; }
kernel_stamp="$release $(declare -f fetch_sources build_kernel | digest - "$here/gpio-sim.patch")"
stamp="$kernel_stamp $(digest "$here/init.sh")"
has() { [ "$(cat "$product/$1" 2>/dev/null || true)" = "$2" ]; }
has stamp "$stamp" && exit 0

mkdir -p "$product"
exec 9>"$product/lock"
flock 9
has stamp "$stamp" && exit 0
has kernel-stamp "$kernel_stamp" || build_kernel
# A guest that boots just now goes on with the file it has.
install -m 755 "$here/init.sh" "$product/initramfs/init"
(cd "$product/initramfs" && find . | cpio -o -H newc --quiet | gzip -1) >"$product/initramfs.new"
mv "$product/initramfs.new" "$product/initramfs.gz"
echo "$stamp" >"$product/stamp"
