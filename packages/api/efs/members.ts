import type * as sdk from "@aws-sdk/client-efs";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

export const RECORDED: RecordedMembers<typeof sdk> = {
  CreateFileSystem: { Encrypted: "files lie in a folder of the node" },
};

export const REFUSED: RefusedMembers<typeof sdk> = {};
