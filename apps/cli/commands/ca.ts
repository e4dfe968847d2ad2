import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { presentInstance } from "../platform.ts";
import { UserError } from "../run.ts";
import type { Call } from "./command.ts";

/** Prints the path of the instance's certificate authority and how to trust it, or the certificate itself. */
export function run({ folder, flag }: Call): Promise<number> {
  const { instance } = presentInstance(folder);
  const path = join(folder, "ca.pem");
  if (!existsSync(path)) throw new UserError(`${path} does not exist yet: run "gantry up" first.`);
  process.stdout.write(flag("pem") ? readFileSync(path, "utf8") : renderAdvice(path, instance));
  return Promise.resolve(0);
}

function renderAdvice(path: string, instance: string): string {
  const name = `gantry-${instance}`;
  const file = quote(path);
  return `${path}

The certificates of HTTPS listeners that ACM issues here are signed by this authority. Its key never leaves the
state folder. To trust it:
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
