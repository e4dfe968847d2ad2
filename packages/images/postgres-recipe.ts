import { POSTGRES_REPLICATION } from "./postgres-replication.ts";
import { BASE_FILES, NOTHING, type ImageRecipe } from "./recipes.ts";

const BINARIES = "/usr/lib/postgresql/15/bin";
const EXTENSIONS = "/usr/share/postgresql/15/extension";
/** The server's user. Root starts the container, because the files that the platform mounts are root's alone. */
const USER = 104;
const AS_SERVER = `/usr/bin/setpriv --reuid=${USER} --regid=${USER} --clear-groups --no-new-privs`;

/** Settings of every server; those of the parameter group, at the end, come after them. */
const CONFIGURATION = `listen_addresses = '0.0.0.0'
unix_socket_directories = '/run/postgresql'
hba_file = '/run/gantry/access.conf'
ident_file = '/usr/share/gantry/postgres-users.conf'
ssl = on
ssl_cert_file = '/run/gantry/server.crt'
ssl_key_file = '/run/gantry/server.key'
password_encryption = 'scram-sha-256'
# Shared memory of parallel queries is in the data folder: an engine gives containers 64 MB of /dev/shm.
dynamic_shared_memory_type = 'mmap'
shared_buffers = '64MB'
shared_preload_libraries = 'pg_stat_statements'
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
max_wal_senders = 20
max_replication_slots = 20
include_if_exists = '/run/gantry/group.conf'
include_if_exists = '/run/gantry/source.conf'
include_if_exists = '/run/gantry/standby.conf'
`;

/** The container's root is the platform's user of the server. */
const USERS = "platform root rdsadmin\n";

const FILES = `# Sourced by the other two scripts: copies the files that the platform mounts to where the server reads them.
data=/var/lib/postgresql/data
given=/run/secrets
own=/run/gantry
export PATH=${BINARIES}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin
changed=
take() {
  cat "$given/$1" > "$own/$2.new"
  if [ -e "$own/$2" ] && /usr/bin/busybox cmp -s "$own/$2.new" "$own/$2"; then rm "$own/$2.new"; return 0; fi
  chown 0:${USER} "$own/$2.new"
  chmod 640 "$own/$2.new"
  mv "$own/$2.new" "$own/$2"
  changed=yes
}
take_all() {
  take certificate server.crt
  take certificate-key server.key
  take access access.conf
  take settings group.conf
  take_source
  take_standby
  take login-key login.key
  take login-address login.address
}
is_ready() { pg_isready -q -h /run/postgresql -p "$PORT" -U rdsadmin -d rdsadmin; }
. /usr/local/lib/gantry-database-replication
`;

const START = `#!/bin/sh
# Starts the server on /var/lib/postgresql/data. A first start lays out the files and creates the database; every start
# lets the master user in by the verifier of its password that the platform mounts. SIGTERM is a fast shutdown.
set -eu
umask 077
. /usr/local/lib/gantry-database-files
mkdir -p "$own" /run/postgresql
chmod 755 "$own"
chown ${USER}:${USER} /run/postgresql
rm -rf "$own/started" "$own/replication.applied" "$own/standby.told" "$data/postmaster.pid"
if is_replica; then copy_source; fi
if [ ! -e "$data/.gantry-ready" ]; then
  rm -rf "$data"/*
  cp -a /usr/share/gantry/postgres-template/. "$data/"
  touch "$data/.gantry-ready"
  chown ${USER}:${USER} "$data" "$data/.gantry-ready"
  chmod 700 "$data"
fi
# Files of root's would stop a copy that the server makes for a replica.
chown ${USER}:${USER} "$data"/.gantry-*
take_all
begin_as_replica

check() { ${AS_SERVER} postgres -C port -D "$data" -c config_file="$1" >/dev/null 2>&1; }
# A setting that the server refuses stops no other.
if ! check /usr/share/gantry/postgresql.conf; then
  cp "$own/group.conf" /tmp/all.conf
  : > /tmp/kept.conf
  while IFS= read -r line; do
    { cat /tmp/kept.conf; printf '%s\\n' "$line"; } > /tmp/next.conf
    cat /tmp/next.conf > "$own/group.conf"
    if check /usr/share/gantry/postgresql.conf; then mv /tmp/next.conf /tmp/kept.conf
    else echo "The server refuses this setting of its parameter group: $line" >&2; fi
  done < /tmp/all.conf
  cat /tmp/kept.conf > "$own/group.conf"
fi

start() {
  ${AS_SERVER} postgres -D "$data" -c config_file=/usr/share/gantry/postgresql.conf -c port="$PORT" &
  server=$!
  echo "$server" > "$own/server.pid"
}
answers() {
  until is_ready; do
    kill -0 "$server" 2>/dev/null || return 1
    sleep 0.1
  done
}
ending=
trap 'ending=yes; kill -INT "$server" 2>/dev/null || true' TERM INT
start
if ! answers; then
  [ -z "$ending" ] || exit 0
  echo "The server does not start with its parameter group. It starts with the default settings." >&2
  : > "$own/group.conf"
  start
  answers || exit 1
fi

if ! is_replica && ! end_replication; then
  kill -INT "$server"
  wait "$server" || true
  exit 1
fi
# Settings of the group that would stop these statements, or log them, do not hold for them.
PGOPTIONS='-c default_transaction_read_only=off -c statement_timeout=0 -c lock_timeout=0 -c synchronous_commit=local'
PGOPTIONS="$PGOPTIONS -c log_statement=none -c log_min_duration_statement=-1 -c log_min_error_statement=panic"
PASSWORD_VERIFIER=$(cat "$given/password-verifier")
if [ -e "$data/.gantry-created" ]; then FIRST=0; else FIRST=1; fi
export PGOPTIONS PASSWORD_VERIFIER FIRST
if ! is_replica && ! psql -X -q -v ON_ERROR_STOP=1 -h /run/postgresql -p "$PORT" -U rdsadmin -d rdsadmin \\
  -f /usr/local/lib/gantry-database.sql >/dev/null; then
  kill -INT "$server"
  wait "$server" || true
  exit 1
fi
unset PASSWORD_VERIFIER
touch "$data/.gantry-created" "$own/started"
chown ${USER}:${USER} "$data/.gantry-created"
status=0
wait "$server" || status=$?
# The first wait ends with the signal.
wait "$server" 2>/dev/null || true
exit "$status"
`;

