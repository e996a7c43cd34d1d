#!/bin/bash
# boot.sh 'COMMAND': boots the rig, runs COMMAND in the current folder as root and prints what it prints. Exits with its
# status; 124: it took too long; 125: the guest died, and its console is shown.
# The guest sees this machine's files read-only; what it writes stays in its memory. It has a camera of the kernel's own
# (vivid, /dev/video0) and a simulated GPIO chip (/dev/gpiochip0, witness in /run/gpio-witness), and no network unless asked.
#   RIG_SECONDS=600       patience           RIG_MEMORY=2048   megabytes      RIG_CPUS=2
#   RIG_ARGUMENTS='rig.gpiosim=hold=1,names=1'   kernel arguments, see init.sh
#   RIG_ROOT=/            another root: a folder, or x64 for root.sh's Debian with systemd (rig.systemd=1). This project
#                         and the rig's cache are then in the guest as well, at their places here
#   RIG_SHARE=FOLDER  kept as /share in the guest: command, status, console.log; emulator.pid is there while it runs
#   RIG_DISKS='FILE …'   raw images as /dev/vda, /dev/vdb …: what is written there stays. There is ext4; nothing is mounted
#   RIG_NETWORK=1     10.0.2.2 is this machine, its loopback included
#   RIG_ARCH=x64          or arm64: another processor, with root.sh's Debian as its root and a PL061 as its second GPIO chip;
#                         what the emulator's own pins carry stands in /share/pl061.log
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
cache=${SPECTA_RIG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/specta-rig}
arch=${RIG_ARCH:-x64}
"$here/build.sh" "$arch" || exit
product=$cache/$arch
share=${RIG_SHARE:-$(mktemp -d)}
mkdir -p "$share"
rm -f "$share/status" "$share/emulator.pid"
case $arch in
  x64)
    root=${RIG_ROOT:-/} console=ttyS0
    # Without memory protection keys, by which V8 guards its compiled code: its book of code pages loses count now and then
    # (nodejs/node issue 64500), and there is no need to have that emulated too.
    machine=(qemu-system-x86_64 -machine q35 -cpu max,-pku)
    ;;
  arm64)
    root=${RIG_ROOT:-$("$here/root.sh" arm64)} console=ttyAMA0
    [ -n "$root" ] || exit 3
    machine=(qemu-system-aarch64 -machine virt -cpu cortex-a76 -trace "pl061_set_output,file=$share/pl061.log")
    ;;
esac
case $root in x64 | arm64) root=$("$here/root.sh" "$root") || exit ;; esac
[ -n "${RIG_SHARE:-}" ] || trap 'rm -rf "$share"' EXIT
{
  printf 'export SPECTA_RIG=1 SPECTA_RIG_GPIO=1 SPECTA_RIG_MODULES=%q\n' "$product/modules"
  printf '%s\n' "$1"
} >"$share/command"

shares=() arguments= nic=(-nic none)
for image in ${RIG_DISKS:-}; do
  # Nothing is held back in the emulator: what the guest has handed over survives it, what it still holds does not.
  shares+=(-drive "file=$image,if=virtio,format=raw,cache=writeback")
  arguments+=' rig.disk=1'
done
if [ -n "${RIG_NETWORK:-}" ]; then
  # Without its ROM, which is a package of its own and only boots from the network.
  nic=(-netdev user,id=network -device virtio-net-pci,netdev=network,romfile=)
  arguments+=' rig.network=1'
fi
if [ "$root" != / ]; then
  for name in project cache; do
    case $name in project) folder=$(readlink -f "$here/../..") ;; cache) folder=$(readlink -f "$cache") ;; esac
    shares+=(
      -fsdev "local,id=$name,path=$folder,security_model=none,readonly=on,multidevs=remap"
      -device "virtio-9p-pci,fsdev=$name,mount_tag=$name"
    )
    arguments+=" rig.$name=$folder"
  done
fi

qemu=(
  "${machine[@]}" -accel tcg,thread=multi,tb-size=512
  -smp "${RIG_CPUS:-2}" -m "${RIG_MEMORY:-2048}"
  -nodefaults -no-user-config -display none -no-reboot -pidfile "$share/emulator.pid" "${nic[@]}"
  -kernel "$product/kernel" -initrd "$product/initramfs.gz"
  -append "console=$console quiet panic=-1 mitigations=off rig.folder=$PWD$arguments ${RIG_ARGUMENTS:-}"
  -chardev "file,id=console,path=$share/console.log" -serial chardev:console
  -chardev file,id=output,path=/dev/fd/1,append=on
  -device virtio-serial-pci -device virtserialport,chardev=output,name=output
  -fsdev "local,id=host,path=$root,security_model=none,readonly=on,multidevs=remap"
  -device virtio-9p-pci,fsdev=host,mount_tag=host
  -fsdev "local,id=share,path=$share,security_model=none"
  -device virtio-9p-pci,fsdev=share,mount_tag=share
  "${shares[@]}"
  -device virtio-rng-pci
)
# Through cat, for the emulator opens its output by name, which a socket does not allow.
timeout -k 5 "${RIG_SECONDS:-600}" "${qemu[@]}" </dev/null | cat
ended=${PIPESTATUS[0]}
status=$(cat "$share/status" 2>/dev/null)
if [ -z "$status" ]; then
  echo "rig: the guest gave no status (the emulator ended with $ended). Its console:" >&2
  tail -25 "$share/console.log" >&2
  case $ended in 124 | 137) exit 124 ;; *) exit 125 ;; esac
fi
exit "$status"
