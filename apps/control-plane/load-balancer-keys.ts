import type { IncomingMessage, ServerResponse } from "node:http";
import type { ActionRecord, Reader, Store } from "@gantry/state";

/** Inside VPCs: `https://public-keys.auth.elb.REGION.amazonaws.com/KEY-ID`, as on AWS. */
const HOST = /^public-keys\.auth\.elb\.[a-z0-9-]+\.amazonaws\.com(?::\d+)?$/i;
/** At the API's endpoint. */
const PREFIX = "/gantry/load-balancer-keys/";
const KEY_ID = /^[0-9a-f-]{36}$/;

/** Whether a request asks for a public key of a load balancer. */
export function asksForLoadBalancerKey({ url = "", headers }: IncomingMessage): boolean {
  return url.startsWith(PREFIX) || HOST.test(headers.host ?? "");
}

/**
 * Answers a request for the public key that verifies what load balancers tell targets of users. Anybody may
 * read the keys.
 * Source: "Authenticate users using an Application Load Balancer", signature verification.
 */
export async function answerLoadBalancerKey(
  store: Pick<Store, "list" | "listBy" | "settled">,
  { url = "" }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const id = url.slice(url.startsWith(PREFIX) ? PREFIX.length : 1);
  const pem = KEY_ID.test(id) ? findKey(store, id) : undefined;
  await store.settled();
  response.writeHead(pem === undefined ? 404 : 200, { "content-type": "text/plain" });
  response.end(pem ?? "");
}

function findKey(reader: Pick<Reader, "list" | "listBy">, id: string): string | undefined {
  const keyOf = (actions: readonly ActionRecord[]) =>
    actions.find((action) => action.type === "authenticate-oidc" && action.signingKeyId === id);
  for (const { defaultActions, arn } of reader.list("listener")) {
    const rules = reader.listBy("rule", "listener", arn);
    for (const actions of [defaultActions, ...rules.map((rule) => rule.actions)]) {
      const found = keyOf(actions);
      if (found?.type === "authenticate-oidc") return found.signingKeyPem;
    }
  }
  return undefined;
}
