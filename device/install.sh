#!/bin/sh
# install.sh — installs SPECTA on a board, from a release folder or tarball, without a network.
set -eu

usage() {
    cat <<'END'
Usage: install.sh [OPTIONS] [RELEASE]    install, or upgrade to, a release
       install.sh [OPTIONS] --return     go back to the release before
       install.sh [OPTIONS] --uninstall  take SPECTA away; configuration and record stay

RELEASE is a release's tarball (specta-VERSION-linux-ARCH.tar.gz) or the folder unpacked from one; by default the folder
that holds this script.

  --board NAME   which of device/boards is meant; by default it is recognised by its device tree, else generic-linux
  --sysfs-gpio   let the service write /sys, for a light of kind sysfs
  --no-start     neither enable nor (re)start the service
  --purge        with --uninstall: also remove configuration, record and user
  --force        install also where a check of this machine refuses
  --dry-run      say what would be done, and do nothing

DESTDIR=FOLDER installs below FOLDER: users, udev and systemd are then left to whoever boots it.

A release goes to /opt/specta/VERSION and is never changed there. The link /opt/specta/current says which one runs; unit,
rules and command are links into it, so one step switches all. A release that does not become ready is left again for
the one before. The former release is kept for --return; older ones are removed.
END
}

umask 022
dest=${DESTDIR:-}
opt=$dest/opt/specta
mode=install board='' release='' sysfs=no start=yes purge=no force=no dry=no

while [ $# -gt 0 ]; do
    case $1 in
    --board) board=${2:?--board needs a name}; shift ;;
    --return) mode=return ;;
    --uninstall) mode=uninstall ;;
    --sysfs-gpio) sysfs=yes ;;
    --no-start) start=no ;;
    --purge) purge=yes ;;
    --force) force=yes ;;
    --dry-run) dry=yes ;;
    -h | --help) usage; exit 0 ;;
    -*) echo "install.sh: unknown option $1" >&2; usage >&2; exit 64 ;;
    *) [ -z "$release" ] || { echo "install.sh: one release only" >&2; exit 64; }; release=$1 ;;
    esac
    shift
done

say() { printf '%s\n' "$*"; }
fail() { say "install.sh: $*" >&2; exit 1; }
# A check that refuses, unless --force.
refuse() { if [ $force = yes ]; then say "warning (--force): $*"; else fail "$*"; fi; }
# Does, or with --dry-run only says.
run() {
    say "  $*"
    [ $dry = yes ] || "$@"
}
# What belongs to a running system only.
live() { if [ -n "$dest" ]; then say "  (not in DESTDIR) $*"; else run "$@"; fi; }

if [ $dry = no ] && [ -z "$dest" ] && [ "$(id -u)" -ne 0 ]; then fail "must be run as root (or with --dry-run)"; fi

# What an install that ends early leaves behind: $incoming in /opt/specta, $work elsewhere.
work='' incoming=${SPECTA_INCOMING:-}
tidy() {
    if [ -n "$work" ]; then rm -rf "$work"; fi
    if [ -n "$incoming" ]; then rm -rf "$incoming"; fi
    # An install that was refused leaves nothing at all.
    if [ $dry = no ] && [ -d "$opt" ] && [ ! -L "$opt/current" ] && [ -z "$(ls "$opt")" ]; then
        rm -rf "$opt"
        if [ $had_opt = no ]; then rmdir "$dest/opt"; fi
    fi
}
had_opt=no
if [ -d "$dest/opt" ]; then had_opt=yes; fi
trap tidy EXIT
trap 'exit 130' INT TERM

