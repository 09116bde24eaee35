#!/usr/bin/env bash
# start: gets the servers and foreign clients that the tests use, and starts what is shared by all tests.
# stop:  stops what start has started.
set -euo pipefail
cd "$(dirname "$0")/.."

install() { # install PACKAGE WHY
  command -v apt-get > /dev/null || { echo "servers.sh: $2 is missing, and there is no apt-get to install '$1' with." >&2; return 1; }
  local sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
  [ -n "${updated:-}" ] || { $sudo apt-get update -qq > /dev/null; updated=1; }
  # RUNLEVEL: the tests start servers of their own; the package must not start one.
  $sudo env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" > /dev/null
}

need() { command -v "$1" > /dev/null || install "$2" "'$1'"; } # need COMMAND PACKAGE

# Redis servers are started by the tests themselves, each on a port and in a folder of its own.
get_redis() {
  [ -n "${LOCK_TEST_REDIS_SERVER:-}" ] || need redis-server redis-server
  [ -n "${LOCK_TEST_PYTHON:-}" ] || /usr/bin/python3 -c 'import redis' 2> /dev/null || install python3-redis 'redis-py'
}

# So are members of etcd.
get_etcd() {
  need etcd etcd-server
  need etcdctl etcd-client
}

# A wall clock that steps, for the tests of the command.
get_clock() { [ -n "$(find /usr/lib -name libfaketimeMT.so.1 -print -quit)" ] || install libfaketime 'libfaketime'; }

# The clients of other languages (docs/redis.md, docs/broker-protocol.md, docs/mongo.md).
get_clients() {
  need node nodejs
  need npm npm
  eng/node-clients.sh
}

# PostgreSQL and PgBouncer are started by the tests themselves, each on a port and in a folder of its own.
get_postgres() {
  [ -n "${LOCK_TEST_POSTGRES_BIN:-}" ] || [ -n "$(find /usr/lib/postgresql -name initdb -print -quit 2> /dev/null)" ] || install postgresql "'initdb'"
  [ -n "${LOCK_TEST_PGBOUNCER:-}" ] || [ -x /usr/sbin/pgbouncer ] || install pgbouncer "'pgbouncer'"
}

# The engine behind the tests of the mongo backend.
start_mongo() {
  [ -z "${LOCK_TEST_MONGODB:-}" ] || return 0
  [ -e .testbed/mongo/packages.txt ] || eng/mongo-testbed.sh install
  echo "export LOCK_TEST_MONGO_PG=$(eng/mongo-testbed.sh start)" >> .testbed/env
}

stop_mongo() { [ ! -e .testbed/mongo/packages.txt ] || eng/mongo-testbed.sh stop; }

start() {
  mkdir -p .testbed
  : > .testbed/env
  get_redis
  get_etcd
  get_clock
  get_postgres
  get_clients
  start_mongo
}

stop() {
  rm -f .testbed/env
  stop_mongo
}

"$1"
