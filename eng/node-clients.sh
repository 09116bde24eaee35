#!/bin/sh
# Installs the clients of other languages that the interoperation tests run, by exact version (eng/testbed/package.json), into
# .testbed/node, which git ignores. Needs Node.js 18 or later and npm.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
target="$root/.testbed/node"
cmp -s "$root/eng/testbed/package.json" "$target/installed.json" && exit 0
command -v npm > /dev/null || { echo "node-clients.sh: npm is missing; the interoperation tests need Node.js 18 or later and npm." >&2; exit 1; }
mkdir -p "$target"
# Test projects that run side by side ask at the same time: one installs, the others wait for it.
exec 9> "$target/lock"
command -v flock > /dev/null && flock 9
cmp -s "$root/eng/testbed/package.json" "$target/installed.json" && exit 0
cp "$root/eng/testbed/package.json" "$target/package.json"
# dist-lock asks for a client of its time; it runs with ioredis.
npm install --prefix "$target" --no-audit --no-fund --legacy-peer-deps --ignore-scripts --loglevel=error
cp "$root/eng/testbed/package.json" "$target/installed.json"
