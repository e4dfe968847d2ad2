import type { DatabaseInstanceRecord } from "@gantry/state";
import { presentTags } from "../common/tags.ts";
import { RUNNING_VERSIONS } from "./engine-versions.ts";

/** Names the server that really runs. Tools that compare tags leave those of `aws:` alone. */
const ENGINE_TAG = "aws:gantry:engine-version";

/** The tags of an instance: its own, and which server runs behind the engine version that it reports. */
export function instanceTags(record: DatabaseInstanceRecord): { Key: string; Value: string }[] {
  return [...presentTags(record.tags), { Key: ENGINE_TAG, Value: RUNNING_VERSIONS[record.engine] }];
}
