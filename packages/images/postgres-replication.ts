/**
 * Sourced by the start of a server of PostgreSQL and by its check. For a replica the platform mounts `source-address`,
 * `source-slot` and `source`: how it reaches its source, and the settings of its replication. Other servers get
 * `replication`: the SQL that makes the role and the slots of their replicas.
 */
export const POSTGRES_REPLICATION = `# Replication: a replica begins with a copy of its source's files, and follows its log.
is_replica() { [ -s "$given/source" ]; }
as_server() { /usr/bin/setpriv --reuid=104 --regid=104 --clear-groups --no-new-privs "$@"; }
# Statements of the platform wait neither for a standby nor for what a parameter group sets.
query() {
  PGOPTIONS='-c synchronous_commit=local -c default_transaction_read_only=off -c statement_timeout=0 -c lock_timeout=0' \\
    psql -X -q -A -t -v ON_ERROR_STOP=1 -h /run/postgresql -p "$PORT" -U rdsadmin -d rdsadmin "$@"
}
take_source() {
  if is_replica; then take source source.conf
  elif [ -s "$own/source.conf" ]; then : > "$own/source.conf"; changed=yes
  fi
}
# The files of the source, whole or not at all: a copy that was interrupted is made anew.
# Sets the server that the files are to be of: the source's, or after its failover the one that has taken over.
read_server() {
  server='' first=''
  [ ! -s "$given/source-server" ] || read -r server first < "$given/source-server"
}
copied_server() { if [ -e "$data/.gantry-source" ]; then cat "$data/.gantry-source"; else printf '%s' "$first"; fi; }
copy_source() {
  read_server
  # A replica may have received what the standby that has taken over had not: it could not follow that one.
  if [ -n "$server" ] && [ "$(copied_server)" != "$server" ]; then rm -f "$data/.gantry-ready"; fi
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
  printf '%s' "$server" > "$data/.gantry-source"
  touch "$data/.gantry-ready"
  chown -R 104:104 "$data"
  chmod 700 "$data"
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
# \`standby\` has the name of the standby at the primary and a number. Primary and standby have the same one.
standby_token() { if [ -s "$given/standby" ]; then cat "$given/standby"; fi; }
# The primary waits for the standby with every commit from when the file in its folder has the token.
relies="$data/.gantry-standby"
# The token that the standby may have read: from then on it may take over, and the primary waits for it until another token.
told="$data/.gantry-standby-told"
holds() { [ -e "$1" ] && [ "$(cat "$1")" = "$2" ]; }
# The server's user owns it: a copy of the folder reads all files.
keep() {
  printf '%s' "$2" > "$1.new"
  chown 104:104 "$1.new"
  sync "$1.new"
  mv "$1.new" "$1"
  sync "$data"
}
take_standby() {
  token=$(standby_token)
  if is_replica || [ -z "$token" ] || ! holds "$relies" "$token"; then : > "$own/standby.new"
  else printf "synchronous_standby_names = '\\"%s\\"'\\n" "\${token%% *}" > "$own/standby.new"; fi
  if [ -e "$own/standby.conf" ] && /usr/bin/busybox cmp -s "$own/standby.new" "$own/standby.conf"; then rm "$own/standby.new"; return 0; fi
  chown 0:104 "$own/standby.new"
  chmod 640 "$own/standby.new"
  mv "$own/standby.new" "$own/standby.conf"
  changed=yes
}
reload_standby() {
  take_standby
  kill -HUP "$(cat "$own/server.pid")"
}
# What the standby reads in its own files proves that it has every commit since. The checkpointer tells the sessions to
# wait for the standby. The second checkpoint begins after it has read the setting.
tell_standby() {
  [ "$(query -c 'SHOW synchronous_standby_names')" = "\\"\${token%% *}\\"" ] || return 0
  query -c CHECKPOINT -c CHECKPOINT
  keep "$told" "$token"
  query -c "COMMENT ON DATABASE rdsadmin IS '$token'"
  printf '%s' "$token" > "$own/standby.told"
}
rely_on_standby() {
  is_replica && return 0
  token=$(standby_token)
  [ -n "$token" ] || return 0
  ! holds "$own/standby.told" "$token" || return 0
  exec 9> "$own/standby.lock"
  flock -n 9 || return 0
  if [ "$(query -c "SELECT count(*) FROM pg_stat_replication WHERE application_name = '\${token%% *}' AND state = 'streaming'")" = 1 ]; then
    if ! holds "$relies" "$token"; then
      keep "$relies" "$token"
      reload_standby
    fi
    # A checkpoint may take longer than a check. The lock is kept meanwhile.
    tell_standby </dev/null >/dev/null 2>&1 &
    return 0
  fi
  # It is gone before it could read the token: nothing waits for it.
  if holds "$relies" "$token" && ! holds "$told" "$token"; then
    rm -f "$relies"
    reload_standby
  fi
}
# The check of a standby: it follows, and has what the primary wrote for it.
follows() {
  is_replica && [ -n "$(standby_token)" ] || return 0
  [ "$(query -c "SELECT shobj_description(oid, 'pg_database') = '$(standby_token)'
    AND EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming')
    FROM pg_database WHERE datname = 'rdsadmin'")" = t ]
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