/** Names and the verifier are quoted by psql, whatever characters they have. */
const INITIAL = `\\getenv master MASTER_USER
\\getenv verifier PASSWORD_VERIFIER
\\getenv database DATABASE_NAME
\\getenv first FIRST
SELECT format('CREATE ROLE %I', name) FROM (VALUES ('rds_superuser'), ('rds_iam'), (:'master')) AS wanted (name)
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \\gexec
ALTER ROLE :"master" WITH LOGIN CREATEDB CREATEROLE REPLICATION PASSWORD :'verifier';
GRANT rds_superuser TO :"master" WITH ADMIN OPTION;
\\if :first
ALTER DATABASE postgres OWNER TO :"master";
SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'master')
 WHERE :'database' <> '' AND NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \\gexec
\\endif
`;

const CHECK = `#!/bin/sh
# Applies the settings, the access rules and the certificate where they have changed, and says whether the server answers.
set -eu
umask 077
. /usr/local/lib/gantry-database-files
[ -e "$own/started" ] || exit 1
take_all
if [ -n "$changed" ]; then kill -HUP "$(cat "$own/server.pid")"; fi
is_ready
apply_replication
tell_replica
rely_on_standby
follows
`;

/**
 * The roles of a new server. The master user is no superuser, and may create roles and databases, as on AWS. A
 * role that may create roles could, in PostgreSQL 15, make itself a member of the three roles that reach files and
 * programs of the server's host: they are removed from the catalogue.
 * Source: PostgreSQL 15, "Predefined Roles"; Amazon RDS User Guide, "Understanding the rds_superuser role".
 */
const TEMPLATE = `CREATE DATABASE rdsadmin;
REVOKE ALL ON DATABASE rdsadmin FROM PUBLIC;
CREATE ROLE rds_superuser NOLOGIN;
CREATE ROLE rds_replication NOLOGIN;
CREATE ROLE rds_password NOLOGIN;
GRANT pg_monitor, pg_signal_backend, pg_checkpoint, rds_replication, rds_password
  TO rds_superuser WITH ADMIN OPTION;
GRANT SET ON PARAMETER session_replication_role, log_statement, log_min_duration_statement, log_duration,
  log_lock_waits, log_temp_files, log_min_messages, log_min_error_statement, deadlock_timeout, track_functions,
  track_activities, track_counts, temp_file_limit, lc_messages TO rds_superuser;
DELETE FROM pg_auth_members WHERE roleid IN
  (SELECT oid FROM pg_authid WHERE rolname ~ '^pg_(execute_server_program|(read|write)_server_files)$');
DELETE FROM pg_authid WHERE rolname ~ '^pg_(execute_server_program|(read|write)_server_files)$';
`;

/** Extensions that the owner of a database may create, besides those that PostgreSQL itself trusts. */
const TRUSTED =
  "bloom dblink dict_xsyn earthdistance intagg pg_buffercache pg_freespacemap pg_prewarm pg_stat_statements " +
  "pg_visibility pgrowlocks pgstattuple sslinfo";

/**
 * Asks the platform whether a user may log in with a token. The server runs it as its own user, with the user and the
 * token in the environment; the key that it proves itself with is readable for the server alone.
 */
