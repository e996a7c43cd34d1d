#!/bin/busybox sh
# The guest's first process: loads the modules, makes the host's root (read-only, with a scratch layer in memory) its
# own, sets up the GPIO chip, runs /share/command and writes its status to /share/status.
# Kernel arguments: rig.folder=FOLDER  rig.vivid=OPTIONS  rig.gpiosim=OPTIONS  rig.scratch=SIZE  rig.systemd=1
# rig.disk=1 (the driver and ext4; nothing is mounted)  rig.network=1 (this machine answers at 10.0.2.2)
# rig.devices= (neither camera nor GPIO chip)
# (OPTIONS: `,` between options, `:` where an option's value needs a comma).
PATH=/bin
bb() { /bin/busybox "$@"; }
bb mount -t proc proc /proc
bb mount -t sysfs sysfs /sys
bb mount -t devtmpfs dev /dev

folder=/ project= cache= vivid=n_devs=1,node_types=0x1,num_inputs=1,input_types=0x0 gpiosim= scratch=1g systemd= disk= network= devices=1
for word in $(bb cat /proc/cmdline); do
  case $word in rig.*=*) eval "${word#rig.}" ;; esac
done
load() {
  for module in $(bb cat "/modules/$1"); do
    options=
    case $module in
      vivid.ko) options=$vivid ;;
      gpio-sim-oot.ko) options=$gpiosim ;;
      softdog.ko) options=soft_noboot=1 ;;
    esac
    bb insmod "/modules/$module" $(echo "$options" | bb tr ',:' ' ,') || echo "rig: $module does not load"
  done
}

load 1-root.list
bb mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro host /host || bb poweroff -f
bb mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=none share /share
bb mount -t tmpfs -o "size=$scratch" scratch /scratch
bb mkdir /scratch/upper /scratch/work
bb mount -t overlay -o lowerdir=/host,upperdir=/scratch/upper,workdir=/scratch/work root /root
# With a root other than the host's: the project (with a scratch layer, for tests write beside themselves) and the cache.
if [ -n "$project" ]; then
  bb mkdir -p /project /scratch/project/upper /scratch/project/work "/root$project" "/root$cache"
  bb mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro project /project
  bb mount -t overlay -o lowerdir=/project,upperdir=/scratch/project/upper,workdir=/scratch/project/work project "/root$project"
  bb mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro cache "/root$cache"
fi
[ -z "$devices" ] || load 2-devices.list
[ -z "$disk$network" ] || load 3-disk-and-network.list

for kind in proc:proc sysfs:sys devtmpfs:dev; do bb mount -t "${kind%:*}" "${kind%:*}" "/root/${kind#*:}"; done
bb mkdir -p /root/dev/pts /root/dev/shm /root/run /root/share
bb mount -t devpts devpts /root/dev/pts
bb mount -t tmpfs shm /root/dev/shm
bb mount -t tmpfs run /root/run
[ -z "$devices" ] || bb mount -t configfs configfs /root/sys/kernel/config
bb mount -t debugfs debugfs /root/sys/kernel/debug
bb mount --move /share /root/share
bb ip link set lo up
if [ -n "$network" ]; then
  bb ip addr add 10.0.2.15/24 dev eth0
  bb ip link set eth0 up
fi
bb hostname rig

# One chip of 32 lines; what drives a line shows at /run/gpio-witness/sim_gpio17/value, whoever drives it.
chip=/root/sys/kernel/config/gpio-sim/chip
if [ -n "$devices" ] && bb mkdir -p $chip/bank0/line17 $chip/bank0/line18; then
  echo 32 >$chip/bank0/num_lines
  echo rig >$chip/bank0/label
  echo RELAY >$chip/bank0/line17/name
  echo DOOR >$chip/bank0/line18/name
  echo 1 >$chip/live
  bb ln -s "/sys/devices/platform/$(bb cat $chip/dev_name)/$(bb cat $chip/bank0/chip_name)" /root/run/gpio-witness
fi

port=/dev/$(cd /root/dev && echo vport*p1)
if [ -n "$systemd" ]; then
  units=/root/etc/systemd/system
  bb mkdir -p $units
  bb cat >$units/rig.target <<UNIT
[Unit]
Requires=basic.target rig.service
After=basic.target
AllowIsolate=yes
UNIT
  bb cat >$units/rig.service <<UNIT
[Unit]
After=basic.target
[Service]
Type=exec
WorkingDirectory=-$folder
StandardOutput=file:$port
StandardError=inherit
ExecStart=/bin/bash /share/command
ExecStopPost=/bin/sh -c 'case \$EXIT_STATUS in *[!0-9]*) EXIT_STATUS=128 ;; esac; echo \$EXIT_STATUS >/share/status; sync; systemctl poweroff -ff'
UNIT
  exec /bin/busybox switch_root /root /lib/systemd/systemd --unit=rig.target --show-status=0
fi
{
  bb chroot /root /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb \
    LANG=C.UTF-8 /bin/bash -c 'cd "$0" && . /share/command' "$folder" </dev/null 2>&1
  echo $? >/root/share/status
} | bb cat >"/root$port"
bb sync
bb poweroff -f