# One install at a time; what an install cut short by a power failure left is removed.
take_turn() {
    # An installer that handed over goes on holding its turn.
    if [ $dry = yes ] || [ -n "${SPECTA_INSTALLER:-}" ]; then return; fi
    mkdir -p "$opt"
    exec 9>"$opt/.lock"
    flock -n 9 || fail "another install.sh is at work"
    for left in "$opt"/.incoming.* "$opt"/.link.*; do
        if [ "$left" != "$incoming" ] && { [ -e "$left" ] || [ -L "$left" ]; }; then rm -rf "$left"; fi
    done
}
# Replaces a link in one step: a power cut leaves the old one or the new one.
relink() { # TARGET LINK
    if [ "$(readlink "$2" 2>/dev/null || true)" = "$1" ]; then return 0; fi
    say "  ln -s $1 $2"
    changed=yes
    if [ $dry = yes ]; then return 0; fi
    mkdir -p "$(dirname "$2")"
    # A link made beside and renamed; of another file system it could not be.
    draft=$(dirname "$2")/.link.$(basename "$2")
    rm -f "$draft"
    ln -s "$1" "$draft"
    mv -T "$draft" "$2"
}
changed=no
# The release that a link names; empty where there is none.
named() { # current|previous
    name=$(readlink "$opt/$1" 2>/dev/null || true)
    if [ -n "$name" ] && [ -d "$opt/$name" ]; then printf '%s' "$name"; fi
}

reload() {
    live systemctl daemon-reload
    live udevadm control --reload || say "warning: udev does not run; its rules work from the next start on"
    live udevadm trigger --subsystem-match=gpio || true
}

# --- what this machine is ------------------------------------------------------------------------------------------
tree=${SPECTA_DEVICE_TREE:-/proc/device-tree}/compatible
compatible() { if [ -r "$tree" ]; then tr '\0' '\n' <"$tree"; fi; }
# Whether one of the device tree's names stands in a file, as an item of a list.
listed() { # FILE
    compatible | while read -r name; do
        if [ -n "$name" ] && grep -qxF -e "    - $name" -e "      - $name" "$1"; then say yes; break; fi
    done
}
older() { # VERSION LIMIT — whether VERSION is before LIMIT
    [ "$1" != "$2" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}
check_machine() { # RELEASE_FOLDER
    if [ -n "$(listed "$1/device/boards/unsupported.yaml")" ]; then
        refuse "this is a 2019 Jetson Nano: JetPack 4 has kernel 4.9 and glibc 2.27, SPECTA's Node needs glibc 2.28 and its GPIO line kernel 5.10"
    fi
    libc=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed 's/^glibc //' || true)
    if [ -z "$libc" ]; then
        refuse "this system has no glibc; SPECTA's Node needs glibc 2.28 or later"
    elif older "$libc" 2.28; then
        refuse "glibc is $libc; SPECTA's Node needs 2.28 or later (JetPack 5 or later on a Jetson)"
    fi
    kernel=$(uname -r | sed 's/^\([0-9]*\.[0-9]*\).*/\1/')
    if older "$kernel" 4.18; then
        refuse "the kernel is $(uname -r); SPECTA's Node needs 4.18 or later"
    elif older "$kernel" 5.10; then
        say "warning: the kernel is $(uname -r); the GPIO character device needs 5.10: use light.line.kind: sysfs"
    fi
    case $(uname -m) in
    x86_64) arch=x64 ;;
    aarch64) arch=arm64 ;;
    *) arch=$(uname -m) ;;
    esac
    meant=$(of_release arch "$1")
    if [ "$meant" != "$arch" ] && [ -z "$dest" ]; then
        refuse "the release is for linux-$meant and this machine is linux-$arch"
    fi
}
of_release() { # version|arch RELEASE_FOLDER
    sed -n "s/^$1=\([0-9A-Za-z.+-]*\)\$/\1/p" "$2/RELEASE" | head -n 1
}
find_board() { # RELEASE_FOLDER
    if [ -n "$board" ]; then
        [ -f "$1/device/boards/$board.yaml" ] && [ "$board" != unsupported ] ||
            fail "there is no board $board; there is: $(cd "$1/device/boards" && ls | grep -v unsupported | sed 's/\.yaml$//' | tr '\n' ' ')"
        return
    fi
    board=generic-linux
    for file in "$1"/device/boards/*.yaml; do
        case $file in */unsupported.yaml) continue ;; esac
        if [ -n "$(listed "$file")" ]; then board=$(basename "$file" .yaml); fi
    done
}

