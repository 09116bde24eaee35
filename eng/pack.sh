#!/usr/bin/env bash
# Makes every package, with symbols, into a folder. The command is a tool of several packages (docs/decisions/0187): one that people install, which names the
# others, one that .NET runs everywhere, and a native one for this machine's system, where there is clang or gcc.
#   eng/pack.sh [FOLDER] [VERSION]       default: artifacts/packages, the version of Directory.Build.props
#   LOCK_PACK_NO_BUILD=1                 packs what `dotnet build -c Release` has built, and compiles the command no more than ./lock has: for this processor
#   LOCK_PACK_RUNTIMES="linux-x64 osx-arm64 any"   what the package that people install names, where other machines make some of the others; "any" alone:
#                                        nothing is compiled natively
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-artifacts/packages}
common=(-c Release -o "$folder" -v quiet -nologo -nodeReuse:false)
options=("${common[@]}" -p:ContinuousIntegrationBuild=true)
[ -z "${2:-}" ] || options+=("-p:Version=$2")
[ -z "${LOCK_PACK_NO_BUILD:-}" ] || options+=(--no-build)
for project in src/*/*.csproj tests/Lock.Conformance/Lock.Conformance.csproj; do
  [ "$project" = src/Lock.Cli/Lock.Cli.csproj ] || dotnet pack "$project" "${options[@]}"
done

native=
if command -v clang || command -v gcc; then
  native=$(dotnet msbuild src/Lock.Cli/Lock.Cli.csproj -getProperty:NETCoreSdkPortableRuntimeIdentifier)
fi > /dev/null
runtimes=${LOCK_PACK_RUNTIMES:-$native any}
# shellcheck disable=SC2086
LockToolRuntimes=$(printf '%s;' $runtimes)
export LockToolRuntimes=${LockToolRuntimes%;}
dotnet pack src/Lock.Cli "${options[@]}" -p:LockTool=pointer

# As ./lock builds it, without symbols and documentation, in a place apart from that of `dotnet build`. No compiler stays behind.
pack_program() {
  dotnet pack src/Lock.Cli "${common[@]}" -p:UseSharedCompilation=false -p:RunAnalyzers=false -p:DebugType=none -p:GenerateDocumentationFile=false \
    "-p:LockTool=$1" "${@:2}"
}

version=${2:+"-p:Version=$2"}
# Only the package has the version, so that nothing has to be compiled again.
[ -z "${LOCK_PACK_NO_BUILD:-}" ] || version=${2:+"-p:PackageVersion=$2"}
pack_program any --artifacts-path artifacts/tool $version
full="-p:LockToolFullProgram=$PWD/artifacts/tool/publish/Lock.Cli/release_any"
case " $runtimes " in *" ${native:-none} "*) ;; *) native= ;; esac
if [ -n "$native" ] && [ -n "${LOCK_PACK_NO_BUILD:-}" ]; then
  ./lock --version > /dev/null
  # Nobody publishes there meanwhile.
  if command -v flock > /dev/null; then exec 9> artifacts/lock/guard; flock 9; fi
  pack_program native --artifacts-path artifacts/lock/build -p:LockInstructionSet=native "$full" $version 9>&-
elif [ -n "$native" ]; then
  pack_program native --artifacts-path artifacts/tool "$full" $version
fi
ls "$folder"
