import { createSign } from "node:crypto";
import type { TopicMessageRecord, TopicSubscriptionRecord } from "@gantry/state";
import type { TopicMessage } from "@gantry/state/transactions/topics";

const API_VERSION = "2010-03-31";
const SEQUENCE_DIGITS = 20;

/** The key that signs notifications, and where its certificate is. */
export interface NotificationSigner {
  readonly id: string;
  readonly keyPem: string;
}

/** A message on its way to a subscription. */
export interface Outgoing {
  readonly stored: TopicMessageRecord;
  readonly message: TopicMessage;
  readonly subscription: TopicSubscriptionRecord;
  readonly sequence: number | undefined;
  /** 1: SHA-1, 2: SHA-256. */
  readonly signatureVersion: "1" | "2";
}

/** The text for the subscription's protocol. */
export function textFor({ message, subscription }: Outgoing): string {
  return message.byProtocol?.[subscription.protocol] ?? message.message;
}

/**
 * The notification as subscribers without raw delivery get it, signed. Messages of FIFO topics have no signature.
 * Source: SNS Developer Guide, "Parsing Amazon SNS message formats", "Verifying the signatures of Amazon SNS
 * messages".
 */
export function notificationOf(outgoing: Outgoing, signer: NotificationSigner | undefined): string {
  const { stored, message, subscription, sequence, signatureVersion } = outgoing;
  const { type, subject, attributes, token } = message;
  const topicQuery = `TopicArn=${encodeURIComponent(stored.topicArn)}`;
  const api = `${subscription.apiUrl}/?Version=${API_VERSION}&Action=`;
  const fields = {
    Type: type,
    MessageId: stored.id,
    ...(sequence === undefined ? {} : { SequenceNumber: String(sequence).padStart(SEQUENCE_DIGITS, "0") }),
    ...(token === undefined ? {} : { Token: token }),
    TopicArn: stored.topicArn,
    ...(subject === undefined ? {} : { Subject: subject }),
    Message: textFor(outgoing),
    ...(token === undefined
      ? {}
      : { SubscribeURL: `${api}ConfirmSubscription&${topicQuery}&Token=${token}` }),
    Timestamp: new Date(stored.createdAt).toISOString(),
  };
  const signed =
    signer === undefined
      ? {}
      : {
          SignatureVersion: signatureVersion,
          Signature: signatureOf(fields, signer.keyPem, signatureVersion),
          SigningCertURL: `https://sns.${stored.region}.amazonaws.com/SimpleNotificationService-${signer.id}.pem`,
        };
  const unsubscribe =
    type === "Notification"
      ? { UnsubscribeURL: `${api}Unsubscribe&SubscriptionArn=${encodeURIComponent(subscription.arn)}` }
      : {};
  const shown = Object.entries(attributes).map(([name, { type: Type, value: Value }]) => [
    name,
    { Type, Value },
  ]);
  return JSON.stringify({
    ...fields,
    ...signed,
    ...unsubscribe,
    ...(shown.length === 0 ? {} : { MessageAttributes: Object.fromEntries(shown) as object }),
  });
}

/** The members that a signature covers, in its order. */
const SIGNED = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];

function signatureOf(fields: Readonly<Record<string, string>>, keyPem: string, version: "1" | "2"): string {
  const text = SIGNED.flatMap((name) => (fields[name] === undefined ? [] : [`${name}\n${fields[name]}\n`]));
  return createSign(version === "1" ? "RSA-SHA1" : "RSA-SHA256")
    .update(text.join(""))
    .sign(keyPem, "base64");
}