# --- steps ---------------------------------------------------------------------------------------------------------
make_users() {
    say "Users and groups"
    for group in gpio specta; do
        if [ -n "$dest" ] || ! getent group $group >/dev/null; then live groupadd --system $group; fi
    done
    if [ -n "$dest" ] || ! getent passwd specta >/dev/null; then
        live useradd --system --gid specta --home-dir /var/lib/specta --no-create-home --shell /usr/sbin/nologin specta
    fi
    # Cameras, GPIO lines, and a Jetson's GPU. Groups that this system does not have are passed over.
    for group in video gpio render; do
        if [ -z "$dest" ] && { ! getent group $group >/dev/null || id -nG specta 2>/dev/null | grep -qw $group; }; then continue; fi
        live usermod --append --groups $group specta
    done
}
make_folders() {
    say "Folders"
    run mkdir -p "$opt" "$dest/etc/specta" "$dest/var/lib/specta"
    live chown specta:specta /var/lib/specta
    run chmod 0750 "$dest/var/lib/specta"
}
# The only camera of this machine by its stable name; nothing where there is none or a choice. A CSI sensor's own node
# gives Bayer, which needs a command camera.
only_camera() {
    for folder in "${SPECTA_CAMERAS:-/dev/v4l}/by-id" "${SPECTA_CAMERAS:-/dev/v4l}/by-path"; do
        found=
        for node in "$folder"/*-video-index0; do
            case $node in *'*'* | *tegra-capture*) continue ;; esac
            found="$found $node"
        done
        case $found in ' '*' '*) return ;; ' '*) printf '%s' "${found# }"; return ;; esac
    done
}
# The example configuration with the board's line and the only camera in it. A camera that is not there is looked for
# by the daemon, and status and doctor say so.
configuration() { # RELEASE_FOLDER
    camera=$(only_camera)
    awk -v board="$1/device/boards/$board.yaml" -v camera="${camera:-/dev/video0}" '
        function indent(text) { match(text, /^ */); return RLENGTH }
        BEGIN {
            while ((getline text < board) > 0) {
                if (text ~ /^light:/) { inside = 1; continue }
                if (text ~ /^[a-z]/) inside = 0
                if (!inside) continue
                if (text ~ /^  line:/) { taking = 1; block = text; continue }
                if (taking && text ~ /^    /) block = block "\n" text
                else taking = 0
            }
        }
        /^[a-z]/ { part = $1 }
        skipping && indent($0) > 2 { next }
        { skipping = 0 }
        part == "camera:" && /^  uri:/ { print "  uri: v4l2:" camera; next }
        part == "light:" && /^  line:/ && block != "" { print block; skipping = 1; next }
        { print }
    ' "$1/device/specta.example.yaml"
}
put_configuration() { # RELEASE_FOLDER
    say "Configuration ($board)"
    target=$dest/etc/specta/specta.yaml
    if [ -f "$target" ]; then
        say "  $target is there: left as it is"
        return
    fi
    say "  write $target"
    [ $dry = yes ] && return
    configuration "$1" >"$target.new"
    chmod 0644 "$target.new"
    sync "$target.new"
    mv "$target.new" "$target"
}
# Copies a file unless it is the same already; a power cut leaves the old one or the new one.
put_copy() { # RELEASE_FOLDER SOURCE TARGET
    if [ ! -L "$dest$3" ] && cmp -s "$1/$2" "$dest$3"; then return; fi
    say "  copy $1/$2 to $dest$3"
    changed=yes
    if [ $dry = yes ]; then return; fi
    mkdir -p "$(dirname "$dest$3")"
    cp "$1/$2" "$dest$3.new"
    sync "$dest$3.new"
    mv -T "$dest$3.new" "$dest$3"
}
# A link into the release that runs: `current` switches it with all others.
put_link() { # SOURCE TARGET
    up=$(printf '%s' "$(dirname "$2")" | sed 's#/[^/]*#../#g')
    relink "${up}opt/specta/current/$1" "$dest$2"
}
# What systemd and udev read. Where /opt is a disk of its own they may look before it is there, so it is a copy.
put_early() { # RELEASE_FOLDER SOURCE TARGET
    if [ $dry = no ] && [ "$(stat -c %d "$opt")" != "$(stat -c %d "$dest/etc")" ]; then
        put_copy "$@"
    else
        put_link "$2" "$3"
    fi
}
unit=/etc/systemd/system/specta.service
# All that the unit says is a drop-in, for systemctl enable and disable need a file of the unit's own name that is no link.
put_system_files() { # RELEASE_FOLDER
    say "Service, udev rules, command"
    put_copy "$1" systemd/frame.service $unit
    put_early "$1" systemd/specta.service $unit.d/10-release.conf
    if compatible | grep -q '^nvidia,tegra'; then put_early "$1" systemd/jetson.conf $unit.d/20-jetson.conf; fi
    if [ $sysfs = yes ] || [ -e "$dest$unit.d/20-sysfs-gpio.conf" ]; then
        put_early "$1" systemd/sysfs-gpio.conf $unit.d/20-sysfs-gpio.conf
    fi
    put_early "$1" device/udev/60-specta.rules /etc/udev/rules.d/60-specta.rules
    # Always a link: the command finds its Node and its source beside itself.
    put_link bin/specta /usr/local/bin/specta
    # On the disk before the release is switched: after a power cut the names may not be there otherwise.
    [ $dry = yes ] || sync -f "$dest/etc" "$dest/usr/local"
}

