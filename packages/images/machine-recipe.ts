import type { ImageRecipe } from "./recipes.ts";

/** The users that images of Amazon Linux, Debian and Ubuntu have: each may use sudo without a password. */
const LOGIN_USERS = { "ec2-user": 1000, admin: 1001, ubuntu: 1002 } as const;
const SYSTEM_USERS = { sshd: 102, _apt: 103, nobody: 65_534 } as const;

const PASSWD = [
  "root:x:0:0:root:/root:/bin/bash",
  ...Object.entries(LOGIN_USERS).map(([name, id]) => `${name}:x:${id}:${id}::/home/${name}:/bin/bash`),
  ...Object.entries(SYSTEM_USERS).map(
    ([name, id]) => `${name}:x:${id}:65534::/nonexistent:/usr/sbin/nologin`,
  ),
  "",
].join("\n");
const GROUP = [
  ...["root:x:0:", "tty:x:5:", "disk:x:6:", "mail:x:8:", "sudo:x:27:", "shadow:x:42:", "utmp:x:43:"],
  ...["staff:x:50:", "users:x:100:"],
  ...Object.entries(LOGIN_USERS).map(([name, id]) => `${name}:x:${id}:`),
  "nogroup:x:65534:",
  "",
].join("\n");
/** No account has a password. sshd refuses accounts that are locked ("!"). */
const SHADOW = [
  ...["root", ...Object.keys(LOGIN_USERS), ...Object.keys(SYSTEM_USERS)].map(
    (name) => `${name}:*:19700:0:99999:7:::`,
  ),
  "",
].join("\n");

const SSHD_CONFIG = `PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin no
UsePAM no
PrintMotd no
X11Forwarding no
AcceptEnv LANG LC_*
Subsystem sftp /usr/lib/openssh/sftp-server
`;

/** Debian's common-* files without the questions for passwords: accounts have none. */
const PAM: Readonly<Record<string, string>> = Object.fromEntries(
  ["auth", "account", "password", "session", "session-noninteractive"].map((name) => [
    `/etc/pam.d/common-${name}`,
    `${name.split("-")[0]} required pam_${name === "auth" || name === "password" ? "deny" : "permit"}.so\n`,
  ]),
);

const BOOT = `#!/bin/bash
# Starts an instance: the host's keys and the user's key at the first start, the user data once, and then sshd. What is
# done once is done once for each instance id, as cloud-init does it: a root file system can become another instance.
# The platform mounts the key and the user data in /run/instance. What is written here is the instance's console.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C
export DEBIAN_FRONTEND=noninteractive
given=/run/instance
state=/var/lib/cloud/instances/$(cat "$given/instance-id" 2>/dev/null || echo unknown)
echo "Linux $(uname -r), Debian $(cat /etc/debian_version), host $(hostname)"
mkdir -p /run/sshd "$state"
ln -sfn "$state" /var/lib/cloud/instance
state=/var/lib/cloud/instance
rm -f /run/sshd.pid
# Programs trust the platform's authority as they trust public ones.
if [ -e /opt/trust/bundle.pem ]; then cp /opt/trust/bundle.pem /etc/ssl/certs/ca-certificates.crt; fi
if [ ! -e "$state/ssh" ]; then
  # The types that Amazon Linux 2023 has. A key of RSA takes longer than everything else before the first login.
  for type in ecdsa ed25519; do
    rm -f "/etc/ssh/ssh_host_\${type}_key"
    ssh-keygen -q -t "$type" -N "" -f "/etc/ssh/ssh_host_\${type}_key"
  done
  if [ -s "$given/authorized-keys" ]; then
    for user in ${Object.keys(LOGIN_USERS).join(" ")}; do
      install -d -m 700 -o "$user" -g "$user" "/home/$user/.ssh"
      install -m 600 -o "$user" -g "$user" "$given/authorized-keys" "/home/$user/.ssh/authorized_keys"
    done
  fi
  touch "$state/ssh"
fi
# The commands of each start come before logins, which they may prepare.
if [ -s "$given/every-start" ]; then
  install -m 700 "$given/every-start" "$state/every-start"
  (cd / && exec "$state/every-start") </dev/null > >(tee -a /var/log/cloud-init-output.log) 2>&1
  status=$?
  if [ "$status" != 0 ]; then echo "The commands of each start ended with the exit code $status"; fi
fi
# Logins are accepted while the user data runs, as on AWS.
/usr/sbin/sshd -D -e &
sshd=$!
trap 'kill -TERM "$sshd" 2>/dev/null' TERM INT
if [ ! -e "$state/boot-finished" ]; then
  echo "-----BEGIN SSH HOST KEY FINGERPRINTS-----"
  for key in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf "$key"; done
  echo "-----END SSH HOST KEY FINGERPRINTS-----"
  if [ -s "$given/user-data" ]; then
    install -m 700 "$given/user-data" "$state/user-data"
    echo "Running the user data"
    # Programs that it leaves in the background keep the pipe open: the boot does not wait for them.
    (cd / && exec "$state/user-data") </dev/null > >(tee -a /var/log/cloud-init-output.log) 2>&1
    status=$?
    echo "$status" > "$state/exit-code"
    echo "The user data ended with the exit code $status"
  fi
  touch "$state/boot-finished"
fi
echo "Boot finished after $(cut -d' ' -f1 /proc/uptime) seconds of the node's uptime"
wait "$sshd"
status=$?
wait "$sshd" 2>/dev/null
exit "$status"
`;

