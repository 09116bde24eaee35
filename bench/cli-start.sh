#!/bin/sh
# Starts of `lock run K -- true` (broker running) against an empty .NET program, both published ReadyToRun, in turns; medians.
# usage: bench/cli-start.sh [ROUNDS]
set -eu
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd -P)
rounds=${1:-40}
work=$(mktemp -d)
trap 'kill "$broker" 2>/dev/null; wait "$broker" 2>/dev/null; rm -rf "$work"' EXIT
broker=

mkdir "$work/empty"
cat >"$work/empty/empty.csproj" <<'X'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <RuntimeIdentifier>$(NETCoreSdkRuntimeIdentifier)</RuntimeIdentifier>
    <SelfContained>false</SelfContained>
    <PublishReadyToRun>true</PublishReadyToRun>
    <InvariantGlobalization>true</InvariantGlobalization>
  </PropertyGroup>
</Project>
X
echo 'return 0;' >"$work/empty/Program.cs"
dotnet publish "$work/empty" -c Release -o "$work/out" -v quiet -nologo

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
  measure "$work/out/empty" >>"$work/t-empty"
  measure "$lock" run k -- true >>"$work/t-run"
  measure "$lock" --version >>"$work/t-version"
  i=$((i + 1))
done
for what in empty version run; do
  awk -v what="$what" -v m="$(median "$work/t-$what")" -v l="$(least "$work/t-$what")" -v e="$(median "$work/t-empty")" -v f="$(least "$work/t-empty")" \
    'BEGIN { printf "%-8s median %6.1f ms (%.2f x empty)   least %6.1f ms (%.2f x)\n", what, m / 1000, m / e, l / 1000, l / f }'
done
