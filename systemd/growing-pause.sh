#!/bin/sh
# growing-pause.sh before|after — makes the pauses between restarts of specta.service grow: 0, 0, 1, 2, 4 … 60 s.
# `after` (ExecStopPost) counts a failure; `before` (ExecStartPre) waits as long as the count asks for. An orderly stop,
# and a run of ten minutes, begin anew. The count lives in the runtime folder, which the unit keeps between restarts.
set -eu
most=${SPECTA_LONGEST_PAUSE:-60}
steady=${SPECTA_STEADY_SECONDS:-600}
file=${RUNTIME_DIRECTORY:-/run/specta}/restarts

failures=0
began=0
if [ -r "$file" ]; then read -r failures began <"$file" || true; fi
# A file that was cut short by a power failure counts as none.
case "$failures$began" in '' | *[!0-9]*) failures=0 began=0 ;; esac
now=$(cut -d. -f1 /proc/uptime)

keep() {
    printf '%s %s\n' "$1" "$2" >"$file.new"
    mv "$file.new" "$file"
}

case "${1:-}" in
before)
    pause=0
    step=1
    while [ "$step" -lt "$failures" ] && [ "$pause" -lt "$most" ]; do
        if [ "$pause" -eq 0 ]; then pause=1; else pause=$((pause * 2)); fi
        step=$((step + 1))
    done
    if [ "$pause" -gt "$most" ]; then pause=$most; fi
    keep "$failures" "$((now + pause))"
    if [ "$pause" -gt 0 ]; then
        echo "SPECTA ended $failures times in a row: starting again in $pause s"
        sleep "$pause"
    fi
    ;;
after)
    if [ "${SERVICE_RESULT:-success}" = success ]; then
        rm -f "$file"
    elif [ $((now - began)) -ge "$steady" ]; then
        keep 1 "$now"
    else
        keep $((failures + 1)) "$now"
    fi
    ;;
*)
    echo "usage: growing-pause.sh before|after" >&2
    exit 64
    ;;
esac
