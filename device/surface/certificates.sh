#!/bin/sh
# Makes the certificates of a vessel: its authority, its broker, and one for each vehicle and console.
#
#   certificates.sh FOLDER BROKER-HOST NAME...
#
# FOLDER gets ca.crt, ca.key, server.crt, server.key and NAME.crt, NAME.key. What is there already stays, so that a vehicle
# can be added later. ca.key signs everything: keep it off the broker.
set -eu

if [ $# -lt 3 ]; then
  sed -n '2,7p' "$0" | sed 's/^# \{0,1\}//' >&2
  exit 64
fi
folder=$1
host=$2
shift 2
days=${DAYS:-3650}

umask 077
mkdir -p "$folder"
cd "$folder"

new_key() {
  openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
}

# sign FILE EXTENSIONS COMMON-NAME
sign() {
  openssl req -new -key "$1.key" -subj "/CN=$3" -out "$1.csr"
  printf '%s\n' "$2" >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days "$days" -sha256 \
    -extfile "$1.ext" -out "$1.new" 2>/dev/null
  mv "$1.new" "$1.crt"
  rm -f "$1.csr" "$1.ext"
}

if [ -e ca.crt ] && [ ! -e ca.key ]; then
  echo "ca.key is not in $folder: bring it back while certificates are made. A new one would be another authority, which
no broker and no vehicle with the certificates of this one would believe" >&2
  exit 69
fi
if [ ! -e ca.crt ]; then
  new_key ca
  openssl req -x509 -new -key ca.key -sha256 -days "$days" -subj '/CN=SPECTA vessel' -out ca.new
  mv ca.new ca.crt
fi

if [ ! -e server.crt ]; then
  new_key server
  # A number is an address, anything else a name.
  case $host in
    *[!0-9.]*) place="DNS:$host" ;;
    *) place="IP:$host" ;;
  esac
  sign server "subjectAltName=$place
extendedKeyUsage=serverAuth" "$host"
fi

for name in "$@"; do
  case $name in
    '' | *[!A-Za-z0-9_-]*)
      echo "\"$name\" cannot be a vehicle or console: letters, digits, - and _ only" >&2
      exit 64
      ;;
  esac
  [ -e "$name.crt" ] && continue
  new_key "$name"
  sign "$name" 'extendedKeyUsage=clientAuth' "$name"
done
