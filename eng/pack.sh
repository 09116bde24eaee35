#!/usr/bin/env bash
# Makes every package, with symbols, into a folder.
#   eng/pack.sh [FOLDER] [VERSION]       default: artifacts/packages, the version of Directory.Build.props
#   LOCK_PACK_NO_BUILD=1                 packs what `dotnet build -c Release` has built
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-artifacts/packages}
options=(-c Release -o "$folder" -v quiet -nologo -nodeReuse:false -p:ContinuousIntegrationBuild=true)
[ -z "${2:-}" ] || options+=("-p:Version=$2")
[ -z "${LOCK_PACK_NO_BUILD:-}" ] || options+=(--no-build)
for project in src/*/*.csproj tests/Lock.Conformance/Lock.Conformance.csproj; do
  dotnet pack "$project" "${options[@]}"
done
ls "$folder"
