import type * as sdk from "@aws-sdk/client-cloudwatch";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

export const RECORDED: RecordedMembers<typeof sdk> = {
  GetMetricData: { "LabelOptions.Timezone": "labels have no times" },
};

export const REFUSED: RefusedMembers<typeof sdk> = {
  GetMetricData: ["MetricDataQueries.AccountId"],
  PutMetricAlarm: ["Metrics.AccountId"],
};
