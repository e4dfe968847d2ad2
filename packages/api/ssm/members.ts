import type * as sdk from "@aws-sdk/client-ssm";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

const SHARED = "a document is shared with nobody";

export const RECORDED: RecordedMembers<typeof sdk> = {
  PutParameter: { DataType: "kept and shown: the value is not checked against it" },
  CreateDocument: { TargetType: "kept and shown: a document is not run" },
  UpdateDocument: { TargetType: "kept and shown: a document is not run" },
  DeleteDocument: { Force: "documents of every type are deleted at once" },
  DescribeDocumentPermission: { MaxResults: SHARED, NextToken: SHARED },
};

export const REFUSED: RefusedMembers<typeof sdk> = {
  CreateDocument: ["Attachments", "Requires", ["DocumentType", "Command", "Automation", "Session", "Policy"]],
  ListDocuments: ["DocumentFilterList"],
  UpdateDocument: ["Attachments"],
};
