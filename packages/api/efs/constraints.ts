import type { Constraints } from "@gantry/wire";

/** Source: the service's model, EFS API Reference. */
export const CONSTRAINTS: Constraints = {
  CreationToken: { shortest: 1, longest: 64, pattern: ".+" },
  ClientToken: { shortest: 1, longest: 64, pattern: ".+" },
  FileSystemId: {
    longest: 128,
    pattern: "(arn:aws[-a-z]*:elasticfilesystem:[0-9a-z-:]+:file-system/fs-[0-9a-f]{8,40}|fs-[0-9a-f]{8,40})",
  },
  SubnetId: { shortest: 15, longest: 47, pattern: "subnet-[0-9a-f]{8,40}" },
  IpAddress: { shortest: 7, longest: 15, pattern: "[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}" },
  PerformanceMode: { oneOf: ["generalPurpose", "maxIO"] },
  ThroughputMode: { oneOf: ["bursting", "provisioned", "elastic"] },
  "RootDirectory/Path": { longest: 100, pattern: "(/|(/(?!\\.)[^$#<>;`|&?{}^*/\\n]+){1,4})" },
  "RootDirectory/CreationInfo/OwnerUid": { least: 0, most: 4_294_967_295 },
  "RootDirectory/CreationInfo/OwnerGid": { least: 0, most: 4_294_967_295 },
  "RootDirectory/CreationInfo/Permissions": { shortest: 3, longest: 4, pattern: "[0-7]{3,4}" },
  "PosixUser/Uid": { least: 0, most: 4_294_967_295 },
  "PosixUser/Gid": { least: 0, most: 4_294_967_295 },
  MaxItems: { least: 1 },
  MaxResults: { least: 1 },
};
