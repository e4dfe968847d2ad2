import type * as iam from "@aws-sdk/client-iam";
import type { AccessKeyRecord, IamAccountRecord, Reader, UploadedKey, UserRecord } from "@gantry/state";
import type { Implementation } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { changeAccount } from "./account.ts";
import { ApiError } from "./api-error.ts";
import { keyLastUsed } from "./last-used.ts";

/** A report that is younger is not generated again. Source: API_GenerateCredentialReport. */
const FRESH_MS = 4 * 60 * 60_000;
/** A report that is older has expired. Source: API_GetCredentialReport. */
const EXPIRES_MS = 24 * 60 * 60_000;
const DAY_MS = 86_400_000;

/** Source: IAM User Guide, "Generate credential reports for your AWS account". */
const COLUMNS = [
  ...["user", "arn", "user_creation_time"],
  ...["password_enabled", "password_last_used", "password_last_changed", "password_next_rotation"],
  "mfa_active",
  ...["1", "2"].flatMap((index) =>
    ["active", "last_rotated", "last_used_date", "last_used_region", "last_used_service"].map(
      (column) => `access_key_${index}_${column}`,
    ),
  ),
  ...["cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated"],
];
const NONE = "N/A";

/**
 * The table of an account's users and their credentials.
 * Source: API_GenerateCredentialReport, API_GetCredentialReport.
 */
export function credentialReportOperations({ store, clock }: ApiDeps) {
  return {
    /** A new report is complete at once. The next call says so, as on AWS. */
    GenerateCredentialReport(_input, { account }) {
      const now = clock.now();
      const known = store.get("iamAccount", account)?.credentialReport;
      if (known !== undefined && now - known.generatedAt < FRESH_MS) return { State: "COMPLETE" };
      changeAccount(store, account, {
        credentialReport: { generatedAt: now, content: reportOf(store, account) },
      });
      return {
        State: "STARTED",
        Description: "No report exists. Starting a new report generation task",
      };
    },
    GetCredentialReport(_input, { account }) {
      const report = findReport(store.get("iamAccount", account), clock.now());
      return {
        Content: Buffer.from(report.content),
        ReportFormat: "text/csv",
        GeneratedTime: new Date(report.generatedAt),
      };
    },
  } satisfies Implementation<typeof iam>;
}

function findReport(account: IamAccountRecord | undefined, now: number) {
  const report = account?.credentialReport;
  if (report === undefined)
    throw new ApiError("CredentialReportNotPresentException", "No report exists. Please generate one.", {
      status: 410,
    });
  if (now - report.generatedAt > EXPIRES_MS)
    throw new ApiError("CredentialReportExpiredException", "The most recent credential report has expired.", {
      status: 410,
    });
  return report;
}

function reportOf(reader: Reader, account: string): string {
  const keys = reader.list("accessKey").filter((key) => key.account === account);
  const keysOf = (userArn: string | undefined) => keys.filter((key) => key.userArn === userArn);
  const withMfa = new Set(reader.list("mfaDevice").map(({ userId }) => userId));
  const maximumAgeDays = reader.get("iamAccount", account)?.passwordPolicy?.maximumAgeDays ?? 0;
  const users = reader.list("user", `arn:aws:iam::${account}:user/`);
  const rows = [
    COLUMNS,
    rootRow(reader, account, keysOf(undefined)),
    ...users.map((user) => [
      user.name,
      user.arn,
      timeOf(user.createdAt),
      ...passwordColumns(user, maximumAgeDays),
      String(withMfa.has(user.id)),
      ...keyColumns(reader, keysOf(user.arn)),
      ...certificateColumns(user.signingCertificates ?? []),
    ]),
  ];
  return `${rows.map((row) => row.join(",")).join("\n")}\n`;
}

function rootRow(reader: Reader, account: string, keys: readonly AccessKeyRecord[]): readonly string[] {
  const createdAt = Math.min(...keys.map((key) => key.createdAt));
  return [
    "<root_account>",
    `arn:aws:iam::${account}:root`,
    Number.isFinite(createdAt) ? timeOf(createdAt) : NONE,
    ...["not_supported", "no_information", "not_supported", "not_supported"],
    "false",
    ...keyColumns(reader, keys),
    ...certificateColumns([]),
  ];
}

/** Nobody signs in with a password, so that none has been used. */
function passwordColumns({ loginProfile }: UserRecord, maximumAgeDays: number): readonly string[] {
  if (loginProfile === undefined) return ["false", NONE, NONE, NONE];
  const next = loginProfile.createdAt + maximumAgeDays * DAY_MS;
  return [
    "true",
    "no_information",
    timeOf(loginProfile.createdAt),
    maximumAgeDays === 0 ? NONE : timeOf(next),
  ];
}

function keyColumns(reader: Reader, keys: readonly AccessKeyRecord[]): readonly string[] {
  const sorted = keys.toSorted((a, b) => a.createdAt - b.createdAt);
  return [0, 1].flatMap((index) => {
    const key = sorted[index];
    if (key === undefined) return ["false", NONE, NONE, NONE, NONE];
    const used = keyLastUsed(reader, key);
    return [
      String(key.status === "Active"),
      timeOf(key.createdAt),
      ...(used === undefined ? [NONE, NONE, NONE] : [timeOf(used.at), used.region, used.service]),
    ];
  });
}

function certificateColumns(certificates: readonly UploadedKey[]): readonly string[] {
  return [0, 1].flatMap((index) => {
    const certificate = certificates[index];
    return certificate === undefined
      ? ["false", NONE]
      : [String(certificate.status === "Active"), timeOf(certificate.uploadedAt)];
  });
}

/** As the report writes times: in UTC, to the second. */
function timeOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}+00:00`;
}
