#!/bin/sh
# install.sh — installs SPECTA on a board, from a release folder or tarball, without a network.
set -eu

usage() {
    cat <<'EOF'
Usage: install.sh [OPTIONS] [RELEASE]    install, or upgrade to, a release
       install.sh [OPTIONS] --return     go back to the release before
       install.sh [OPTIONS] --uninstall  take SPECTA away; configuration and record stay

RELEASE is a release folder or its tarball (.tar.gz, .tar.xz, .tar); by default the folder that holds this script.

  --board NAME   which of device/boards is meant; by default it is recognised by its device tree, else generic-linux
  --sysfs-gpio   let the service write /sys, for a light of kind sysfs
  --no-start     neither enable nor (re)start the service
  --purge        with --uninstall: also remove configuration, record and user
  --force        install also where a check refuses
  --dry-run      say what would be done, and do nothing

DESTDIR=FOLDER installs below FOLDER: users, udev and systemd are then left to whoever boots it.
The former release is kept for --return; older ones are removed.
EOF
}

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

work=
trap 'if [ -n "$work" ]; then rm -rf "$work"; fi' EXIT
trap 'exit 130' INT TERM

# Replaces a link in one step: a power cut leaves the old one or the new one.
relink() { # TARGET LINK
    if [ "$(readlink "$2" 2>/dev/null || true)" = "$1" ]; then return 0; fi
    say "  ln -s $1 $2"
    [ $dry = yes ] && return 0
    ln -s "$1" "$2.new$$"
    mv -T "$2.new$$" "$2"
}
# Copies a file unless it is the same already.
put() { # MODE SOURCE TARGET
    if [ -f "$3" ] && cmp -s "$2" "$3"; then return 0; fi
    run install -D -m "$1" "$2" "$3"
    changed=yes
}
changed=no

