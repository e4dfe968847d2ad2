import { findPackageJSON } from "node:module";
import { dirname, extname } from "node:path";
import { pathToFileURL } from "node:url";
import { MARIADB_FILES, MARIADB_LOGS, MARIADB_RENEW, MARIADB_TLS } from "./mariadb-files.ts";
import { REPLICATION_CHECK, REPLICATION_START } from "./mariadb-replication.ts";

/** How an image is made without a registry: Debian packages unpacked, files added, the container's settings. */
export interface ImageRecipe {
  /** The name it gets here, and by which it is found again. */
  readonly tag: string;
  /** What to pull where a registry answers; undefined for images that are only ours. */
  readonly upstream: string | undefined;
  readonly packages: readonly string[];
  /** Packages of the closure that are left out: maintainer scripts never run, so what only they need is dead weight. */
  readonly without: readonly string[];
  /** Files written over the packages' own: path to content. */
  readonly files: Readonly<Record<string, string>>;
  /** Files and folders of the host that are copied in: path inside to path on the host. */
  readonly copies: Readonly<Record<string, string>>;
  /** Symbolic links: path to target. */
  readonly links: Readonly<Record<string, string>>;
  readonly folders: readonly string[];
  /** Dockerfile instructions (`CMD …`, `ENV …`, `EXPOSE …`). */
  readonly changes: readonly string[];
  /** A shell command that is run once in what was laid out; what it leaves in the folders is part of the image. */
  readonly finish?: string;
}

const PASSWD = `root:x:0:0:root:/root:/bin/sh
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
mysql:x:101:101:MySQL Server:/nonexistent:/bin/false
node:x:1000:1000::/home/node:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
`;
const GROUP = `root:x:0:
tty:x:5:
www-data:x:33:
mysql:x:101:
node:x:1000:
nogroup:x:65534:
`;

/** What every image of ours has so that names, users and shells work. */
export const BASE_FILES = {
  "/etc/passwd": PASSWD,
  "/etc/group": GROUP,
  "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
};
const SHELL_LINKS = Object.fromEntries(
  (
    "sh ash cat chmod chown cp cut date dd df du echo env expr find free grep gunzip gzip head hostname " +
    "id kill ln ls mkdir mktemp mv nc nslookup ping ps pwd rm rmdir sed sleep sort stat sync tail tar " +
    "tee test timeout touch tr true false uname vi wc wget which xargs"
  )
    .split(" ")
    .map((name) => [`/usr/bin/${name}`, "/usr/bin/busybox"]),
);

/** A recipe of an empty image, which others add to. */
export const NOTHING = {
  without: [],
  files: BASE_FILES,
  copies: {},
  links: SHELL_LINKS,
  folders: ["/tmp", "/root", "/var/tmp"],
  changes: [],
} as const;

export const PAUSE_TAG = "gantry/pause:1";
export const NODE_BASE_TAG = "gantry/node:1";

/** Holds a task's network namespace and does nothing else. */
export const pauseRecipe: ImageRecipe = {
  ...NOTHING,
  tag: PAUSE_TAG,
  upstream: undefined,
  packages: ["busybox-static"],
  changes: ['ENTRYPOINT ["/usr/bin/busybox","sleep","2147483647"]'],
};

/**
 * A Node runtime on glibc: the base of Node applications where no registry answers. `node` is a Node binary
 * of the host.
 */
