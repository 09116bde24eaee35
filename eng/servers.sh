#!/usr/bin/env bash
# start: gets the servers and foreign clients that the tests use, and starts what is shared by all tests.
# stop:  stops what start has started.
set -euo pipefail
cd "$(dirname "$0")/.."

need() { # need COMMAND PACKAGE
  command -v "$1" > /dev/null && return
  command -v apt-get > /dev/null || { echo "servers.sh: '$1' is missing, and there is no apt-get to install '$2' with." >&2; return 1; }
  local sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
  [ -n "${updated:-}" ] || { $sudo apt-get update -qq > /dev/null; updated=1; }
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" > /dev/null
}

# The engine behind the tests of the mongo backend, and MongoDB's Node driver, which checks the gateway in front of it (docs/mongo.md).
start_mongo() {
  [ -e .testbed/mongo/packages.txt ] || eng/mongo-testbed.sh install
  if [ ! -d .testbed/node/node_modules/mongodb ]; then
    need node nodejs
    need npm npm
    eng/mongo-testbed.sh driver
  fi
  echo "export LOCK_TEST_MONGO_PG=$(eng/mongo-testbed.sh start)" >> .testbed/env
}

stop_mongo() { [ ! -e .testbed/mongo/packages.txt ] || eng/mongo-testbed.sh stop; }

start() {
  mkdir -p .testbed
  : > .testbed/env
  start_mongo
}

stop() {
  rm -f .testbed/env
  stop_mongo
}

"$1"