reload() {
    live systemctl daemon-reload
    live udevadm control --reload
    live udevadm trigger --subsystem-match=gpio
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
    if [ ! -x "$1/node_modules/node-linux-$arch/bin/node" ]; then
        others=$(cd "$1/node_modules" 2>/dev/null && ls -d node-linux-* 2>/dev/null | tr '\n' ' ' || true)
        [ -n "$others" ] || fail "the release holds no Node (node_modules/node-linux-$arch)"
        if [ -n "$dest" ]; then
            arch=${others%% *}
            arch=${arch#node-linux-}
        else
            refuse "the release is for ${others}and this machine is linux-$arch"
        fi
    fi
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
        if [ -n "$dest" ] || getent group $group >/dev/null; then live usermod --append --groups $group specta; fi
    done
}
make_folders() {
    say "Folders"
    run mkdir -p "$opt" "$dest/etc/specta" "$dest/var/lib/specta"
    live chown specta:specta /var/lib/specta
    run chmod 0750 "$dest/var/lib/specta"
}
# The example configuration with the board's line in it.
configuration() { # RELEASE_FOLDER
    awk -v board="$1/device/boards/$board.yaml" '
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
    mv "$target.new" "$target"
}
put_system_files() { # RELEASE_FOLDER
    say "Service, udev rules, command"
    put 0644 "$1/systemd/specta.service" "$dest/etc/systemd/system/specta.service"
    if [ $sysfs = yes ]; then
        put 0644 "$1/systemd/sysfs-gpio.conf" "$dest/etc/systemd/system/specta.service.d/sysfs-gpio.conf"
    fi
    put 0644 "$1/device/udev/60-specta.rules" "$dest/etc/udev/rules.d/60-specta.rules"
    command=$dest/usr/local/bin/specta
    wanted='#!/bin/sh
exec /opt/specta/current/bin/node /opt/specta/current/src/main.ts "$@"'
    if [ "$(cat "$command" 2>/dev/null || true)" != "$wanted" ]; then
        say "  write $command"
        if [ $dry = no ]; then
            mkdir -p "$(dirname "$command")"
            printf '%s\n' "$wanted" >"$command"
            chmod 0755 "$command"
        fi
    fi
}
start_service() {
    if [ $start = no ]; then
        say "Not started (--no-start)"
        return
    fi
    say "Start"
    live systemctl enable specta.service
    live systemctl restart specta.service
}

version_of() { # RELEASE_FOLDER
    sed -n 's/^  "version": "\([0-9A-Za-z.+-]*\)".*/\1/p' "$1/package.json" | head -n 1
}
# Copies a release to /opt/specta/VERSION, whole or not at all.
put_release() { # RELEASE_FOLDER VERSION
    home=$opt/$2
    say "Release $2"
    if [ "$(readlink -f "$1")" = "$(readlink -f "$home")" ]; then
        say "  $home is there"
    else
        say "  copy $1 to $home"
        if [ $dry = no ]; then
            rm -rf "$home.new" "$home.old"
            cp -a "$1" "$home.new"
            # Under DESTDIR by somebody else than root the owner cannot be changed, and need not be.
            if [ "$(id -u)" -eq 0 ]; then chown -R 0:0 "$home.new"; fi
            chmod -R go-w,a+rX "$home.new"
            sync -f "$home.new"
            if [ -e "$home" ]; then mv "$home" "$home.old"; fi
            mv "$home.new" "$home"
            rm -rf "$home.old"
        fi
    fi
    if [ $dry = yes ]; then
        say "  $home/bin/node is Node for linux-$arch"
        return
    fi
    mkdir -p "$home/bin"
    relink "../node_modules/node-linux-$arch/bin/node" "$home/bin/node"
}
# Points `current` to a release and `previous` to the one before.
switch_to() { # VERSION
    former=$(readlink "$opt/current" 2>/dev/null || true)
    if [ "$former" = "$1" ]; then return; fi
    if [ -n "$former" ] && [ -d "$opt/$former" ]; then relink "$former" "$opt/previous"; fi
    relink "$1" "$opt/current"
}
remove_old_releases() {
    for folder in "$opt"/*/; do
        name=$(basename "$folder")
        case $name in
        current | previous | '*' | "$(readlink "$opt/current")" | "$(readlink "$opt/previous")") continue ;;
        esac
        if [ -L "${folder%/}" ]; then continue; fi
        run rm -rf "${folder%/}"
    done
}

install_release() {
    if [ -z "$release" ]; then
        release=$(dirname "$(dirname "$(readlink -f "$0")")")
    fi
    case $release in
    *.tar | *.tar.gz | *.tgz | *.tar.xz)
        [ -f "$release" ] || fail "there is no $release"
        work=$(mktemp -d "${TMPDIR:-/tmp}/specta-install.XXXXXX")
        tar -xf "$release" -C "$work"
        release=$(dirname "$(find "$work" -maxdepth 3 -path '*/src/main.ts' -printf '%h\n' | head -n 1)")
        ;;
    esac
    for needed in package.json src/main.ts systemd/specta.service device/specta.example.yaml device/boards node_modules; do
        [ -e "$release/$needed" ] || fail "$release is no release of SPECTA: $needed is missing"
    done
    version=$(version_of "$release")
    [ -n "$version" ] || fail "the version of $release cannot be read"
    check_machine "$release"
    find_board "$release"
    make_users
    make_folders
    put_release "$release" "$version"
    from=$release
    [ $dry = yes ] || from=$opt/$version
    put_configuration "$from"
    put_system_files "$from"
    say "Switch to $version"
    switch_to "$version"
    [ $dry = yes ] || remove_old_releases
    reload
    start_service
    say "SPECTA $version is installed. Configuration: /etc/specta/specta.yaml; see how it is: systemctl status specta; specta doctor --config /etc/specta/specta.yaml"
}

return_release() {
    former=$(readlink "$opt/previous" 2>/dev/null || true)
    [ -n "$former" ] && [ -d "$opt/$former" ] || fail "there is no former release to return to"
    say "Return from $(readlink "$opt/current") to $former"
    put_system_files "$opt/$former"
    switch_to "$former"
    reload
    start_service
}

uninstall() {
    say "Uninstall"
    live systemctl disable --now specta.service || true
    for path in /etc/systemd/system/specta.service /etc/systemd/system/specta.service.d /etc/udev/rules.d/60-specta.rules \
        /usr/local/bin/specta /opt/specta; do
        if [ -e "$dest$path" ] || [ -L "$dest$path" ]; then run rm -rf "$dest$path"; fi
    done
    reload
    if [ $purge = yes ]; then
        for path in /etc/specta /var/lib/specta; do
            if [ -e "$dest$path" ]; then run rm -rf "$dest$path"; fi
        done
        if [ -n "$dest" ] || getent passwd specta >/dev/null; then live userdel specta || true; fi
        if [ -n "$dest" ] || getent group specta >/dev/null; then live groupdel specta || true; fi
    else
        say "  /etc/specta and /var/lib/specta stay (--purge removes them)"
    fi
}

case $mode in
install) install_release ;;
return) return_release ;;
uninstall) uninstall ;;
esac