/** What scripts on images with cloud-init call to wait for the user data. */
const CLOUD_INIT = `#!/bin/dash
# cloud-init status [--wait]: whether the user data has ended.
state=/var/lib/cloud/instance
if [ "$1" != status ]; then echo "cloud-init: only 'status [--wait]' is there" >&2; exit 2; fi
while [ "$2" = --wait ] && [ ! -e "$state/boot-finished" ]; do sleep 0.2; done
if [ ! -e "$state/boot-finished" ]; then echo "status: running"; exit 0; fi
if [ "$(cat "$state/exit-code" 2>/dev/null || echo 0)" = 0 ]; then echo "status: done"; exit 0; fi
echo "status: error"
exit 1
`;

/** Passes while sshd runs. */
const CHECK = `#!/bin/dash
read -r pid < /run/sshd.pid && test -d "/proc/$pid"
`;

/**
 * Prints /var/lib/dpkg/status for what was unpacked: the packages are there, so that apt can install more.
 */
const FINISH = [
  "chown root:shadow /etc/shadow && chmod 640 /etc/shadow && chmod 440 /etc/sudoers.d/login-users /etc/sudoers",
  "chmod 4755 /usr/bin/sudo /usr/bin/su /usr/bin/passwd",
  "chmod 755 /usr/local/sbin/instance-* /usr/local/bin/cloud-init",
  ...Object.keys(LOGIN_USERS).map(
    (name) =>
      `mkdir -p /home/${name} && cp -a /etc/skel/. /home/${name}/ && chown -R ${name}:${name} /home/${name} && ` +
      `chmod 750 /home/${name}`,
  ),
].join(" && ");

export const MACHINE_TAG = "gantry/machine:3";

/**
 * The system that EC2 instances run, whichever image they name: Debian with sshd, and the users that the
 * usual images have. Root is kept in the container, which is stopped and started with the instance.
 */
export const machineRecipe: ImageRecipe = {
  tag: MACHINE_TAG,
  upstream: undefined,
  packages: [
    ...["bash", "dash", "coreutils", "findutils", "grep", "sed", "mawk", "tar", "gzip", "diffutils"],
    ...["base-files", "base-passwd", "bsdutils", "debianutils", "util-linux", "mount", "hostname", "procps"],
    ...["login", "passwd", "sudo", "libpam-modules", "libpam-runtime", "ncurses-base", "less"],
    ...["openssh-server", "openssh-client", "iproute2", "iputils-ping", "netcat-openbsd"],
    ...["curl", "ca-certificates", "jq", "tzdata", "perl-base", "apt", "dpkg", "debian-archive-keyring"],
    ...["mariadb-client-core", "postgresql-client-15", "busybox-static"],
  ],
  without: [],
  files: {
    ...PAM,
    "/etc/passwd": PASSWD,
    "/etc/group": GROUP,
    "/etc/shadow": SHADOW,
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n",
    "/etc/ssh/sshd_config": SSHD_CONFIG,
    "/etc/sudoers.d/login-users": Object.keys(LOGIN_USERS)
      .map((name) => `${name} ALL=(ALL) NOPASSWD:ALL\n`)
      .join(""),
    "/etc/apt/sources.list":
      "deb http://deb.debian.org/debian bookworm main\n" +
      "deb http://deb.debian.org/debian-security bookworm-security main\n",
    "/etc/profile.d/trust.sh": "export AWS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt\n",
    "/usr/local/sbin/instance-boot": BOOT,
    "/usr/local/sbin/instance-check": CHECK,
    "/usr/local/bin/cloud-init": CLOUD_INIT,
  },
  copies: {},
  links: {
    "/var/run": "../run",
    "/usr/bin/psql": "/usr/lib/postgresql/15/bin/psql",
    "/usr/bin/mysql": "mariadb",
    "/usr/bin/vi": "/usr/bin/busybox",
    "/usr/bin/awk": "mawk",
    "/usr/bin/wget": "/usr/bin/busybox",
    "/usr/bin/nc": "nc.openbsd",
    "/usr/bin/pager": "less",
  },
  folders: [
    "/tmp",
    "/root",
    "/var/tmp",
    "/run",
    "/home",
    "/opt",
    "/srv",
    "/mnt",
    "/var/lib/dpkg",
    "/var/log",
  ],
  changes: ['ENTRYPOINT ["/usr/local/sbin/instance-boot"]'],
  finish: FINISH,
};