# Whether every file of a release is as it was made.
is_whole() { # RELEASE_FOLDER
    (cd "$1" && sha256sum --check --quiet --strict SHA256SUMS >/dev/null 2>&1)
}
# Brings a release to /opt/specta, whole or not at all, and leaves its folder's name there in $home. One that is in use is
# never touched: the same version with another content goes beside it.
put_release() { # RELEASE_FOLDER VERSION
    digest=$(sha256sum <"$1/SHA256SUMS" | cut -c 1-8)
    for home in "$2" "$2+$digest" "$2+$digest.again"; do
        say "Release $home"
        if [ "$(readlink -f "$1")" = "$(readlink -f "$opt/$home")" ] ||
            { cmp -s "$1/SHA256SUMS" "$opt/$home/SHA256SUMS" && is_whole "$opt/$home"; }; then
            say "  $opt/$home is there"
            return
        fi
        if [ ! -e "$opt/$home" ]; then break; fi
        if [ "$home" != "$(named current)" ] && [ "$home" != "$(named previous)" ]; then
            run rm -rf "${opt:?}/$home"
            break
        fi
        say "  $opt/$home has another content and is in use"
    done
    say "  copy $1 to $opt/$home"
    if [ $dry = yes ]; then return; fi
    draft=$1
    case $1 in
    "$opt"/.incoming.*) ;;
    *)
        incoming=$(mktemp -d "$opt/.incoming.XXXXXX")
        draft=$incoming/release
        cp -a "$1" "$draft"
        ;;
    esac
    # Under DESTDIR by somebody else than root the owner cannot be changed, and need not be.
    if [ "$(id -u)" -eq 0 ]; then chown -R 0:0 "$draft"; fi
    chmod -R go-w,a+rX "$draft"
    is_whole "$draft" || fail "the release is damaged: a file is not what SHA256SUMS says. Nothing was changed"
    # On the disk first, under its name after: the name stands for a whole release.
    sync -f "$draft"
    mv -T "$draft" "$opt/$home"
    sync -f "$opt"
}
# Points `current` to a release and `previous` to the one before.
switch_to() { # NAME
    leaving=$(named current)
    if [ "$leaving" = "$1" ]; then return; fi
    if [ -n "$leaving" ]; then relink "$leaving" "$opt/previous"; fi
    relink "$1" "$opt/current"
    [ $dry = yes ] || sync -f "$opt"
}
remove_old_releases() {
    for folder in "$opt"/*/; do
        folder=${folder%/}
        name=$(basename "$folder")
        if [ -L "$folder" ] || [ ! -d "$folder" ]; then continue; fi
        if [ "$name" = "$(named current)" ] || [ "$name" = "$(named previous)" ]; then continue; fi
        run rm -rf "$folder"
    done
}
# What can be known before the daemon is stopped: Node runs here, and the release can read the configuration.
try_out() { # RELEASE_FOLDER
    if [ -n "$dest" ] || [ $dry = yes ]; then return; fi
    say "Try out"
    verdict=0
    "$1/bin/node" --input-type=module --eval '
        const [module, file] = process.argv.slice(1);
        const { loadConfig } = await import(module);
        await loadConfig(file, {}).catch((error) => {
            console.error(error.message, error.help ?? "");
            process.exitCode = 3;
        });
    ' "$1/src/daemon/load-config.ts" /etc/specta/specta.yaml || verdict=$?
    case $verdict in
    0) ;;
    3) fail "release $(of_release version "$1") cannot use /etc/specta/specta.yaml: mend it and install again. What runs now goes on" ;;
    *) fail "release $(of_release version "$1") does not run here: its Node ended with $verdict. What runs now goes on" ;;
    esac
}
# One thing that systemd knows of the service.
shown() { systemctl show specta.service --property="$1" --value; }
# Waits until the service is ready; fails when it does not become so. systemctl restart would wait for ever: to systemd a
# service that ends and is started again is still starting.
start_service() {
    if [ $start = no ]; then
        say "Not started (--no-start)"
        return
    fi
    if [ $changed = no ] && [ -z "$dest" ] && systemctl is-active --quiet specta.service; then
        say "It runs already"
        return
    fi
    say "Start (until the first frame is judged, or the camera's fault is known)"
    live systemctl enable --quiet specta.service
    live systemctl stop specta.service
    # Begins the count of restarts anew.
    live systemctl reset-failed specta.service 2>/dev/null || true
    # Compiled code of the release before.
    live rm -rf /var/cache/specta
    live systemctl start --no-block specta.service
    if [ -n "$dest" ] || [ $dry = yes ]; then return; fi
    # No end to the wait is needed: systemd bounds each start, and a start that fails is counted.
    while :; do
        case $(shown ActiveState) in active) return ;; failed) return 1 ;; esac
        if [ "$(shown NRestarts)" -gt 0 ]; then return 1; fi
        sleep 1
    done
}
# Lets a release run; goes back to the one before when it does not become ready.
activate() { # NAME
    before=$(named current) before_that=$(named previous)
    put_system_files "$opt/$1"
    say "Switch to $1"
    switch_to "$1"
    reload
    if start_service; then return; fi
    why="release $1 did not become ready: journalctl -u specta says why"
    if [ -z "$before" ] || [ "$before" = "$1" ]; then fail "$why. systemd goes on trying"; fi
    say "Release $1 did not become ready: back to $before"
    changed=yes
    relink "$before" "$opt/current"
    if [ -n "$before_that" ]; then relink "$before_that" "$opt/previous"; else run rm -f "$opt/previous"; fi
    put_system_files "$opt/$before"
    reload
    start_service || fail "$why; and $before does not either"
    remove_old_releases
    fail "$why. $before runs again"
}

# Unpacks a tarball; what follows sees a folder.
unpack() {
    [ -f "$release" ] || fail "there is no $release"
    if [ -f "$release.sha256" ]; then
        (cd "$(dirname "$release")" && sha256sum --check --quiet "$(basename "$release").sha256") >/dev/null 2>&1 ||
            fail "$release is damaged: it is not what $release.sha256 says. Copy it again"
    fi
    if [ $dry = yes ]; then
        work=$(mktemp -d "${TMPDIR:-/tmp}/specta-install.XXXXXX")
        into=$work
        top=$(tar -tf "$release" 2>/dev/null | head -n 1 | cut -d / -f 1)
        set -- "$top/RELEASE" "$top/SHA256SUMS" "$top/package.json" "$top/device" "$top/systemd"
    else
        incoming=$(mktemp -d "$opt/.incoming.XXXXXX")
        into=$incoming
        set --
    fi
    say "Unpack $release"
    tar -xf "$release" -C "$into" "$@" || fail "$release cannot be unpacked (damaged, or the disk is full). Nothing was changed"
    release=$into/$(ls "$into")
}
# The release's own installer knows best what it needs.
hand_over() {
    if [ -n "${SPECTA_INSTALLER:-}" ] || cmp -s "$0" "$release/device/install.sh"; then return; fi
    set -- "$release"
    if [ -n "$board" ]; then set -- --board "$board" "$@"; fi
    if [ $sysfs = yes ]; then set -- --sysfs-gpio "$@"; fi
    if [ $start = no ]; then set -- --no-start "$@"; fi
    if [ $force = yes ]; then set -- --force "$@"; fi
    if [ $dry = yes ]; then set -- --dry-run "$@"; fi
    SPECTA_INSTALLER=$0 SPECTA_INCOMING=$incoming sh "$release/device/install.sh" "$@" || exit
    exit 0
}

install_release() {
    if [ -z "$release" ]; then
        release=$(dirname "$(dirname "$(readlink -f "$0")")")
    fi
    case $release in
    *.tar | *.tar.gz | *.tgz | *.tar.xz) unpack ;;
    esac
    for needed in RELEASE SHA256SUMS package.json systemd/specta.service device/specta.example.yaml device/boards; do
        [ -e "$release/$needed" ] || fail "$release is no release of SPECTA: $needed is missing (npm run release makes one)"
    done
    hand_over
    version=$(of_release version "$release")
    [ -n "$version" ] || fail "the version of $release cannot be read"
    check_machine "$release"
    find_board "$release"
    put_release "$release" "$version"
    from=$opt/$home
    [ $dry = no ] || from=$release
    make_users
    make_folders
    put_configuration "$from"
    try_out "$from"
    activate "$home"
    [ $dry = yes ] || remove_old_releases
    say "SPECTA $version is installed. Configuration: /etc/specta/specta.yaml. How it is: systemctl status specta; specta doctor"
}

return_release() {
    now=$(named current) former=$(named previous)
    # A power cut inside a switch may leave both links at one release; the other is there still.
    if [ -z "$former" ] || [ "$former" = "$now" ]; then
        former=$(cd "$opt" 2>/dev/null && ls -td -- */ | sed 's#/$##' | grep -vxF -e current -e previous -e "$now" | head -n 1 || true)
    fi
    [ -n "$former" ] || fail "there is no former release to return to"
    say "Return from $now to $former"
    try_out "$opt/$former"
    activate "$former"
    say "SPECTA $former runs; install.sh --return goes to $now again"
}

