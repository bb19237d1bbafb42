#!/bin/bash
# Backs up PostgreSQL, and test-restores each backup in a separate server that nothing else uses.
#   backup.sh once       makes one backup
#   backup.sh nightly    makes one each night at BACKUP_AT (UTC), and at once if the last is older than a day
#   backup.sh restore [FILE]   replaces the database by a backup, which it reads from its input if no file is named
# DATABASE_URL or libpq's own variables (PGHOST, PGUSER, PGPASSWORD, PGDATABASE ...) name the database, and
# BACKUP_FOLDER the folder for backups.
# The client programs must be at least as new as the server. See docs/backup.md.
set -euo pipefail
umask 077

folder=${BACKUP_FOLDER:?must name the folder for backups}
days=${BACKUP_DAYS:-30}
at=${BACKUP_AT:-02:30}
source=(--dbname="${DATABASE_URL:-}")  # empty if libpq's own variables name it
if [[ ${DATABASE_URL:-} =~ ^([^:]+://[^:@/]*):([^/?]*)@([^@]*)$ ]]; then  # other users can read a command line
    password=${BASH_REMATCH[2]//\\/\\\\}
    printf -v PGPASSWORD '%b' "${password//%/\\x}"
    export PGPASSWORD
    source=(--dbname="${BASH_REMATCH[1]}@${BASH_REMATCH[3]}")
fi
retry_seconds=3600
day_seconds=86400

say() { echo "$(date -u +%FT%TZ) $*"; }

# Run on the source and on the copy: the version of the tables, and a line for each table with its row count.
count_rows="
select 'version ' || version_num from alembic_version;
select format('select %L || count(*) from %I.%I', relname || ' ', nspname, relname)
from pg_class join pg_namespace on pg_namespace.oid = relnamespace
where relkind = 'r' and nspname = 'public' order by relname \\gexec
"

sql() { psql --no-psqlrc --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1 "$@"; }

# Dump, and count the rows in the same snapshot, so that concurrent writes do not matter.
dump() {
    local into=$1 counted=$2 snapshot
    sql "${source[@]}" --command='select 1' > /dev/null  # prints the reason if PostgreSQL cannot be reached
    coproc holder { sql "${source[@]}"; }
    local pid=$holder_PID from=${holder[0]} to=${holder[1]}
    echo "set idle_in_transaction_session_timeout = 0; set statement_timeout = 0;
          begin isolation level repeatable read, read only; select pg_export_snapshot();" >&"$to"
    read -r snapshot <&"$from"
    PGOPTIONS="-c statement_timeout=0" pg_dump "${source[@]}" --format=custom --snapshot="$snapshot" \
        --lock-wait-timeout=60s --file="$into"
    echo "$count_rows commit;" >&"$to"
    eval "exec $to>&-"
    cat <&"$from" > "$counted"
    wait "$pid"
}

# Restore into a temporary server. An index can run code written by the owner of the tables, so the copy belongs to a
# role that may do nothing else, and no other role can connect.
restore_for_a_try() {
    local from=$1 counted=$2
    initdb --pgdata="$try/data" --username=postgres --auth=trust --encoding=UTF8 --locale=C --no-sync > "$try/log"
    local options="-c port=5432 -c listen_addresses='' -c unix_socket_directories='$sockets'"
    pg_ctl --pgdata="$try/data" --log="$try/log" --wait start --options="$options -c fsync=off" > /dev/null {lock}>&-
    local there=(--host="$sockets" --port=5432 --username=postgres)
    createuser "${there[@]}" restorer
    createdb "${there[@]}" --template=template0 --owner=restorer restored
    echo "local restored restorer trust" > "$try/data/pg_hba.conf"
    pg_ctl --pgdata="$try/data" reload > /dev/null
    there=(--host="$sockets" --port=5432 --username=restorer)
    pg_restore "${there[@]}" --dbname=restored --no-owner --no-acl --exit-on-error "$from"
    sql "${there[@]}" --dbname=restored <<< "$count_rows" > "$counted"
}

clean_up() {
    local status=$?
    [ ! -e "$try/data/postmaster.pid" ] || pg_ctl --pgdata="$try/data" --mode=immediate stop > /dev/null
    rm -rf "$try" "$sockets"
    [ $status -eq 0 ] || say "The backup FAILED. Older ones are still there."
}

back_up() {
    mkdir -p "$folder"
    exec {lock}> "$folder/.lock"  # the files of a backup that is under way look like those of one that was killed
    if ! flock --nonblock "$lock"; then
        say "Another backup is under way in $folder. This one was not started."
        exit 1
    fi
    rm -rf "$folder"/.try-*
    try=$folder/.try-$(date -u +%Y%m%dT%H%M%SZ)
    sockets=$(mktemp -d)  # a socket's path must be short
    trap clean_up EXIT
    mkdir "$try"
    dump "$try/dump" "$try/source"
    restore_for_a_try "$try/dump" "$try/copy"
    grep -q '^version ' "$try/copy"
    if ! cmp -s "$try/source" "$try/copy"; then
        say "The copy differs from what was backed up:"
        diff "$try/source" "$try/copy"
    fi
    local kept=$folder/moment24-${try##*/.try-}.dump
    mv "$try/dump" "$kept"
    find "$folder" -maxdepth 1 -name 'moment24-*.dump' -mmin "+$((days * 1440))" -delete
    sql "${source[@]}" --set=bytes="$(stat -c %s "$kept")" --set=days="$days" <<< "
        insert into backups (bytes) values (:bytes);
        delete from backups where verified_at < now() - make_interval(days => :days);"
    say "Backed up and test-restored: $kept, $(wc -l < "$try/copy") counts agree."
}

# Replace everything in one transaction: if anything fails, the database stays as it is. The schema is dropped because
# its tables may be newer than the backup, which `pg_restore --clean` cannot remove. Everything then belongs to the role that restores.
restore() {
    echo "begin; set lock_timeout = '60s'; set statement_timeout = 0; set idle_in_transaction_session_timeout = 0;
          set client_min_messages = warning; drop schema if exists public cascade; create schema public;"
    # The parameter is new in PostgreSQL 17, and older servers refuse it.
    pg_restore --no-owner --no-acl --file=- "$@" | sed 's/^SET transaction_timeout = 0;$//' || return 1
    echo "commit;"
}

restore_here() {
    if ! restore "$@" | sql "${source[@]}" > /dev/null; then
        say "The restore FAILED. The database is as it was."
        exit 1
    fi
    say "Restored. Before any process works on it: \`moment24 migrate\`, then \`moment24 restore\`."
}

seconds_until_tonight() {
    local due
    due=$(date -u -d "$at" +%s)
    echo $(((due - $(date +%s) + day_seconds) % day_seconds + 1))
}

nightly() {
    [ -n "$(find "$folder" -maxdepth 1 -name 'moment24-*.dump' -mmin -1440 2> /dev/null)" ] || wait_for_the_first
    while true; do
        rest "$(seconds_until_tonight)"
        until bash "$0" once; do
            say "No backup was made. The next attempt is in an hour."
            rest $retry_seconds
        done
    done
}

wait_for_the_first() {
    until bash "$0" once; do rest 60; done
}

# In the background, so that a signal to stop takes effect at once.
rest() { sleep "$1" & wait $!; }

case ${1:-} in
    once) back_up ;;
    nightly) trap 'exit 0' TERM INT; nightly ;;
    restore) restore_here "${@:2}" ;;
    *) echo "backup.sh once, backup.sh nightly, or backup.sh restore: see docs/backup.md" >&2; exit 2 ;;
esac
