import { CreateKeyCommand, EncryptCommand, KMSClient } from "@aws-sdk/client-kms";
import { captured } from "./captured.ts";
import type { Question } from "./question.ts";
import { askRate } from "./rate.ts";

const PLAINTEXT_BYTES = 256;

/** Requests a second of a signed Encrypt with a symmetric key, against a bare Node server. */
export const kms: Question = {
  name: "kms",
  async ask(bench) {
    const { settings, region, credentials } = bench;
    const client = new KMSClient({ region, credentials, endpoint: `http://127.0.0.1:${settings.port}` });
    const { KeyMetadata } = await client.send(new CreateKeyCommand({}));
    const command = new EncryptCommand({
      KeyId: KeyMetadata?.KeyId,
      Plaintext: new Uint8Array(PLAINTEXT_BYTES).fill(97),
    });
    const { headers, body } = await captured(command.middlewareStack, () => client.send(command));
    const signed = { headers: { ...headers, Host: `127.0.0.1:${settings.port}` }, body };
    return askRate(bench, signed, { name: "kms-encrypt", least: 0.3 });
  },
};
