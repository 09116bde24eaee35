#!/bin/sh
# Installs the lock clients of other languages that the interoperation tests take turns with, into .testbed/node (ignored by git).
# Needs node 18 or later and npm; redis-py is Debian's python3-redis.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
target="$root/.testbed/node"
mkdir -p "$target"
cp "$root/eng/testbed/package.json" "$target/package.json"
# dist-lock asks for a client of its time; it runs with ioredis.
npm install --prefix "$target" --no-audit --no-fund --legacy-peer-deps --loglevel=error