export function nodeBaseRecipe(node: string): ImageRecipe {
  return {
    ...NOTHING,
    tag: NODE_BASE_TAG,
    upstream: undefined,
    packages: ["libc6", "libstdc++6", "libgcc-s1", "libatomic1", "ca-certificates", "busybox-static"],
    without: ["openssl", "debconf", "perl-base", "libssl3"],
    copies: { "/usr/local/bin/node": node },
    folders: [...NOTHING.folders, "/home/node", "/app"],
    changes: ["ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "WORKDIR /app"],
  };
}

/**
 * The node agent with the programs that it drives: HAProxy, nftables, iproute2. Its shell is dash, because
 * busybox's runs its own `ip` before any other. `sources` is the folder of the program, `node` a Node binary
 * of the host.
 */
export function agentRecipe(options: { tag: string; node: string; sources: string }): ImageRecipe {
  const { tag, node, sources } = options;
  const copied = ["packages/agent", "packages/agent-protocol", "packages/kernel", "apps/agent"];
  return {
    ...NOTHING,
    tag,
    upstream: undefined,
    packages: [
      "libc6",
      "libstdc++6",
      "libgcc-s1",
      "libatomic1",
      "ca-certificates",
      "busybox-static",
      "dash",
      "haproxy",
      "nftables",
      "iptables",
      "iproute2",
      "util-linux",
      // For packages/agent/volumes: engine-mounts.pl, user-mounts.pl.
      "perl-base",
    ],
    without: [
      "perl",
      "libperl5.36",
      "perl-modules-5.36",
      "debconf",
      "adduser",
      "passwd",
      "openssl",
      "init-system-helpers",
      "dpkg",
      "debianutils",
    ],
    copies: {
      "/usr/local/bin/node": node,
      ...Object.fromEntries(copied.map((path) => [`/opt/gantry/${path}`, `${sources}/${path}`])),
      ...agentDependencies(),
    },
    links: {
      ...SHELL_LINKS,
      "/opt/gantry/node_modules/@gantry/agent": "../../packages/agent",
      "/opt/gantry/node_modules/@gantry/agent-protocol": "../../packages/agent-protocol",
      "/opt/gantry/node_modules/@gantry/kernel": "../../packages/kernel",
      "/var/run": "../run",
    },
    folders: [...NOTHING.folders, "/run/netns", "/var/lib/haproxy"],
    files: { ...BASE_FILES, "/opt/gantry/package.json": '{ "type": "module" }\n' },
    changes: [
      "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      `ENTRYPOINT ["/usr/local/bin/node","/opt/gantry/apps/agent/main${extname(import.meta.filename)}"]`,
    ],
  };
}

/** The npm packages that the agent imports: path in the image to the folder where npm put them. */
function agentDependencies(): Readonly<Record<string, string>> {
  const dns = folderOf("dns-packet", import.meta.url);
  const codec = folderOf("@leichtgewicht/ip-codec", pathToFileURL(`${dns}/package.json`));
  const place = "/opt/gantry/node_modules";
  return {
    [`${place}/dns-packet`]: dns,
    [`${place}/@leichtgewicht/ip-codec`]: codec,
    [`${place}/jose`]: folderOf("jose", import.meta.url),
  };
}

/** The folder of an npm package, as Node finds it from a module. */
function folderOf(name: string, from: string | URL): string {
  const manifest = findPackageJSON(name, from);
  if (manifest === undefined)
    throw new Error(`The npm package ${name} is not installed: install Gantry again.`);
  return dirname(manifest);
}

const DATABASE_START = `#!/bin/sh
# Starts the server on /var/lib/mysql; a first start lays out the tables, every start lets the given user in by the password
# whose hash the platform mounts. The options and settings of the parameter group are files beside it.
set -eu
mkdir -p /run/mysqld /tmp
chown 101:101 /run/mysqld /var/lib/mysql
if [ ! -e /var/lib/mysql/.gantry-ready ]; then
  rm -rf /var/lib/mysql/*
  cp -a /usr/share/gantry/mysql-template/. /var/lib/mysql/
  chown -R 101:101 /var/lib/mysql
  touch /var/lib/mysql/.gantry-ready
fi
rm -f /tmp/applied.sql /tmp/replication.applied
printf '%s\\n' "SET SESSION sql_log_bin = 0;" "CREATE USER IF NOT EXISTS '$MASTER_USER'@'%';" "ALTER USER '$MASTER_USER'@'%' IDENTIFIED BY PASSWORD '$(cat /run/secrets/password-hash)';" "GRANT ALL PRIVILEGES ON *.* TO '$MASTER_USER'@'%' WITH GRANT OPTION;" > /tmp/init.sql
if [ -n "$DATABASE_NAME" ]; then printf '%s\\n' "CREATE DATABASE IF NOT EXISTS $DATABASE_NAME;" >> /tmp/init.sql; fi
if [ -s /run/secrets/replica ]; then echo "REVOKE READ_ONLY ADMIN, REPLICATION SLAVE ADMIN, SUPER ON *.* FROM '$MASTER_USER'@'%';" >> /tmp/init.sql; fi
if [ -e /run/secrets/settings ]; then cat /run/secrets/settings >> /tmp/init.sql; fi
chown 101 /tmp/init.sql
set -- --init-file=/tmp/init.sql --performance-schema=OFF --innodb-buffer-pool-size=64M --innodb-log-file-size=32M --character-set-server=utf8mb4
if [ -e /run/secrets/options ]; then while read -r option; do set -- "$@" "$option"; done < /run/secrets/options; fi
. /usr/local/lib/gantry-database-tls
. /usr/local/lib/gantry-database-logs
. /usr/local/lib/gantry-replication-start
exec /usr/sbin/mariadbd "$@" --user=mysql --datadir=/var/lib/mysql --socket=/run/mysqld/mysqld.sock --port="$PORT" --bind-address=0.0.0.0 --skip-name-resolve
`;

const DATABASE_CHECK = `#!/bin/sh
# Applies the settings of the parameter group where they have changed, and says whether the server answers. Its root user
# needs no password here. A setting that the server refuses stops no other.
run() { /usr/bin/mariadb --no-defaults --skip-ssl --socket=/run/mysqld/mysqld.sock -u root "$@"; }
if [ -e /run/secrets/settings ]; then
  cat /run/secrets/settings > /tmp/wanted.sql
  # Without TLS it would let nobody in.
  if [ ! -e /run/gantry/server.crt ]; then sed -i '/require_secure_transport/d' /tmp/wanted.sql; fi
  if [ "$(cat /tmp/wanted.sql)" != "$(cat /tmp/applied.sql 2>/dev/null)" ]; then
    run -e "select 1" >/dev/null || exit 1
    { echo "SET SESSION sql_mode = '';"; cat /tmp/wanted.sql; } | run --force || true
    mv /tmp/wanted.sql /tmp/applied.sql
  fi
fi
${MARIADB_RENEW}run -e "select 1" || exit 1
. /usr/local/lib/gantry-replication-check
`;

/** The real server behind RDS's mysql and mariadb. Debian's is MariaDB 10.11. */
export const databaseRecipe: ImageRecipe = {
  ...NOTHING,
  tag: "gantry/mariadb:9",
  upstream: undefined,
  packages: ["mariadb-server-core", "mariadb-client-core", "busybox-static", "ca-certificates"],
  without: ["openssl", "debconf", "perl-base", "perl"],
  files: {
    ...BASE_FILES,
    "/usr/local/bin/gantry-database": DATABASE_START,
    "/usr/local/bin/gantry-database-check": DATABASE_CHECK,
    "/usr/local/lib/gantry-replication-start": REPLICATION_START,
    "/usr/local/lib/gantry-replication-check": REPLICATION_CHECK,
    "/usr/local/lib/gantry-database-files": MARIADB_FILES,
    "/usr/local/lib/gantry-database-logs": MARIADB_LOGS,
    "/usr/local/lib/gantry-database-tls": MARIADB_TLS,
  },
  folders: [
    ...NOTHING.folders,
    "/run/mysqld",
    "/run/secrets",
    "/run/gantry",
    "/var/lib/mysql",
    "/usr/share/gantry",
  ],
  changes: [
    "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
    'ENTRYPOINT ["/usr/bin/busybox","sh","/usr/local/bin/gantry-database"]',
  ],
  // An empty database laid out beforehand: a server is ready in half a second.
  finish:
    "mkdir -p /usr/share/gantry/mysql-template /run/mysqld && mariadb-install-db --no-defaults " +
    "--user=mysql --auth-root-authentication-method=socket --skip-test-db --basedir=/usr " +
    "--datadir=/usr/share/gantry/mysql-template --innodb-log-file-size=32M --skip-name-resolve " +
    ">/dev/null",
};

const NGINX_CONFIG = `user www-data;
worker_processes auto;
error_log /dev/stderr notice;
pid /run/nginx.pid;
events { worker_connections 1024; }
http {
  include /etc/nginx/mime.types;
  default_type application/octet-stream;
  access_log /dev/stdout;
  sendfile on;
  keepalive_timeout 65;
  server { listen 80; root /usr/share/nginx/html; index index.html; }
}
`;

/** Images that people name in task definitions, for closed networks: the name as they write it to how it is made. */
export const wellKnownRecipes: readonly ImageRecipe[] = [
  {
    ...NOTHING,
    tag: "nginx:latest",
    upstream: "nginx:latest",
    packages: ["nginx-light", "busybox-static", "ca-certificates"],
    without: [
      "perl",
      "perl-base",
      "debconf",
      "openssl",
      "init-system-helpers",
      "lsb-base",
      "sysvinit-utils",
      "iproute2",
    ],
    files: { ...BASE_FILES, "/etc/nginx/nginx.conf": NGINX_CONFIG },
    folders: [...NOTHING.folders, "/run", "/var/log/nginx", "/var/lib/nginx", "/usr/share/nginx/html"],
    changes: [
      "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
      "EXPOSE 80",
      'CMD ["/usr/sbin/nginx","-g","daemon off;"]',
    ],
  },
  {
    ...NOTHING,
    tag: "busybox:latest",
    upstream: "busybox:latest",
    packages: ["busybox-static"],
    changes: ["ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", 'CMD ["sh"]'],
  },
];
