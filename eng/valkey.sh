#!/usr/bin/env bash
# Prints the path of a valkey-server: the machine's own, or else Debian's package (of this release, or of its backports), unpacked into
# .testbed/valkey, which git ignores. Installs nothing. Needs apt-get and dpkg-deb, and the libraries that redis-server needs as well.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=$PWD/.testbed/valkey
server=$dir/root/usr/bin/valkey-server

if command -v valkey-server; then exit 0; fi
if [ -e "$dir/installed" ]; then echo "$server"; exit 0; fi
for tool in apt-get dpkg-deb; do
  command -v "$tool" > /dev/null || { echo "valkey.sh: there is no valkey-server, and no $tool to get Debian's with. LOCK_TEST_VALKEY_SERVER names a binary." >&2; exit 1; }
done

mkdir -p "$dir"
# Test projects that run side by side ask at the same time: one unpacks, the others wait for it.
exec 9> "$dir/lock"
if command -v flock > /dev/null; then flock 9; fi
if [ -e "$dir/installed" ]; then echo "$server"; exit 0; fi

# shellcheck disable=SC1091
release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
mirror=${DEBIAN_MIRROR:-$({ cat /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2> /dev/null || true; } |
  grep -oE 'https?://[^ ]+/debian/?( |$)' | head -1 | tr -d ' ')}
[ -n "$mirror" ] && [ -n "$release" ] || { echo "valkey.sh: apt's sources name no Debian mirror; DEBIAN_MIRROR names one, LOCK_TEST_VALKEY_SERVER a binary." >&2; exit 1; }

apt=$dir/apt
rm -rf "$apt" "$dir/root"
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$dir/root"
: > "$apt/status"
cat > "$apt/apt.conf" <<END
Dir::State "$apt"; Dir::State::lists "$apt/lists"; Dir::State::status "$apt/status"; Dir::Cache "$apt/cache";
Dir::Etc::sourcelist "$apt/sources.list"; Dir::Etc::sourceparts "/dev/null"; Dir::Etc::parts "/dev/null"; Dir::Etc::preferencesparts "/dev/null";
Debug::NoLocking "1"; APT::Sandbox::User ""; Acquire::Languages "none";
END
export APT_CONFIG=$apt/apt.conf
for suite in "$release" "$release-backports"; do
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" > "$apt/sources.list"
  apt-get update -qq > "$apt/log" 2>&1 || continue
  if (cd "$apt" && apt-get download -qq valkey-server valkey-tools) >> "$apt/log" 2>&1; then
    for deb in "$apt"/*.deb; do dpkg-deb -x "$deb" "$dir/root"; done
    break
  fi
done

"$server" --version > "$apt/log2" 2>&1 || {
  tail -5 "$apt/log" "$apt/log2" >&2 || true
  echo "valkey.sh: $mirror has no valkey-server for $release that runs here. LOCK_TEST_VALKEY_SERVER names a binary." >&2
  exit 1
}
rm -rf "$apt"
touch "$dir/installed"
echo "$server"
