/**
 * SNS: topics and subscriptions are records, and so is every message until its last delivery is over
 * (`controllers/topics`). A topic's policy decides as other resource policies do. What is refused or not as on AWS:
 * SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-sns";
import type { Exchange, Implementation, ServiceModule, WireResponse } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { permissionsBy } from "../common/permissions.ts";
import { refusing } from "./api-error.ts";
import { REFUSED } from "./members.ts";
import { permissionOperations } from "./permission-statements.ts";
import { snsPermissions } from "./permissions.ts";
import { publishOperations } from "./publish.ts";
import { subscriptionOperations } from "./subscriptions.ts";
import { topicOperations } from "./topics.ts";

/** A message of 256 KiB, each byte of which may be escaped. */
const PUBLISHED = { bytes: 4 * 1024 * 1024, values: 20_000 };
const CERTIFICATE = /^\/SimpleNotificationService-([0-9a-f]{32})\.pem$/;

export function snsService(deps: ApiDeps): ServiceModule {
  const operations = {
    ...topicOperations(deps),
    ...permissionOperations(deps),
    ...subscriptionOperations(deps),
    ...publishOperations(deps),
  } satisfies Implementation<typeof sdk>;
  return {
    sdk,
    operations: refusing(operations, REFUSED, "InvalidParameterException"),
    validationCode: "InvalidParameterException",
    // The empty name: a request of the Query protocol names its operation in the body.
    bodyLimits: { "": PUBLISHED },
    // An endpoint confirms and ends its subscription by the URLs that it is sent.
    anonymousOperations: new Set(["ConfirmSubscription", "Unsubscribe"]),
    extras: (exchange) => Promise.resolve(certificateAnswer(deps, exchange)),
    permissions: permissionsBy("sns", operations, snsPermissions(deps.store)),
    leastActions: (operation) =>
      operation === "ConfirmSubscription" || operation === "Unsubscribe"
        ? []
        : [`sns:${operation.replace(/Batch$/, "")}`],
  };
}

/** The certificate that SigningCertURL names. */
function certificateAnswer({ store }: ApiDeps, exchange: Exchange): WireResponse | undefined {
  const id = exchange.method === "GET" ? CERTIFICATE.exec(exchange.rawPath)?.[1] : undefined;
  const signer = id === undefined ? undefined : store.get("topicSigner", id);
  if (signer === undefined) return undefined;
  return {
    status: 200,
    headers: { "content-type": "application/x-pem-file", "x-amzn-requestid": exchange.requestId },
    body: signer.certificatePem,
  };
}
