import { KeyUnusableError, viaService, type TopicRecord, type Transaction } from "@gantry/state";
import { publishToTopic, TopicBusyError, topicKmsKey, topicUse } from "@gantry/state/transactions/topics";
import type { ApiDeps } from "../common/api-deps.ts";
import { asService, permitsService } from "../iam/service-access.ts";

/** A message that a service publishes for a resource of an account. */
export interface FromService {
  readonly topicArn: string;
  /** The service's principal, and its name in messages. */
  readonly service: { readonly principal: string; readonly name: string };
  readonly source: { readonly arn: string; readonly account: string; readonly region: string };
  readonly subject: string;
  readonly message: string;
}

/**
 * Publishes a message of a service to a topic of its source's region, where the topic's policy lets the service publish
 * and the policy of its KMS key lets it encrypt. A topic without a policy of its own takes messages of its account.
 * Errors: a sentence that says why it is not published.
 * Source: SNS Developer Guide, "Enabling compatibility between event sources from AWS services and encrypted topics".
 */
export function publishFromService(
  { store, ids, vault, clock }: Pick<ApiDeps, "store" | "ids" | "vault" | "clock">,
  given: FromService,
): void {
  store.transact((tx) => publishWith(tx, { ids, vault, clock }, given));
}

/** As publishFromService, within a transaction. Nothing is written where it fails. Errors: as there. */
export function publishWith(
  tx: Transaction,
  { ids, vault, clock }: Pick<ApiDeps, "ids" | "vault" | "clock">,
  given: FromService,
): void {
  const now = clock.now();
  const { topicArn, service, source, subject, message } = given;
  try {
    const topic = tx.get("topic", topicArn);
    if (topic === undefined || topic.region !== source.region) throw new Error("Resource not found");
    const refused = refusalOf(tx, topic, { ...given, now });
    if (refused !== undefined) throw new Error(`${service.name} is not authorized to perform: ${refused}`);
    const notification = { type: "Notification", subject, message, attributes: {} } as const;
    publishToTopic(tx, { ids, vault, now }, topic, notification);
  } catch (thrown) {
    if (thrown instanceof KeyUnusableError || thrown instanceof TopicBusyError)
      throw new Error(thrown.message, { cause: thrown });
    throw thrown;
  }
}

/** What the service may not do, and with which resource; undefined where it may publish. Errors: KeyUnusableError. */
function refusalOf(
  tx: Transaction,
  topic: TopicRecord,
  { service, source, now }: Pick<FromService, "service" | "source"> & { readonly now: number },
): string | undefined {
  const { principals, conditions } = asService(service.principal, source);
  const isPermitted =
    topic.policy === undefined
      ? topic.account === source.account
      : permitsService(topic, {
          action: "sns:Publish",
          resource: topic.arn,
          principals,
          conditions: { ...conditions, "aws:SourceOwner": source.account },
          now,
        });
  if (!isPermitted) return `SNS:Publish on resource: ${topic.arn}`;
  const keyArn = topicKmsKey(tx, topic);
  if (keyArn === undefined) return undefined;
  const via = viaService(topic.region, topicUse(topic.arn));
  const denied = ["kms:GenerateDataKey", "kms:Decrypt"].find(
    (action) =>
      !permitsService(tx.get("kmsKey", keyArn) ?? {}, {
        ...{ action, resource: keyArn, principals, now },
        conditions: { ...conditions, ...via },
      }),
  );
  return denied && `${denied} on resource: ${keyArn}`;
}