uninstall() {
    say "Uninstall"
    live systemctl disable --now specta.service || true
    for path in $unit $unit.d/10-release.conf $unit.d/20-jetson.conf $unit.d/20-sysfs-gpio.conf \
        /etc/udev/rules.d/60-specta.rules /usr/local/bin/specta /opt/specta /var/cache/specta; do
        if [ -e "$dest$path" ] || [ -L "$dest$path" ]; then run rm -rf "$dest$path"; fi
    done
    # A drop-in of the user's own stays.
    if [ -d "$dest$unit.d" ] && [ -z "$(ls "$dest$unit.d")" ]; then run rmdir "$dest$unit.d"; fi
    reload
    if [ $purge = yes ]; then
        for path in /etc/specta /var/lib/specta; do
            if [ -e "$dest$path" ]; then run rm -rf "$dest$path"; fi
        done
        if [ -n "$dest" ] || getent passwd specta >/dev/null; then live userdel specta || true; fi
        if [ -n "$dest" ] || getent group specta >/dev/null; then live groupdel specta || true; fi
    else
        say "  /etc/specta, /var/lib/specta and the user specta, who owns them, stay (--purge removes them)"
    fi
}

case $mode in
install) take_turn; install_release ;;
return) take_turn; return_release ;;
uninstall) take_turn; uninstall ;;
esac
