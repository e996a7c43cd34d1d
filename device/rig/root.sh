#!/bin/bash
# root.sh x64|arm64: makes a small Debian of the guest's own and prints its folder, for RIG_ROOT. The one for x64 boots
# systemd (rig.systemd=1); the one for arm64 is unpacked without running any of it, so this machine need not emulate.
# Kept in the cache; does nothing when it is there already. Needs root, debootstrap, and apt's package mirror.
#   SPECTA_RIG_CACHE=FOLDER   default ~/.cache/specta-rig
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
cache=${SPECTA_RIG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/specta-rig}
PATH=$PATH:/usr/sbin:/sbin

include=ca-certificates,kmod,procps,udev,libstdc++6,mosquitto,mosquitto-clients,v4l-utils,gpiod
case ${1:-} in
x64) arch=amd64 options=() include=$include,systemd ;;
arm64) arch=arm64 options=(--foreign) ;;
*) echo "usage: root.sh x64|arm64" >&2; exit 64 ;;
esac
root=$cache/root-$1

missing=()
for tool in debootstrap wget; do command -v $tool >/dev/null || missing+=("$tool"); done
if [ ${#missing[@]} -gt 0 ]; then
  echo "The rig's own Debian needs: apt-get install -y --no-install-recommends ${missing[*]}   (or: $here/build.sh --tools)" >&2
  exit 3
fi

. /etc/os-release
read -r mirror <<<"$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
  awk -v suite="${VERSION_CODENAME:-}" '$2 == suite && $3 == "main" { print $1; exit }')"
[ -n "$mirror" ] || { echo "apt knows no mirror of this machine's own release: see /etc/apt/sources.list" >&2; exit 3; }
stamp="$VERSION_CODENAME $(sha256sum <"$here/root.sh" | cut -c1-16)"
is_there() { [ "$(cat "$root.stamp" 2>/dev/null || true)" = "$stamp" ]; }
if is_there; then echo "$root"; exit 0; fi
[ "$(id -u)" -eq 0 ] || { echo "The rig's own Debian must be made by root: files in it have owners" >&2; exit 3; }

mkdir -p "$cache"
exec 9>"$root.lock"
flock 9
if is_there; then echo "$root"; exit 0; fi
echo "rig: unpacking Debian $VERSION_CODENAME for $1 in $root (once; about two minutes)" >&2
draft=$root.draft
rm -rf "$draft" "$root" "$root.stamp"
# debootstrap asks by itself, not through apt.
eval "$(apt-config shell http_proxy Acquire::http::Proxy https_proxy Acquire::https::Proxy)"
[ -z "${http_proxy:-}" ] || export http_proxy
[ -z "${https_proxy:-}" ] || export https_proxy
DEBIAN_FRONTEND=noninteractive debootstrap "${options[@]}" --arch=$arch --variant=minbase --include=$include \
  "$VERSION_CODENAME" "$draft" "$mirror" >"$root.log" 2>&1 </dev/null || { tail -20 "$root.log" >&2; exit 1; }

if [ $arch = arm64 ]; then
  # What packages would do when they are configured, as far as the guest needs it.
  for deb in "$draft"/var/cache/apt/archives/*.deb; do dpkg -x "$deb" "$draft"; done
  cp "$draft/usr/share/base-passwd/passwd.master" "$draft/etc/passwd"
  cp "$draft/usr/share/base-passwd/group.master" "$draft/etc/group"
  echo 'mosquitto:x:100:100::/var/lib/mosquitto:/usr/sbin/nologin' >>"$draft/etc/passwd"
  echo 'mosquitto:x:100:' >>"$draft/etc/group"
  for name in awk:mawk which:which.debianutils; do ln -sf "${name#*:}" "$draft/usr/bin/${name%:*}"; done
fi
rm -rf "$draft"/var/cache/apt/archives/*.deb "$draft"/var/lib/apt/lists/* "$draft"/debootstrap \
  "$draft"/usr/share/{doc,man,locale}/*
# The guest has neither network nor terminal; what would wait for them, or grow, stays away.
rm -rf "$draft/etc/resolv.conf" "$draft"/etc/systemd/system/{timers,sockets,getty}.target.wants "$draft"/lib/systemd/system-generators/*
# It would empty /tmp at the start, and the project may lie there.
rm -f "$draft/usr/lib/tmpfiles.d/tmp.conf"
printf 'rig\n' >"$draft/etc/hostname"
printf '127.0.0.1 localhost rig\n' >"$draft/etc/hosts"
# A machine with an identity is not at its first boot, whose presets would take half a minute emulated.
printf 'specta-rig' | md5sum | cut -c1-32 >"$draft/etc/machine-id"
touch "$draft/etc/.updated" "$draft/var/.updated"
if [ $arch = amd64 ]; then
  # Each test starts its own broker.
  ln -sf /dev/null "$draft/etc/systemd/system/mosquitto.service"
fi
mkdir -p "$draft/scratch"
mv "$draft" "$root"
echo "$stamp" >"$root.stamp"
echo "$root"
