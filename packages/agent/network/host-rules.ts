import type { Naming } from "../naming.ts";
import type { Shell } from "./shell.ts";

/**
 * What the host's own firewall must let through for this instance: traffic of its VPC links (Docker drops what it does
 * not know), masqueraded where it leaves the machine. While the agent restarts nobody is told that nobody is there
 * (a reset in answer to a first packet has the sequence 0): who asks waits for the next try, and is answered. Everything is in a table and a comment that carry the instance's name.
 */
export async function ensureHostRules(shell: Shell, naming: Naming): Promise<void> {
  const table = hostTable(naming);
  const links = `"${naming.linkPrefix}*"`;
  await shell.run(`
    nft -f - <<'RULES'
table ip ${table}
delete table ip ${table}
table ip ${table} {
  chain postrouting {
    type nat hook postrouting priority 100;
    iifname ${links} oifname != ${links} masquerade
  }
  chain input {
    type filter hook input priority -5;
    iifname ${links} ct state established,related accept
    iifname ${links} ip daddr 100.64.0.0/16 udp dport 53 accept
    iifname ${links} ip daddr 100.64.0.0/16 tcp dport { 53, 80, 443, 8080 } accept
    iifname ${links} drop
  }
  chain output {
    type filter hook output priority -5;
    oifname ${links} icmp type destination-unreachable drop
    oifname ${links} tcp flags & (rst | ack) == rst | ack tcp sequence 0 drop
  }
}
RULES
    for t in iptables-nft iptables-legacy; do
      if command -v $t >/dev/null && $t -S DOCKER-USER >/dev/null 2>&1; then
        for d in -i -o; do
          $t -C DOCKER-USER $d ${naming.linkPrefix}+ -m comment --comment ${table} -j ACCEPT 2>/dev/null || $t -I DOCKER-USER $d ${naming.linkPrefix}+ -m comment --comment ${table} -j ACCEPT
        done
      fi
    done
  `);
}

/** Takes everything away that `ensureHostRules` and the routers added to the host. */
export async function removeHostRules(shell: Shell, naming: Naming): Promise<void> {
  const table = hostTable(naming);
  await shell.run(`
    nft delete table ip ${table} 2>/dev/null || true
    for t in iptables-nft iptables-legacy; do
      if command -v $t >/dev/null && $t -S DOCKER-USER >/dev/null 2>&1; then
        for d in -i -o; do
          while $t -D DOCKER-USER $d ${naming.linkPrefix}+ -m comment --comment ${table} -j ACCEPT 2>/dev/null; do :; done
        done
      fi
    done
    for l in $(ip -o link show | sed -n 's/^[0-9]*: \\(${naming.linkPrefix}[^:@]*\\).*/\\1/p'); do ip link del $l; done
  `);
}

function hostTable(naming: Naming): string {
  return `gantry_${naming.instance.replace(/[^A-Za-z0-9]/g, "_")}`;
}
