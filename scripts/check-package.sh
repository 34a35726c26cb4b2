#!/usr/bin/env bash
# The packed package works in an empty folder: help and version with whatever Node is there, the demo with the one it needs.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm pack --silent --pack-destination "$folder" >/dev/null
cd "$folder"
npm init -y >/dev/null
ONNXRUNTIME_NODE_INSTALL=skip npm install --silent --no-audit --no-fund ./cutover-*.tgz
npx cutover --help >help.txt
grep -q 'Usage: cutover' help.txt
npx cutover --version
export PATH="$root/node_modules/.bin:$PATH"
node --input-type=module -e "
  import { compareProportions } from 'cutover/stats'
  const arm = (events) => ({ events, trials: 1000 })
  const { ok, crossed } = compareProportions({ strata: [{ candidate: arm(90), stable: arm(10) }], margin: 0.01, alpha: 0.01 })
  if (!(ok && crossed)) throw new Error('the statistics of the package do not compute')
"
test -f node_modules/cutover/dist/stats/index.d.ts
test -f node_modules/cutover/dist/dashboard/index.html
npx cutover demo --once -o json >demo.ndjson
tail -n 1 demo.ndjson
echo "the packed package runs: $(du -h cutover-*.tgz | cut -f1)"
