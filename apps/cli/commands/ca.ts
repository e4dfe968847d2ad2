import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { presentInstance } from "../platform.ts";
import { run as runProgram, UserError } from "../run.ts";
import { changeTrust, type StoreResult, type TrustHost } from "../trust-stores.ts";
import type { Call } from "./command.ts";

/**
 * Prints the path of the instance's certificate authority and how to trust it, or the certificate itself; adds it to
 * the trust stores of this machine, or removes it from them. Exit status 1 where a store failed.
 */
export async function run({ folder, flag, words }: Call): Promise<number> {
  const { instance } = presentInstance(folder);
  const path = join(folder, "ca.pem");
  const [action] = words;
  if (!existsSync(path)) throw new UserError(`${path} does not exist yet: run "gantry up" first.`);
  if (action === "install" || action === "remove") {
    const change = action === "install" ? "add" : "remove";
    const results = await changeTrust(thisMachine(), { name: authorityName(instance), path }, change);
    process.stdout.write(renderResults(results, action === "install" ? path : undefined));
    return results.some(({ result }) => result === "failed") ? 1 : 0;
  }
  const isPrinted = action === "print" || flag("pem");
  process.stdout.write(isPrinted ? readFileSync(path, "utf8") : renderAdvice(path, instance));
  return 0;
}

/** The name of an instance's authority in trust stores. */
export function authorityName(instance: string): string {
  return `gantry-${instance}`;
}

/** This machine, with the home folder of the user who calls. */
export function thisMachine(): TrustHost {
  const folders = (process.env["PATH"] ?? "").split(delimiter).concat("/usr/sbin");
  return {
    root: "/",
    home: homedir(),
    has: (program) => folders.some((each) => existsSync(join(each, program))),
    run: (program, parameters) => runProgram(program, parameters),
  };
}

/** `path`: of the authority's certificate, where it was installed. */
function renderResults(results: readonly StoreResult[], path: string | undefined): string {
  const width = Math.max(...results.map(({ store }) => store.length));
  const lines = results.map(
    ({ store, result, reason }) =>
      `${store.padEnd(width)}  ${result}${reason === undefined ? "" : `: ${reason}`}`,
  );
  const hint =
    path === undefined
      ? []
      : [
          "",
          `Node.js has no store: export NODE_EXTRA_CA_CERTS=${quote(path)}`,
          'Whoever reads the state folder can sign for any site now. "gantry ca remove" takes it back.',
        ];
  return `${[...lines, ...hint].join("\n")}\n`;
}

function renderAdvice(path: string, instance: string): string {
  const name = authorityName(instance);
  const file = quote(path);
  return `${path}

The certificates of HTTPS listeners that ACM issues here are signed by this authority. Its key never leaves the
state folder. "gantry ca install" adds it to the stores of this machine, of Chromium, Firefox and Java, and
"gantry ca remove" removes it. To trust it by hand:
  curl                 curl --cacert ${file} https://…
  AWS CLI, boto3       export AWS_CA_BUNDLE=${file}
  Node.js              export NODE_EXTRA_CA_CERTS=${file}
  Python requests      export REQUESTS_CA_BUNDLE=${file}
  Debian, Ubuntu       sudo cp ${file} /usr/local/share/ca-certificates/${name}.crt && sudo update-ca-certificates
  Fedora, RHEL         sudo cp ${file} /etc/pki/ca-trust/source/anchors/${name}.pem && sudo update-ca-trust
  macOS                sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain ${file}
  Firefox, Chromium    import the file under Settings, Certificates, Authorities
Remove it there again when you remove the instance.
`;
}

/** Quotes text as one word of a POSIX shell. */
function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
