#!/bin/sh
# specta-usb.sh DEVICE: copies the models of a USB stick into SPECTA's inbox and brings the answers back onto the stick.
# The stick is mounted read-only while it is read, and writable for the moment in which an answer is written.
#
# SPECTA_INBOX   the inbox (/var/lib/specta/inbox)
# SPECTA_USER    whom it belongs to (specta)
# SPECTA_STICK   a folder that stands for a mounted stick: nothing is mounted
# SPECTA_WAIT    how long an answer is waited for, seconds (3300)
# SPECTA_SPARE   bytes that are left free on the disk of the inbox (256000000)
set -eu
inbox=${SPECTA_INBOX:-/var/lib/specta/inbox}
user=${SPECTA_USER:-specta}
patience=${SPECTA_WAIT:-3300}
most_files=4
most_bytes=600000000
# Left free for the record, which must go on whatever lies on a stick.
spare_bytes=${SPECTA_SPARE:-256000000}
device=${1:?usage: specta-usb.sh DEVICE}
stick=${SPECTA_STICK:-/run/specta-usb/$(basename "$device")}

say() { echo "$*" >&2; }
# What stands in a folder of SPECTA's user is written with that user's rights: a link planted there leads root nowhere.
as_user() {
    if [ "$(id -un)" = "$user" ]; then "$@"; else runuser -u "$user" -- "$@"; fi
}
mounted() { # ro|rw
    if [ -n "${SPECTA_STICK:-}" ]; then return; fi
    mkdir -p "$stick"
    mount -o "$1,nosuid,nodev,noexec" "$device" "$stick"
}
unmounted() {
    if [ -n "${SPECTA_STICK:-}" ]; then return; fi
    umount "$stick"
}

as_user mkdir -p "$inbox"
# What a stick that was pulled out, or a power cut, left half copied; what another stick copies just now is younger.
as_user find "$inbox" -maxdepth 1 -name '.*.part' -mmin +60 -delete
part=
tidy() {
    if [ -n "$part" ]; then as_user rm -f "$part"; fi
}
trap tidy EXIT
trap 'exit 1' INT TERM HUP
mounted ro
names=
count=0
for file in "$stick"/*.spectamodel; do
    name=$(basename "$file")
    if [ ! -f "$file" ] || [ -L "$file" ]; then continue; fi
    case $name in
    .* | *[!A-Za-z0-9._-]*) say "left alone, its name has other signs than letters, digits, . _ -: $name"; continue ;;
    esac
    bytes=$(stat -c %s "$file")
    if [ "$bytes" -gt $most_bytes ]; then say "left alone, too large: $name"; continue; fi
    count=$((count + 1))
    if [ $count -gt $most_files ]; then say "left alone, $most_files at once are taken: $name"; break; fi
    # The same again was answered already, or is about to be.
    if as_user cmp -s - "$inbox/$name" <"$file"; then
        names="$names $name"
        continue
    fi
    if [ "$(($(stat -f -c '%a * %S' "$inbox")))" -lt $((bytes + spare_bytes)) ]; then
        say "left alone, the disk of $inbox has no room for it: $name"
        continue
    fi
    as_user rm -f "$inbox/$name.result.txt"
    # Under a hidden name until it is whole.
    part=$inbox/.$name.part
    as_user sh -c 'cat >"$1" && sync "$1" && mv -f "$1" "$2"' sh "$part" "$inbox/$name" <"$file"
    part=
    names="$names $name"
    say "in the inbox: $name"
done
unmounted

answered() { # NAME
    as_user head -c 4 "$inbox/$1.result.txt" 2>/dev/null | grep -q '^\(YES\|NO\)$'
}
for name in $names; do
    until answered "$name"; do
        if [ "$patience" -le 0 ]; then say "no answer yet: $name"; exit 0; fi
        patience=$((patience - 1))
        sleep 1
    done
    mounted rw
    as_user cat "$inbox/$name.result.txt" >"$stick/$name.result.txt"
    sync "$stick/$name.result.txt"
    unmounted
    say "answered on the stick: $name"
done
