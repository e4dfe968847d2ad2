/**
 * Sourced by the start of a MariaDB server, whose options are the positional parameters then. The platform mounts the
 * options of replication, one a line, where the server writes a binary log.
 */
export const REPLICATION_START = `# Adds the options of replication. No server begins to replicate by itself.
set -- "$@" --skip-slave-start --relay-log=gantry-relay
if [ -e /run/secrets/replication ]; then while read -r option; do set -- "$@" "$option"; done < /run/secrets/replication; fi
`;

/**
 * Sourced by the check of a MariaDB server. The platform mounts the SQL that makes the server a source or a replica. It
 * is run when it has changed and after each start; a server without it ends the replication of its files.
 */
export const REPLICATION_CHECK = `# Makes the server the source or the replica that the platform wants, and says how far it has got.
replication=/run/secrets/replication-sql
if [ -e "$replication" ]; then
  cat "$replication" > /tmp/replication.wanted
  if [ "$(cat /tmp/replication.wanted)" != "$(cat /tmp/replication.applied 2>/dev/null)" ]; then
    run < /tmp/replication.wanted || exit 1
    mv /tmp/replication.wanted /tmp/replication.applied
  fi
fi
state=/var/lib/mysql/.gantry-replica
if [ -e "$replication" ] && /usr/bin/busybox grep -q "CHANGE MASTER" "$replication"; then
  run -E -e "SHOW SLAVE STATUS" | /usr/bin/busybox awk '
    $1 == "Slave_IO_Running:" { io = $2 }
    $1 == "Slave_SQL_Running:" { sql = $2 }
    $1 == "Seconds_Behind_Master:" { lag = $2 }
    END { print (sql != "Yes" ? "error" : io == "Yes" && lag ~ /^[0-9]+$/ ? lag : "connecting") }
  ' > "$state.new"
  mv "$state.new" "$state"
else
  rm -f "$state"
  if [ -e /var/lib/mysql/master.info ]; then run -e "STOP SLAVE; RESET SLAVE ALL" || exit 1; fi
fi
`;
