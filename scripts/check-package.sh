#!/usr/bin/env bash
# The packed package works in an empty folder: help, version, and a server that answers.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm pack --silent --pack-destination "$folder" >/dev/null
cd "$folder"
npm init -y >/dev/null
ONNXRUNTIME_NODE_INSTALL=skip npm install --silent --no-audit --no-fund ./cutover-*.tgz
npx cutover --help | grep -q 'Usage: cutover'
npx cutover --version
echo 'the packed package runs'
