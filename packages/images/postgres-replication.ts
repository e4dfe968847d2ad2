/**
 * Sourced by the start of a server of PostgreSQL and by its check. For a replica the platform mounts `source-address`,
 * `source-slot` and `source`: how it reaches its source, and the settings of its replication. Other servers get
 * `replication`: the SQL that makes the role and the slots of their replicas.
 */
export const POSTGRES_REPLICATION = `# Replication: a replica begins with a copy of its source's files, and follows its log.
is_replica() { [ -s "$given/source" ]; }
as_server() { /usr/bin/setpriv --reuid=104 --regid=104 --clear-groups --no-new-privs "$@"; }
query() { psql -X -q -A -t -v ON_ERROR_STOP=1 -h /run/postgresql -p "$PORT" -U rdsadmin -d rdsadmin "$@"; }
take_source() {
  if is_replica; then take source source.conf
  elif [ -s "$own/source.conf" ]; then : > "$own/source.conf"; changed=yes
  fi
}
# The files of the source, whole or not at all: a copy that was interrupted is made anew.
copy_source() {
  [ ! -e "$data/.gantry-ready" ] || return 0
  rm -rf "$data"/* "$data/.new"
  # The source makes the slot that is named here. It keeps the log from the start of the copy on.
  if ! pg_basebackup -d "$(cat "$given/source-address")" -S "$(cat "$given/source-slot")" -D "$data/.new" -X stream -c fast; then
    sleep 2
    exit 1
  fi
  rm -f "$data/.new/.gantry-ready"
  mv "$data/.new"/* "$data/.new/.gantry-created" "$data/"
  rm -rf "$data/.new"
  chown -R 104:104 "$data"
  chmod 700 "$data"
  touch "$data/.gantry-ready"
}
begin_as_replica() {
  if is_replica; then
    touch "$data/standby.signal"
    chown 104:104 "$data/standby.signal"
  fi
}
# A server whose files are those of a replica takes writes from here on.
end_replication() {
  rm -f "$data/.gantry-replica"
  [ ! -e "$data/standby.signal" ] || [ "$(query -c 'SELECT pg_promote(true, 600)')" = t ]
}
# Slots of replicas that are gone are removed once nothing uses them.
apply_replication() {
  is_replica && return 0
  touch "$own/replication.applied"
  if [ -e "$given/replication" ]; then cat "$given/replication"; fi > "$own/replication.wanted"
  if /usr/bin/busybox cmp -s "$own/replication.wanted" "$own/replication.applied"; then return 0; fi
  query -f "$own/replication.wanted" > "$own/replication.left"
  grep -q left "$own/replication.left" || mv "$own/replication.wanted" "$own/replication.applied"
}
tell_replica() {
  is_replica || return 0
  query -c "SELECT CASE
    WHEN NOT EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming') THEN 'connecting'
    WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN '0'
    ELSE greatest(0, ceil(extract(epoch FROM now() - pg_last_xact_replay_timestamp())))::text END" > "$data/.gantry-replica.new"
  mv "$data/.gantry-replica.new" "$data/.gantry-replica"
}
`;
