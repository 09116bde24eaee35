#!/usr/bin/env bash
# Gets and starts what the tests need, builds, runs every test project, stops everything. Ends with 'N passed, N failed'.
# A host that crashes or hangs, a test that does not run and a process that is left behind are failures.
#   ./test.sh                 everything
#   ./test.sh Core InMemory   only these test projects (tests/Lock.NAME.Tests)
# Without apt, name what is there: LOCK_TEST_REDIS_SERVER, LOCK_TEST_VALKEY_SERVER and LOCK_TEST_PGBOUNCER (binaries), LOCK_TEST_POSTGRES_BIN (the folder
# of initdb), LOCK_TEST_MONGODB (a mongodb:// URI).
set -uo pipefail
cd "$(dirname "$0")"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 MSBUILDDISABLENODEREUSE=1
results=$(mktemp -d)
started=$(date +%s)

# What is started here carries this mark in its environment. LC_: a launched broker keeps little of its launcher's environment, and the language's
# variables are of that.
export LC_LOCK_TEST_RUN="$$.$started"

# The numbers of the processes of this run that are still there.
leftovers() {
  [ -r /proc/self/environ ] || return 0
  env -u LC_LOCK_TEST_RUN grep -lzxF "LC_LOCK_TEST_RUN=$LC_LOCK_TEST_RUN" /proc/[0-9]*/environ 2> /dev/null | env -u LC_LOCK_TEST_RUN cut -d/ -f3
}

# Stops the servers, and names and ends what is left behind. What is about to end by itself has half a minute for it.
stop() {
  local process code=0 left='' tries
  if [ -x eng/servers.sh ]; then eng/servers.sh stop || code=1; fi
  for ((tries = 0; tries < 30; tries++)); do
    left=$(leftovers)
    [ -n "$left" ] || break
    sleep 1
  done
  for process in $left; do
    [ -e "/proc/$process" ] || continue
    echo "test.sh: left behind: $process $(tr '\0' ' ' < "/proc/$process/cmdline" 2> /dev/null)" >&2
    kill -KILL "$process" 2> /dev/null
    code=1
  done
  return "$code"
}

on_exit() {
  local code=$?
  [ -n "${stopped:-}" ] || stop || code=1
  rm -rf "$results"
  exit "$code"
}
trap on_exit EXIT

eng/servers.sh start || { echo "test.sh: the servers that the tests need could not be had (see above)." >&2; exit 1; }
# shellcheck disable=SC1091
[ -f .testbed/env ] && . .testbed/env

# One compiler for the whole build: warm, it takes half the time. It is of this run alone, by its id, and ends with the build.
dotnet build Lock.sln -c Release -v q -nodeReuse:false -p:UseSharedCompilation=true -p:SharedCompilationId="$LC_LOCK_TEST_RUN" || exit 1
for process in $(leftovers); do
  if tr '\0' ' ' < "/proc/$process/cmdline" 2> /dev/null | env -u LC_LOCK_TEST_RUN grep -qF "VBCSCompiler"; then kill "$process" 2> /dev/null; fi
done

projects=()
if [ $# -gt 0 ]; then
  for name in "$@"; do projects+=("tests/Lock.$name.Tests"); done
else
  for project in tests/*.Tests; do projects+=("$project"); done
fi

# A shell ignores INT and QUIT for what it starts in the background, nohup HUP, and so would what the tests start and send signals to.
with_signals=(env)
if env --default-signal=INT,QUIT,HUP true 2> /dev/null; then with_signals=(env --default-signal=INT,QUIT,HUP); fi

# Runs one project and leaves "passed failed" and the log behind.
run() {
  local project=$1 name code counters p f total missing
  name=$(basename "$project")
  "${with_signals[@]}" dotnet test "$project" -c Release --no-build --nologo --logger "trx;LogFileName=$results/$name.trx" --blame-hang-timeout 15m --results-directory "$results/$name" \
    > "$results/$name.log" 2>&1
  code=$?
  counters=$(grep -o '<Counters [^>]*>' "$results/$name.trx" 2>/dev/null | head -1)
  p=$(sed -n 's/.* passed="\([0-9]*\)".*/\1/p' <<< "$counters"); f=$(sed -n 's/.* failed="\([0-9]*\)".*/\1/p' <<< "$counters")
  total=$(sed -n 's/.* total="\([0-9]*\)".*/\1/p' <<< "$counters")
  p=${p:-0} f=${f:-0} total=${total:-0}
  # A test that did not run is no pass: a crashed host, a skipped test, a project without tests.
  missing=$((total - p - f)); [ "$missing" -ge 0 ] || missing=0
  if [ "$code" != 0 ] && [ "$f" = 0 ]; then f=1; fi
  if [ "$total" = 0 ]; then f=1; fi
  f=$((f + missing))
  printf '%-28s %5d passed, %d failed (%d s so far)\n' "$name" "$p" "$f" $(($(date +%s) - started))
  if [ "$f" != 0 ]; then cat "$results/$name.log"; fi
  echo "$p $f" > "$results/$name.counts"
}

# The longest ones first, and four at a time: most tests wait for leases and servers, not for a processor. Each project has its servers, sockets and
# ports to itself.
longest=(Cli Etcd Redis Packages Mongo RedLock Samples Broker Postgres Peers InMemory)
ordered=()
for name in "${longest[@]}"; do
  for project in "${projects[@]}"; do if [ "$project" = "tests/Lock.$name.Tests" ]; then ordered+=("$project"); fi; done
done
for project in "${projects[@]}"; do
  case " ${ordered[*]} " in *" $project "*) ;; *) ordered+=("$project") ;; esac
done
for project in "${ordered[@]}"; do
  while [ "$(jobs -rp | wc -l)" -ge 4 ]; do wait -n; done
  run "$project" &
done
wait

passed=0 failed=0 names=()
for project in "${projects[@]}"; do
  name=$(basename "$project")
  if ! read -r p f < "$results/$name.counts"; then p=0 f=1; fi
  passed=$((passed + p)) failed=$((failed + f))
  if [ "$f" != 0 ]; then names+=("$name"); fi
done

stopped=1
if ! stop; then failed=$((failed + 1)) names+=("processes left behind"); fi
if [ "$failed" != 0 ]; then (IFS=','; echo "failed in: ${names[*]}"); fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
