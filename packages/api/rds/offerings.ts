import type * as sdk from "@aws-sdk/client-rds";
import { formatArn } from "@gantry/kernel";
import { INSTANCE_SIZES } from "@gantry/state/instance-sizes";
import type { Implementation, RequestContext } from "@gantry/wire";
import { zonesOf } from "../ec2/zones.ts";
import { ApiError } from "./api-error.ts";
import { CATEGORIES, toSourceType } from "./event-categories.ts";
import { licenseOf } from "./engines.ts";
import { offeredVersions } from "./engine-versions.ts";
import { pageOfRecords } from "./page-of-records.ts";

/** What RDS offers in a region. Source: API_DescribeOrderableDBInstanceOptions and following. */
export function offeringOperations() {
  return {
    DescribeOrderableDBInstanceOptions: (input, context) => describeOrderable(input, context),
    DescribeCertificates: (input, context) => describeCertificates(input, context),
    DescribeEventCategories: (input) => describeEventCategories(input),
    DescribeDBClusters: (input) => {
      if (input.DBClusterIdentifier === undefined) return { DBClusters: [] };
      throw new ApiError("DBClusterNotFoundFault", `DBCluster ${input.DBClusterIdentifier} not found.`);
    },
  } satisfies Implementation<typeof sdk>;
}

/** Families of instance classes. Source: Amazon RDS User Guide, "Supported DB engines for DB instance classes". */
const CLASS = /^(?:t3|t4g|m5|m6i|m6g|m7g|r5|r6i|r6g|r7g)\.(?!nano)/;
/**
 * GiB at least and at most, by the type of storage.
 * Source: Amazon RDS User Guide, "Amazon RDS DB instance storage".
 */
const STORAGE: Readonly<Record<string, readonly [least: number, most: number]>> = {
  gp2: [20, 65_536],
  gp3: [20, 65_536],
  io1: [100, 65_536],
  io2: [100, 65_536],
  standard: [5, 3_072],
};

/** Source: API_DescribeOrderableDBInstanceOptions, MaxRecords. */
const ORDERABLE_MAX = 1000;

function describeOrderable(
  input: sdk.DescribeOrderableDBInstanceOptionsMessage,
  context: RequestContext,
): sdk.OrderableDBInstanceOptionsMessage {
  const { EngineVersion: version, DBInstanceClass: size, LicenseModel: license, Vpc: inVpc } = input;
  const versions = offeredVersions(input.Engine ?? "", version);
  if (versions.length === 0)
    throw new ApiError(
      "InvalidParameterValue",
      `Invalid DB engine or version: ${input.Engine} ${version ?? ""}`,
    );
  const LicenseModel = licenseOf(input.Engine);
  const isOffered = (license ?? LicenseModel) === LicenseModel && inVpc !== false;
  const classes = [...INSTANCE_SIZES.keys()]
    .filter((name) => CLASS.test(name))
    .map((name) => `db.${name}`)
    .filter((name) => isOffered && (size ?? name) === name);
  const all = versions.flatMap((each) =>
    classes.flatMap((name) => Object.keys(STORAGE).map((storage) => [each, name, storage] as const)),
  );
  const keyed = all
    .map((each) => ({ key: each.join("/"), each }))
    .toSorted((one, other) => (one.key < other.key ? -1 : 1));
  const { items, Marker } = pageOfRecords(keyed, ({ key }) => key, input, ORDERABLE_MAX);
  const zones = zonesOf(context.region).map((Name) => ({ Name }));
  return {
    OrderableDBInstanceOptions: items.map(({ each: [EngineVersion, DBInstanceClass, storage] }) => ({
      ...{
        Engine: input.Engine,
        EngineVersion,
        DBInstanceClass,
        LicenseModel,
        AvailabilityZones: zones,
      },
      ...presentStorage(storage),
      ...{ MultiAZCapable: true, ReadReplicaCapable: true, Vpc: true, SupportsStorageEncryption: true },
      SupportsEnhancedMonitoring: false,
      SupportsIAMDatabaseAuthentication: input.Engine === "postgres",
      ...{ SupportsPerformanceInsights: false, SupportedNetworkTypes: ["IPV4"], SupportsClusters: false },
      ...{ SupportedEngineModes: ["provisioned"], SupportsGlobalDatabases: false, OutpostCapable: false },
    })),
    Marker,
  };
}

function presentStorage(storage: string): Partial<sdk.OrderableDBInstanceOption> {
  const [MinStorageSize, MaxStorageSize] = STORAGE[storage] ?? [];
  return {
    ...{ StorageType: storage, MinStorageSize, MaxStorageSize },
    SupportsIops: /^(?:io[12]|gp3)$/.test(storage),
    SupportsStorageThroughput: storage === "gp3",
    SupportsStorageAutoscaling: storage !== "standard",
  };
}

/** Names of authorities that an instance can name. Source: Amazon RDS User Guide, "Certificate authorities". */
const AUTHORITIES = ["rds-ca-ecc384-g1", "rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1"];

function describeCertificates(
  input: sdk.DescribeCertificatesMessage,
  context: RequestContext,
): sdk.CertificateMessage {
  const { CertificateIdentifier: name } = input;
  const fitting = AUTHORITIES.filter((each) => (name ?? each) === each);
  if (fitting.length === 0) throw new ApiError("CertificateNotFoundFault", `Certificate not found: ${name}`);
  const { items, Marker } = pageOfRecords(fitting, (each) => each, input);
  return {
    DefaultCertificateForNewLaunches: "rds-ca-rsa2048-g1",
    Certificates: items.map((each) => ({
      CertificateIdentifier: each,
      CertificateType: "CA",
      CertificateArn: formatArn("rds", { account: "", region: context.region }, `cert:${each}`),
      CustomerOverride: false,
    })),
    Marker,
  };
}

function describeEventCategories(input: sdk.DescribeEventCategoriesMessage): sdk.EventCategoriesMessage {
  const type = toSourceType(input.SourceType);
  return {
    EventCategoriesMapList: Object.entries(CATEGORIES)
      .filter(([each]) => (type ?? each) === each)
      .map(([SourceType, all]) => ({ SourceType, EventCategories: [...all] })),
  };
}
