#!/bin/sh
# Starts of `lock run K -- true` (broker running) against `flock FILE true`, in turns; medians, least, and CPU time where there is perf.
# usage: bench/cli-start.sh [ROUNDS]
set -eu
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd -P)
rounds=${1:-40}
work=$(mktemp -d)
broker=
trap '[ -z "$broker" ] || { kill "$broker"; wait "$broker"; } 2>/dev/null; rm -rf "$work"' EXIT

"$root/lock" --version >/dev/null
read -r name <"$root/artifacts/lock/current"
lock=$root/artifacts/lock/$name/lock
export LOCK_CONFIG="{\"type\":\"broker\",\"connection\":{\"path\":\"$work/b/broker.sock\",\"launch\":false}}"
"$lock" broker --path "$work/b/broker.sock" 2>/dev/null &
broker=$!
until "$lock" run k -- true 2>/dev/null; do sleep 0.1; done

now() { date +%s%N; }
measure() {
  begin=$(now)
  "$@" >/dev/null
  end=$(now)
  echo $(((end - begin) / 1000))
}
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
least() { sort -n "$1" | head -n 1; }

i=0
while [ "$i" -lt "$rounds" ]; do
  measure flock "$work/file" true >>"$work/t-flock"
  measure "$lock" run k -- true >>"$work/t-run"
  measure "$lock" --version >>"$work/t-version"
  i=$((i + 1))
done
for what in flock version run; do
  awk -v what="$what" -v m="$(median "$work/t-$what")" -v l="$(least "$work/t-$what")" -v e="$(median "$work/t-flock")" -v f="$(least "$work/t-flock")" \
    'BEGIN { printf "%-8s median %6.1f ms (%.2f x flock)   least %6.1f ms (%.2f x)\n", what, m / 1000, m / e, l / 1000, l / f }'
done

command -v perf >/dev/null || exit 0
for round in 1 2 3; do
  perf stat -x ' ' -e task-clock -r "$rounds" flock "$work/file" true 2>>"$work/c-flock"
  perf stat -x ' ' -e task-clock -r "$rounds" "$lock" run k -- true 2>>"$work/c-run"
done
awk '{ cpu[FILENAME] += $1 } END { printf "CPU time: run %.2f ms, flock %.2f ms (%.2f x)\n", cpu[ARGV[2]] / 3, cpu[ARGV[1]] / 3, cpu[ARGV[2]] / cpu[ARGV[1]] }' \
  "$work/c-flock" "$work/c-run"
