import type * as sdk from "@aws-sdk/client-eventbridge";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

export const RECORDED: RecordedMembers<typeof sdk> = {
  PutEvents: { "Entries.TraceHeader": "there is no tracing" },
  PutRule: { RoleArn: "targets name their own roles; the role must be passed, and is returned" },
  RemoveTargets: { Force: "there are no managed rules" },
  DeleteRule: { Force: "there are no managed rules" },
};

export const REFUSED: RefusedMembers<typeof sdk> = {
  CreateEventBus: ["EventSourceName", "KmsKeyIdentifier", "DeadLetterConfig", "LogConfig"],
  UpdateEventBus: ["KmsKeyIdentifier", "DeadLetterConfig", "LogConfig"],
  CreateConnection: ["AuthParameters.ConnectivityParameters", "InvocationConnectivityParameters"],
  UpdateConnection: ["AuthParameters.ConnectivityParameters", "InvocationConnectivityParameters"],
  PutRule: [["State", "ENABLED", "DISABLED"]],
  PutEvents: ["EndpointId"],
  PutTargets: [
    "Targets.AppSyncParameters",
    "Targets.BatchParameters",
    "Targets.KinesisParameters",
    "Targets.RedshiftDataParameters",
    "Targets.RunCommandParameters",
    "Targets.SageMakerPipelineParameters",
    "Targets.EcsParameters.ReferenceId",
  ],
};
