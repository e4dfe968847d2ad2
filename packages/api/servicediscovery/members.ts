import type * as sdk from "@aws-sdk/client-servicediscovery";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

const UPDATER = { UpdaterRequestId: "an update that is repeated changes nothing" };

export const RECORDED: RecordedMembers<typeof sdk> = {
  UpdateHttpNamespace: UPDATER,
  UpdatePrivateDnsNamespace: UPDATER,
  UpdatePublicDnsNamespace: UPDATER,
  RegisterInstance: { CreatorRequestId: "a registration that is repeated changes nothing; it is returned" },
  CreateService: { "HealthCheckCustomConfig.FailureThreshold": "always 1, as on AWS" },
};

export const REFUSED: RefusedMembers<typeof sdk> = {
  CreateService: ["HealthCheckConfig"],
  UpdateService: ["Service.HealthCheckConfig"],
};
