import type { Placed, Tags } from "./common.ts";

/** A topic of SNS. The key is the ARN. */
export interface TopicRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  /** The attributes that can be set, as the API writes them; without the policy. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Undefined for the policy that a topic has by default. */
  readonly policy: string | undefined;
  /** The unique ids of those whom the policy names. */
  readonly policyPrincipals: Readonly<Record<string, string>> | undefined;
  readonly tags: Tags;
  /** Ms since the epoch. */
  readonly createdAt: number;
}

/** A subscription to a topic. The key is the ARN; the account is the subscriber's. */
export interface TopicSubscriptionRecord extends Placed {
  readonly arn: string;
  readonly topicArn: string;
  readonly protocol: "sqs" | "http" | "https" | "email" | "email-json";
  /** The ARN of a queue, a URL, or an address of mail, which is never confirmed. */
  readonly endpoint: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly isConfirmed: boolean;
  /** SHA-256 of the token that confirms it, in hexadecimal digits. */
  readonly tokenHash: string | undefined;
  readonly tokenExpiresAt: number | undefined;
  /** Whether only its owner and the topic's owner may end it. */
  readonly needsSignature: boolean;
  /** Where the API answers its subscriber, such as `https://sns.eu-south-1.amazonaws.com`. */
  readonly apiUrl: string;
  readonly createdAt: number;
}

/** A message that is not delivered to every subscription yet. The key is its id; the account is the topic's. */
export interface TopicMessageRecord extends Placed {
  readonly id: string;
  readonly topicArn: string;
  /** JSON of a `TopicMessage`. Sealed by the vault. */
  readonly sealedContent: string;
  /** The customer's KMS key that the content is encrypted with, besides the vault. */
  readonly kmsKeyArn: string | undefined;
  readonly createdAt: number;
}

/** A delivery of a message to a subscription. The key is its id; the account is the topic's. */
export interface TopicDeliveryRecord extends Placed {
  readonly id: string;
  readonly messageId: string;
  readonly topicArn: string;
  readonly subscriptionArn: string;
  /** The place in the order of a FIFO topic; undefined for a standard one. */
  readonly sequence: number | undefined;
  readonly groupId: string | undefined;
  readonly attempts: number;
  readonly nextAt: number;
  readonly createdAt: number;
}

/** What a FIFO topic was sent in the last five minutes. The key is `TOPIC_ARN|DEDUPLICATION_ID`. */
export interface TopicDeduplicationRecord extends Placed {
  readonly topicArn: string;
  readonly value: string;
  readonly messageId: string;
  readonly sequence: number;
  readonly sentAt: number;
}

/** A key that signs notifications, with its certificate. The key is the id in the certificate's URL. */
export interface TopicSignerRecord {
  readonly id: string;
  readonly certificatePem: string;
  readonly sealedKey: string;
  readonly notAfter: number;
}
