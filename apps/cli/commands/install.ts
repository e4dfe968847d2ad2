import { readInstance } from "@gantry/control-plane";
import { PROJECT } from "../project.ts";
import type { Call } from "./command.ts";

/**
 * Prints a systemd unit that brings the instance up at boot, and how to install it; it changes nothing itself.
 * Source: systemd.service(5): a oneshot unit that remains active, so that stopping it takes the platform down.
 */
export function run({ folder }: Call): Promise<number> {
  const settings = readInstance(folder);
  const name =
    settings === undefined || settings.instance === "default" ? "gantry" : `gantry-${settings.instance}`;
  process.stdout.write(`# ${name}.service: brings Gantry up at boot, and down with its data kept at shutdown.
# Install it:  ./gantry install | sudo tee /etc/systemd/system/${name}.service && sudo systemctl enable --now ${name}
[Unit]
Description=Gantry, a managed container platform (${folder})
Requires=docker.service
After=docker.service network-online.target
Wants=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
KillMode=process
WorkingDirectory=${PROJECT}
ExecStart=${PROJECT}/gantry up --state-dir ${folder}
ExecStop=${PROJECT}/gantry down --state-dir ${folder}
TimeoutStartSec=600
TimeoutStopSec=180

[Install]
WantedBy=multi-user.target
`);
  return Promise.resolve(0);
}