const LOGIN = `#!/bin/sh
set -eu
own=/run/gantry
read -r host path < "$own/login.address"
encoded() { printf '%s' "$1" | /usr/bin/busybox base64 | tr -d '\\n'; }
body=$(printf '%s\\n%s' "$(encoded "$PAM_USER")" "$(encoded "\${PAM_AUTHTOK-}")")
answer=$({
  printf 'POST %s HTTP/1.1\\r\\nHost: %s\\r\\nConnection: close\\r\\n' "$path" "$host"
  printf 'Authorization: Bearer %s\\r\\nContent-Length: %s\\r\\n\\r\\n%s' "$(cat "$own/login.key")" "\${#body}" "$body"
} | timeout 20 openssl s_client -quiet -connect 169.254.170.10:443 -servername "$host" \\
  -CAfile "$own/server.crt" -partial_chain -verify_return_error -verify_hostname "$host" 2>/dev/null | head -n 1)
case "$answer" in "HTTP/1.1 200 "*) exit 0 ;; *) exit 1 ;; esac
`;

const PAM = `auth required pam_script.so onerr=fail dir=/usr/local/lib/gantry-pam
account required pam_script.so onerr=fail dir=/usr/local/lib/gantry-pam
`;

const FINISH = `set -e
chmod 755 /usr/local/lib/gantry-pam /usr/local/lib/gantry-pam/pam_script_auth /usr/local/lib/gantry-pam/pam_script_acct
export PATH=${BINARIES}:$PATH
template=/usr/share/gantry/postgres-template
localedef -i en_US -f UTF-8 en_US.UTF-8
for name in ${TRUSTED}; do echo 'trusted = true' >> ${EXTENSIONS}/$name.control; done
rm -rf /usr/share/i18n ${BINARIES.replace("/bin", "/lib")}/llvmjit* ${BINARIES.replace("/bin", "/lib")}/bitcode
mkdir -p "$template" /run/postgresql
chown ${USER}:${USER} "$template" /run/postgresql
as_server="${AS_SERVER}"
cd /tmp
$as_server initdb -D "$template" -U rdsadmin -E UTF8 --locale=en_US.UTF-8 --auth=trust --no-sync >/dev/null
$as_server pg_ctl -D "$template" -w -s -l /dev/null -o "-c listen_addresses= -k /run/postgresql" start
psql -X -q -v ON_ERROR_STOP=1 -h /run/postgresql -U rdsadmin -d postgres -f /usr/share/gantry/template.sql
$as_server pg_ctl -D "$template" -w -s -m fast stop
rm -f /usr/share/gantry/template.sql
`;

/** The real server behind RDS's postgres: PostgreSQL 15, Debian's. */
export const postgresRecipe: ImageRecipe = {
  ...NOTHING,
  tag: "gantry/postgres:4",
  upstream: undefined,
  packages: [
    "postgresql-15",
    "postgresql-client-15",
    "locales",
    "tzdata",
    "util-linux",
    "busybox-static",
    "ca-certificates",
    "libpam-script",
    "openssl",
  ],
  without: [
    ...["debconf", "perl-base", "perl", "libperl5.36", "perl-modules-5.36", "ssl-cert", "adduser"],
    ...["postgresql-common", "postgresql-client-common", "libjson-perl", "lsb-base", "sysvinit-utils"],
    // Compilation of queries is not offered, which spares 100 MB.
    ...["libllvm14", "libz3-4", "passwd", "init-system-helpers", "ucf", "sensible-utils", "mount"],
    ...["cdebconf", "libdebconfclient0"],
  ],
  files: {
    ...BASE_FILES,
    "/etc/passwd": `${BASE_FILES["/etc/passwd"]}postgres:x:${USER}:${USER}:PostgreSQL:/nonexistent:/bin/false\n`,
    "/etc/group": `${BASE_FILES["/etc/group"]}postgres:x:${USER}:\n`,
    "/usr/share/gantry/postgresql.conf": CONFIGURATION,
    "/usr/share/gantry/postgres-users.conf": USERS,
    "/usr/share/gantry/template.sql": TEMPLATE,
    "/etc/pam.d/gantry-rds": PAM,
    "/usr/local/lib/gantry-pam/pam_script_auth": LOGIN,
    "/usr/local/lib/gantry-pam/pam_script_acct": "#!/bin/sh\nexit 0\n",
    "/usr/local/lib/gantry-database-files": FILES,
    "/usr/local/lib/gantry-database-replication": POSTGRES_REPLICATION,
    "/usr/local/lib/gantry-database.sql": INITIAL,
    "/usr/local/bin/gantry-database": START,
    "/usr/local/bin/gantry-database-check": CHECK,
  },
  links: { ...NOTHING.links, "/usr/bin/psql": `${BINARIES}/psql` },
  folders: [...NOTHING.folders, "/run/postgresql", "/run/secrets", "/run/gantry", "/var/lib/postgresql/data"],
  changes: [
    "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
    'ENTRYPOINT ["/usr/bin/busybox","sh","/usr/local/bin/gantry-database"]',
  ],
  finish: FINISH,
};
