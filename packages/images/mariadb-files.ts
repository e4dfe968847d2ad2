/** Where the server writes its general log and its slow query log until their lines are on the container's output. */
const LOGS = "/run/gantry-logs";
const AS_ROOT = "/usr/bin/mariadb --no-defaults --skip-ssl --socket=/run/mysqld/mysqld.sock -u root";

/**
 * Sourced by the start script. The lines of the log files go to the container's output, each behind a control character
 * and a letter: `S` and `G` begin an entry of the slow query log and of the general log, `s` and `g` continue one. The
 * platform's own connections, through the socket, are left out of the general log.
 * Source of the formats: MariaDB Server, sql/log.cc, MYSQL_QUERY_LOG::write.
 */
export const MARIADB_LOGS = `logs=${LOGS}
mkdir -p "$logs"
chown 101:101 "$logs"
chmod 700 "$logs"
set -- "$@" --general-log-file="$logs/general.log" --slow-query-log-file="$logs/slow.log"
marked() {
  /usr/bin/busybox awk -v of="$1" '
    function entry(text) { printf "%c%s%s\\n", 1, toupper(of), text; within = 1 }
    function more(text) { printf "%c%s%s\\n", 1, within ? of : toupper(of), text; within = 1 }
    of == "s" {
      if ($0 ~ /^# Time: /) { entry($0); timed = 1 }
      else if ($0 ~ /^# User@Host: / && !timed) entry($0)
      else { if ($0 ~ /^# User@Host: /) timed = 0; more($0) }
      next
    }
    /^([0-9][0-9][0-9][0-9][0-9][0-9] [ 0-9][0-9]:[0-9][0-9]:[0-9][0-9]|\\t)\\t *[0-9]+ [A-Z]/ {
      time = ""
      rest = $0
      if ($0 !~ /^\\t/) { time = substr($0, 1, 15); rest = substr($0, 16) } else rest = substr($0, 2)
      split(rest, part, " ")
      hidden = 0
      if (rest ~ /Connect\\troot@localhost on .* ?using Socket$/) own[part[1]] = 1
      if (part[1] in own) {
        hidden = 1
        if (time != "") kept = time
        if (rest ~ /^\\t *[0-9]+ Quit/) delete own[part[1]]
        next
      }
      if (time == "" && kept != "") time = kept
      kept = ""
      entry((time == "" ? "\\t" : time) rest)
      next
    }
    !hidden { more($0) }
  '
}
# Writes what a log file has beyond the bytes that were written before; a line is complete first.
ship() {
  file="$logs/$1.log"
  [ -s "$file" ] || return 0
  from=$(cat "$logs/$1.at" 2>/dev/null || echo 0)
  size=$(stat -c %s "$file")
  if [ "$size" -gt 16777216 ]; then
    mv "$file" "$logs/$1.old"
    ${AS_ROOT} -e "FLUSH $2 LOGS" || true
    tail -c "+$((from + 1))" "$logs/$1.old" | marked "$3"
    echo 0 > "$logs/$1.at"
    rm -f "$logs/$1.old"
    return 0
  fi
  [ "$size" -gt "$from" ] || return 0
  tail -c "+$((from + 1))" "$file" | head -c "$((size - from))" > "$logs/$1.part"
  [ -z "$(tail -c 1 "$logs/$1.part")" ] || return 0
  marked "$3" < "$logs/$1.part"
  echo "$size" > "$logs/$1.at"
}
(
  set +e
  while :; do
    ship general GENERAL g
    ship slow SLOW s
    sleep 1
  done
) &
`;

/**
 * Sourced by both scripts: copies the certificate to where the server reads it. It is no file of the database's folder
 * and not readable by all, so that no statement reads it.
 */
export const MARIADB_FILES = `own=/run/gantry
changed=
take() {
  [ -s "/run/secrets/$1" ] || return 0
  cat "/run/secrets/$1" > "$own/$2.new"
  if [ -e "$own/$2" ] && /usr/bin/busybox cmp -s "$own/$2.new" "$own/$2"; then rm "$own/$2.new"; return 0; fi
  chown 0:101 "$own/$2.new"
  chmod 640 "$own/$2.new"
  mv "$own/$2.new" "$own/$2"
  changed=yes
}
take_certificate() {
  mkdir -p "$own"
  chmod 711 "$own"
  take certificate server.crt
  take certificate-key server.key
}
`;

/** Sourced by the start script: TLS, where the platform has given a certificate. */
export const MARIADB_TLS = `. /usr/local/lib/gantry-database-files
take_certificate
mkdir -p /run/gantry-files
if [ -s "$own/server.crt" ] && [ -s "$own/server.key" ]; then
  set -- "$@" --ssl-cert="$own/server.crt" --ssl-key="$own/server.key"
else
  # Without TLS it would let nobody in.
  sed -i '/require_secure_transport/d' /tmp/init.sql
fi
set -- "$@" --secure-file-priv=/run/gantry-files
`;

/** Part of the check script: a renewed certificate is read while the server runs. */
export const MARIADB_RENEW = `. /usr/local/lib/gantry-database-files
if [ -e "$own/server.crt" ]; then
  take_certificate
  if [ -n "$changed" ]; then run -e "FLUSH SSL" || rm -f "$own/server.key"; fi
fi
`;
