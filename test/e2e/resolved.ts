import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./helpers.ts";

/** Root talks to resolved, and nobody else is on this bus. */
const ALLOWED = [
  ...['user="*"', 'own="*"', 'send_type="method_call"', 'send_type="signal"', 'send_requested_reply="true"'],
  ...["method_call", "method_return", "error", "signal"].map((type) => `receive_type="${type}"`),
];
const BUS = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<policy context="default">${ALLOWED.map((each) => `<allow ${each}/>`).join("")}</policy></busconfig>
`;
const USER = "systemd-resolve";

/** A systemd-resolved that runs in a mount namespace, where programs ask it, without systemd as the first process. */
export interface Resolved {
  /** The address of this machine that it asks, as that of a router. */
  readonly upstream: string;
  /**
   * The part of a script, run in a mount namespace of its own, after which resolved answers at 127.0.0.53 until the
   * script ends.
   */
  readonly start: string;
}

/**
 * Unpacks Debian's package in a folder. `systemctl restart systemd-resolved` ends and starts the daemon there, as
 * systemd would.
 */
export async function openResolved(): Promise<Resolved> {
  const folder = mkdtempSync(join(tmpdir(), "gantry-resolved-"));
  chmodSync(folder, 0o755);
  const shell = (script: string) => run("sh", ["-ec", `cd ${folder}\n${script}`]);
  await shell("apt-get download -qq systemd-resolved\ndpkg-deb -x systemd-resolved_*.deb root");
  const [name = "", addresses = []] =
    Object.entries(networkInterfaces()).find(([, each]) => each?.some(isOutside)) ?? [];
  const upstream = addresses.find(isOutside)?.address ?? "";
  const programs = join(folder, "programs");
  mkdirSync(programs);
  const systemctl = join(programs, "systemctl");
  writeFileSync(join(folder, "bus.conf"), BUS);
  writeFileSync(join(folder, "resolv.conf"), "nameserver 127.0.0.53\noptions edns0 trust-ad\n");
  writeFileSync(
    systemctl,
    `#!/bin/sh -e
[ "$*" = "restart systemd-resolved" ]
if [ -e /run/systemd/pid ]; then
  pid=$(cat /run/systemd/pid)
  kill "$pid"
  while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
fi
${folder}/root/lib/systemd/systemd-resolved </dev/null >>${folder}/log 2>&1 &
echo $! >/run/systemd/pid
for try in $(seq 200); do
  ${folder}/root/usr/bin/resolvectl status >/dev/null 2>&1 && exit
  sleep 0.05
done
cat ${folder}/log >&2
exit 1
`,
    { mode: 0o755 },
  );
  return {
    upstream,
    start: `
      mkdir -p /run/systemd /run/dbus /etc/systemd
      for path in /run/systemd /run/dbus /etc/systemd; do mount -t tmpfs tmpfs $path; done
      { cat /etc/passwd; echo ${USER}:x:989:989::/:/usr/sbin/nologin; } > ${folder}/passwd
      { cat /etc/group; echo ${USER}:x:989:; } > ${folder}/group
      for file in passwd group resolv.conf; do mount --bind ${folder}/$file /etc/$file; done
      install -d -o ${USER} -g ${USER} /run/systemd/resolve
      dbus-daemon --config-file=${folder}/bus.conf --nofork </dev/null >/dev/null 2>&1 &
      bus=$!
      trap 'kill $bus $(cat /run/systemd/pid); rm -rf ${folder}' EXIT
      PATH=${programs}:$PATH
      for try in $(seq 200); do [ -S /run/dbus/system_bus_socket ] && break; sleep 0.05; done
      systemctl restart systemd-resolved
      ${folder}/root/usr/bin/resolvectl dns ${name} ${upstream}`,
  };
}

function isOutside({ family, internal }: { readonly family: string; readonly internal: boolean }): boolean {
  return family === "IPv4" && !internal;
}
