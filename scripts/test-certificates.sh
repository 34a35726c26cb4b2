#!/usr/bin/env bash
# Makes the certificates that tests use, in test/fixtures/tls; they are committed, so that tests need no openssl. They count
# from 2020 to 2120, and their keys are public: use them for nothing else.
set -euo pipefail
cd "$(dirname "$0")/../test/fixtures/tls"
rm -f -- *.crt *.key
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# NAME SIGNER EXTENSIONS; `openssl ca`, since `openssl x509` takes no first day.
certificate() {
  openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$1.key"
  openssl req -new -key "$1.key" -subj "/CN=cutover-test-$1" -out "$scratch/$1.csr"
  printf '%b' "$3" > "$scratch/extensions"
  : > "$scratch/index.txt"
  cat > "$scratch/ca.conf" <<CONF
[ca]
default_ca = test
[test]
database = $scratch/index.txt
new_certs_dir = $scratch
rand_serial = yes
default_md = sha256
policy = any
[any]
commonName = supplied
CONF
  local signer=(-cert "$2.crt" -keyfile "$2.key")
  if [ "$1" = "$2" ]; then signer=(-selfsign -keyfile "$2.key"); fi
  openssl ca -batch -notext -config "$scratch/ca.conf" "${signer[@]}" -extfile "$scratch/extensions" \
    -startdate 20200101000000Z -enddate 21200101000000Z -in "$scratch/$1.csr" -out "$1.crt" 2> "$scratch/log" ||
    { cat "$scratch/log"; exit 1; }
}

authority='basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\n'
server='basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName='
client='basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\nsubjectAltName='

certificate ca ca "$authority"
certificate other-ca other-ca "$authority"
certificate server ca "${server}DNS:localhost,IP:127.0.0.1\n"
certificate renewed ca "${server}DNS:localhost,IP:127.0.0.1\n"
certificate model ca "${server}DNS:model.internal\n"
certificate client ca "${client}DNS:client\n"
certificate stranger other-ca "${client}DNS:stranger\n"
certificate client-renewed ca "${client}DNS:client\n"
