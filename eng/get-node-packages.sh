#!/bin/sh
# Installs the published live-mutex client and broker, which the interoperation tests run against, into .testbed/node.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
version=0.2.25
target="$root/.testbed/node"
if [ -f "$target/node_modules/live-mutex/package.json" ]; then
    exit 0
fi
if ! command -v npm >/dev/null; then
    echo "npm is not here: the interoperation tests with live-mutex need Node.js 18 or later" >&2
    exit 1
fi
mkdir -p "$target"
cd "$target"
echo '{"name":"testbed","private":true}' > package.json
npm install --silent --no-audit --no-fund --ignore-scripts "live-mutex@$version"
