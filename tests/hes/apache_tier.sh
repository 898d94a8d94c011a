#!/bin/sh
# SPDX-License-Identifier: MIT
# A PostgreSQL 17 with Debian 13's TimescaleDB (the Apache licence) in a folder: what the tests of that tier need.
# Needs root, debootstrap and Debian's packages. Prints the DSN; the server runs until the folder's `stop` is called:
#   dsn=$(tests/hes/apache_tier.sh /tmp/apache) && METERFLEET_APACHE_DSN=$dsn make test; tests/hes/apache_tier.sh /tmp/apache stop
set -eu
root=$1
run() { chroot "$root" su postgres -s /bin/sh -c "PATH=/usr/lib/postgresql/17/bin:\$PATH; $1" >&2; }
if [ "${2:-start}" = stop ]; then
    run "pg_ctl -D /var/lib/postgresql/meterfleet -m fast -w stop"
    exit
fi
if [ ! -x "$root/usr/lib/postgresql/17/bin/postgres" ]; then
    debootstrap --variant=minbase --include=postgresql-17,postgresql-17-timescaledb trixie "$root" >&2
fi
mkdir -p "$root/dev" && { [ -e "$root/dev/null" ] || mknod -m 666 "$root/dev/null" c 1 3; }
if [ ! -d "$root/var/lib/postgresql/meterfleet" ]; then
    run "initdb -D /var/lib/postgresql/meterfleet -U postgres -A trust -E UTF8 --locale=C"
    cat >>"$root/var/lib/postgresql/meterfleet/postgresql.conf" <<SETTINGS
shared_preload_libraries = 'timescaledb'
timescaledb.telemetry_level = off
dynamic_shared_memory_type = mmap
listen_addresses = ''
unix_socket_directories = '/tmp'
fsync = off
SETTINGS
fi
run "pg_ctl -D /var/lib/postgresql/meterfleet -l /tmp/postgres.log -w start"
echo "host=$root/tmp user=postgres dbname=postgres"
