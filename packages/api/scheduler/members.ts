import type * as sdk from "@aws-sdk/client-scheduler";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

const TARGET = [
  "Target.EventBridgePutEventsV2Parameters",
  "Target.EventBridgePutRawEventsParameters",
  "Target.KinesisParameters",
  "Target.SageMakerPipelineParameters",
  "Target.EcsParameters.ReferenceId",
] as const;

const TOKEN = { ClientToken: "a schedule has one name, so that a second creation is refused" };

export const RECORDED: RecordedMembers<typeof sdk> = {
  CreateSchedule: TOKEN,
  UpdateSchedule: TOKEN,
  DeleteSchedule: TOKEN,
  CreateScheduleGroup: TOKEN,
  DeleteScheduleGroup: TOKEN,
};

export const REFUSED: RefusedMembers<typeof sdk> = { CreateSchedule: TARGET, UpdateSchedule: TARGET };
