#!/bin/bash
# A MongoDB-compatible engine for the tests: PostgreSQL with the DocumentDB extension, unpacked below one folder.
# Nothing is installed on the machine and root is not needed. docs/mongo.md says what this engine covers and what it does not.
#
#   eng/mongo-testbed.sh install [DIR]          download (53 MB) and unpack (170 MB); once
#   eng/mongo-testbed.sh start   [DIR] [PORT]   prints the port (default: the first free one from 24118); the first start creates the database
#   eng/mongo-testbed.sh stop    [DIR]
#   eng/mongo-testbed.sh status  [DIR]          prints the port, or exits with 3 (not running) or 4 (not installed)
#
# DIR defaults to .testbed/mongo in the repository. It must not be moved after installing. Needs apt-get, dpkg-deb, tar, awk and
# the Debian archive keyring. DEBIAN_MIRROR and SUITES override where the packages come from; DATABASE=FOLDER starts and stops another
# engine than the shared one, with a database of its own in that folder.
set -euo pipefail

usage() { sed -n '2,12s/^# \{0,1\}//p' "$0" >&2; exit 64; }

action=${1:-}
dir=$(readlink -m "${2:-$(dirname "$0")/../.testbed/mongo}")
port=${3:-}
root=$dir/root
apt=$dir/apt
database=$(readlink -m "${DATABASE:-$dir}")
data=$database/data
run=$database/run

reaches_its_files() { "${drop[@]}" ls "$root/usr/lib" "$run" "$data" > /dev/null 2>&1; }

# PostgreSQL refuses to run as root. Root's nobody has to get at its files also where others may not go, as in a clone below root's home:
# it then keeps the one capability that this takes, and nothing has to lie elsewhere. access(2), by which initdb looks for its programs, heeds a
# capability only with the bit no_setuid_fixup.
drop=()
drop_root() {
  [ "$(id -u)" = 0 ] || return 0
  drop=(setpriv --reuid=65534 --regid=65534 --clear-groups)
  if reaches_its_files; then return; fi
  drop+=(--inh-caps=+dac_override --ambient-caps=+dac_override --securebits=+no_setuid_fixup)
  reaches_its_files || {
    echo "mongo-testbed.sh: PostgreSQL, which does not run as root, cannot reach $database as nobody, and this machine does not let it keep the capability CAP_DAC_OVERRIDE." \
      "Use a clone in a directory that others may enter, or run this as another user than root." >&2
    exit 1
  }
}
engine() { env -i HOME="$run" PATH=/usr/bin:/bin TZ=UTC LC_ALL=C "${drop[@]}" "$@"; }
programs() { echo "$root"/usr/lib/postgresql/*/bin; }
installed() { [ -e "$dir/packages.txt" ]; }
need_installed() { installed || { echo "not installed in $dir: run eng/mongo-testbed.sh install" >&2; exit 4; }; }
running_port() {
  [ -e "$data/postmaster.pid" ] || return 1
  kill -0 "$(head -1 "$data/postmaster.pid")" 2> /dev/null || return 1
  # After a crash the process id may be somebody else's by now.
  listens "$(sed -n 4p "$data/postmaster.pid")" || return 1
  sed -n 4p "$data/postmaster.pid"
}
listens() { (: > "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }
# Below the ports that the kernel gives to outgoing connections: one of those listens nowhere, and cannot be had.
free_port() {
  local candidate=$1
  while listens "$candidate"; do candidate=$((candidate + 1)); done
  echo "$candidate"
}

# The machine's own Debian mirror.
find_mirror() {
  { cat /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2> /dev/null || true; } |
    grep -oE 'https?://[^ ]+/debian/?( |$)' | head -1 | tr -d ' ' | grep .
}

write_apt_settings() {
  cat > "$apt/apt.conf" <<END
Dir::State "$apt"; Dir::State::lists "$apt/lists"; Dir::State::status "$apt/status"; Dir::Cache "$apt/cache";
Dir::Etc::sourcelist "$apt/sources.list"; Dir::Etc::sourceparts "/dev/null"; Dir::Etc::parts "/dev/null"; Dir::Etc::preferencesparts "/dev/null";
Debug::NoLocking "1"; APT::Sandbox::User ""; Acquire::Check-Valid-Until "0"; Acquire::Languages "none"; APT::Install-Recommends "0";
APT::Keep-Downloaded-Packages "1"; Binary::apt-get::APT::Keep-Downloaded-Packages "1";
END
}

# Packages that the server uses no file of, declared as installed: GDAL and SFCGAL (other PostGIS modules use them), Perl, systemd, set-up tools.
# If a name changes, the download just grows.
write_status_of_unused_packages() {
  local unused='^(libgdal[0-9]+|libsfcgal[0-9]+|perl|perl-base|libjson-perl|postgresql-common|postgresql-client-common|ssl-cert|locales|systemd|procps|debconf|adduser|ucf|netbase|proj-data|tzdata|sensible-utils|init-system-helpers|libpam-runtime|libpam-modules|libpam-modules-bin|readline-common|libllvm[0-9]+|passwd|base-files|base-passwd|bash|coreutils|dash|debianutils|diffutils|findutils|grep|gzip|hostname|login|ncurses-base|ncurses-bin|sed|tar|util-linux|sysvinit-utils|libsasl2-modules-db|mysql-common|dpkg|bsdutils|libc-bin|libdebconfclient0|openssl|libxslt1[.]1)$'
  apt-cache dumpavail | awk -v unused="$unused" '
    /^Package: /{package=$2}
    /^Architecture: /{arch=$2}
    /^$/{ if (package ~ unused) printf "Package: %s\nStatus: install ok installed\nMaintainer: x\nArchitecture: %s\nMulti-Arch: foreign\nVersion: 99:9\nDescription: x\n\n", package, arch; package="" }' > "$apt/status"
}

# The packages want a newer C library than the machine may have: each program goes through the unpacked library's own loader.
wrap_programs() {
  local bin loader libs program
  bin=$(programs)
  loader=$(find "$root/usr/lib" -name 'ld-linux*.so.*' | head -1)
  libs=$(dirname "$loader")
  [ -e "$libs/libc.so.6" ] || libs=$(dirname "$(find "$root/usr/lib" -name libc.so.6 | head -1)")
  for program in postgres initdb pg_ctl psql; do
    mv "$bin/$program" "$bin/$program.bin"
    printf '#!/bin/sh\nexec %s --library-path %s:%s --argv0 %s %s "$@"\n' \
      "$libs/$(basename "$loader")" "$libs" "${bin%/bin}/lib" "$bin/$program" "$bin/$program.bin" > "$bin/$program"
    chmod 755 "$bin/$program"
  done
}

need_tools() {
  local tool
  for tool in apt-get apt-cache dpkg-deb tar awk; do
    command -v "$tool" > /dev/null || {
      echo "mongo-testbed.sh: '$tool' is missing. The engine comes as Debian packages: use a machine with Debian's tools (Debian or Ubuntu," \
        "or a container of one), or let LOCK_TEST_MONGODB name a MongoDB server for the tests (docs/mongo.md)." >&2
      exit 2
    }
  done
  [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || {
    echo "mongo-testbed.sh: /usr/share/keyrings/debian-archive-keyring.gpg is missing: install the package debian-archive-keyring." >&2
    exit 2
  }
}

do_install() {
  need_tools
  if running_port > /dev/null; then echo "running in $dir: stop it first" >&2; exit 1; fi
  rm -rf "$apt" "$root" "$data" "$dir/packages.txt"
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$root"
  local mirror package='' suite deb
  mirror=${DEBIAN_MIRROR:-$(find_mirror)} || { echo "mongo-testbed.sh: apt's sources name no Debian mirror; DEBIAN_MIRROR names one." >&2; exit 1; }
  write_apt_settings
  export APT_CONFIG=$apt/apt.conf
  for suite in ${SUITES:-forky sid}; do
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" > "$apt/sources.list"
    : > "$apt/status"
    apt-get update -qq > "$apt/update.log" 2>&1 || { tail -5 "$apt/update.log" >&2; echo "mongo-testbed.sh: the package lists of $mirror ($suite) cannot be had; DEBIAN_MIRROR names another mirror." >&2; exit 1; }
    package=$(apt-cache pkgnames postgresql- | grep -xE 'postgresql-[0-9]+-documentdb' | sort -V | tail -1) || true
    [ -n "$package" ] && break
  done
  [ -n "$package" ] || {
    tail -5 "$apt/update.log" >&2
    echo "mongo-testbed.sh: no package postgresql-N-documentdb in the suites ${SUITES:-forky sid} of $mirror. Is it reachable? DEBIAN_MIRROR names another mirror." >&2
    exit 1
  }
  write_status_of_unused_packages
  apt-get install -y --download-only "$package" > "$apt/download.log" 2>&1 || { tail -20 "$apt/download.log" >&2; exit 1; }
  for deb in "$apt"/cache/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$root" --no-same-owner --exclude='./usr/share/doc' --exclude='./usr/share/man' \
      --exclude='./usr/share/locale' --exclude='*/bitcode' --exclude='./usr/include'
  done
  # The PostGIS package's set-up script would make this link.
  (cd "$root"/usr/share/postgresql/*/extension && ln -sf postgis-3.control postgis.control)
  wrap_programs
  chmod -R go+rX "$root"
  (cd "$apt/cache/archives" && ls ./*.deb) > "$dir/packages.new"
  rm -rf "$apt"
  mv "$dir/packages.new" "$dir/packages.txt"
  echo "installed $package in $dir"
}

create_database() {
  engine "$(programs)/initdb" -D "$data" -U postgres -A trust --no-sync --no-locale -E UTF8 > "$run/initdb.log" 2>&1 || { cat "$run/initdb.log" >&2; exit 1; }
  chmod 700 "$data"
  cat >> "$data/postgresql.conf" <<END
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
shared_preload_libraries = 'pg_cron,pg_documentdb_core,pg_documentdb'
cron.database_name = 'postgres'
cron.host = '127.0.0.1'
cron.log_statement = off
cron.log_run = off
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 120
shared_buffers = 64MB
jit = off
timezone = 'UTC'
END
}

# Somebody else may take a port that was free a moment ago.
start_server() {
  local attempt wanted=$port next=24118
  for attempt in 1 2 3 4 5 6 7 8; do
    port=${wanted:-$(free_port "$next")}
    next=$((port + 1))
    rm -f "$run/pg.log"
    if engine "$(programs)/pg_ctl" -D "$data" -o "-p $port" -l "$run/pg.log" -w -s start > /dev/null 2>&1; then return 0; fi
    if [ -n "$wanted" ] || ! grep -q 'Address already in use' "$run/pg.log"; then return 1; fi
  done
  return 1
}

do_start() {
  need_installed
  if running_port; then return; fi
  mkdir -p "$run" "$data"
  if [ "$(id -u)" = 0 ]; then chown 65534:65534 "$run" "$data"; fi
  drop_root
  cd "$run"
  [ -e "$data/PG_VERSION" ] || create_database
  start_server || { tail -20 "$run/pg.log" >&2; exit 1; }
  if [ ! -e "$database/extension" ] || [ "$database/extension" -ot "$data/PG_VERSION" ]; then
    engine "$(programs)/psql" -qX -h 127.0.0.1 -p "$port" -U postgres -c 'SET client_min_messages = warning' -c 'CREATE EXTENSION IF NOT EXISTS documentdb CASCADE' > /dev/null
    touch "$database/extension"
  fi
  echo "$port"
}

do_stop() {
  need_installed
  running_port > /dev/null || return 0
  drop_root
  cd "$run"
  engine "$(programs)/pg_ctl" -D "$data" -m fast -w -s stop
}

do_status() {
  need_installed
  running_port || { echo "not running" >&2; exit 3; }
}

case $action in
  install) do_install ;;
  start) do_start ;;
  stop) do_stop ;;
  status) do_status ;;
  *) usage ;;
esac
