import * as ssm from "@aws-sdk/client-ssm";
import { startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new ssm.SSMClient(api.client());
const content = (description: string) =>
  JSON.stringify({
    schemaVersion: "2.2",
    description,
    parameters: {
      count: { type: "String", default: 3, description: "how many" },
      names: { type: "StringList" },
    },
    mainSteps: [],
  });
const create = (Name: string, more: Partial<ssm.CreateDocumentRequest> = {}) =>
  client.send(new ssm.CreateDocumentCommand({ Name, Content: content("one"), ...more }));
const update = (Name: string, more: Partial<ssm.UpdateDocumentRequest> = {}) =>
  client.send(new ssm.UpdateDocumentCommand({ Name, Content: content("two"), ...more }));
const get = (Name: string, more: Partial<ssm.GetDocumentRequest> = {}) =>
  client.send(new ssm.GetDocumentCommand({ Name, ...more }));
const show = async (Name: string, more: Partial<ssm.DescribeDocumentRequest> = {}) =>
  (await client.send(new ssm.DescribeDocumentCommand({ Name, ...more }))).Document;

describe("a document", () => {
  it("is created, described by what it says, and returned as it is", async () => {
    const Tags = [{ Key: "team", Value: "a" }];
    const made = await create("shop-run", {
      ...{ VersionName: "first", DisplayName: "Run it", TargetType: "/AWS::EC2::Instance" },
      ...{ DocumentType: "Command", DocumentFormat: "JSON", Tags },
    });
    expect(made.DocumentDescription).toEqual(await show("shop-run"));
    expect(made.DocumentDescription).toMatchObject({
      ...{ Name: "shop-run", VersionName: "first", DisplayName: "Run it", Owner: "000000000000" },
      ...{ DocumentVersion: "1", DefaultVersion: "1", LatestVersion: "1", Status: "Active", Tags },
      ...{
        Description: "one",
        SchemaVersion: "2.2",
        DocumentType: "Command",
        TargetType: "/AWS::EC2::Instance",
      },
      Parameters: [
        { Name: "count", Type: "String", DefaultValue: "3", Description: "how many" },
        { Name: "names", Type: "StringList" },
      ],
    });
    expect(await get("shop-run", { DocumentFormat: "JSON" })).toMatchObject({
      Content: content("one"),
      DocumentFormat: "JSON",
    });
    await expect(get("shop-run", { DocumentFormat: "YAML" })).rejects.toThrow(/does not convert/);
    await expect(create("shop-run")).rejects.toMatchObject({ name: "DocumentAlreadyExists" });
    const shared = { Name: "shop-run", PermissionType: ssm.DocumentPermissionType.SHARE };
    const { AccountIds } = await client.send(new ssm.DescribeDocumentPermissionCommand(shared));
    expect(AccountIds).toEqual([]);
  });

  it("has versions, one of them the default", async () => {
    await create("versions", { VersionName: "a" });
    const made = await update("versions", {
      ...{ DocumentVersion: "$LATEST", VersionName: "b", DisplayName: "B", DocumentFormat: "JSON" },
      TargetType: "/",
    });
    expect(made.DocumentDescription).toMatchObject({
      DocumentVersion: "2",
      DefaultVersion: "1",
      TargetType: "/",
    });
    expect((await get("versions")).DocumentVersion).toBe("1");
    expect((await get("versions", { VersionName: "b" })).DisplayName).toBe("B");
    expect((await get("versions", { DocumentVersion: "$LATEST" })).Content).toBe(content("two"));
    expect((await show("versions", { DocumentVersion: "2" }))?.VersionName).toBe("b");
    expect((await show("versions", { VersionName: "a" }))?.DocumentVersion).toBe("1");
    await expect(update("versions")).rejects.toMatchObject({ name: "DuplicateDocumentContent" });
    const again = update("versions", { Content: content("three"), VersionName: "a" });
    await expect(again).rejects.toMatchObject({ name: "DuplicateDocumentVersionName" });
    await expect(get("versions", { DocumentVersion: "9" })).rejects.toMatchObject({
      name: "InvalidDocumentVersion",
    });
    const { Description } = await client.send(
      new ssm.UpdateDocumentDefaultVersionCommand({ Name: "versions", DocumentVersion: "2" }),
    );
    expect(Description).toEqual({ Name: "versions", DefaultVersion: "2", DefaultVersionName: "b" });
    const list = (more: Partial<ssm.ListDocumentVersionsRequest>) =>
      client.send(new ssm.ListDocumentVersionsCommand({ Name: "versions", ...more }));
    const first = await list({ MaxResults: 1 });
    const second = await list({ NextToken: first.NextToken });
    expect([...(first.DocumentVersions ?? []), ...(second.DocumentVersions ?? [])]).toMatchObject([
      { DocumentVersion: "2", IsDefaultVersion: true },
      { DocumentVersion: "1", IsDefaultVersion: false },
    ]);
  });

  it("is deleted by version or whole", async () => {
    await create("gone", { VersionName: "a" });
    await update("gone");
    const remove = (more: Partial<ssm.DeleteDocumentRequest> = {}) =>
      client.send(new ssm.DeleteDocumentCommand({ Name: "gone", ...more }));
    await expect(remove({ VersionName: "a" })).rejects.toMatchObject({ name: "InvalidDocumentOperation" });
    await remove({ DocumentVersion: "2" });
    expect((await show("gone"))?.LatestVersion).toBe("1");
    await update("gone", { VersionName: "b" });
    await remove({ VersionName: "b" });
    await expect(get("gone", { VersionName: "b" })).rejects.toMatchObject({ name: "InvalidDocumentVersion" });
    expect(await show("gone")).toMatchObject({ LatestVersion: "1", VersionName: "a" });
    await remove({ Force: true });
    await expect(show("gone")).rejects.toThrow("Document with name gone does not exist.");
    expect(api.store.list("ssmDocumentVersion").filter((each) => each.documentArn.endsWith("/gone"))).toEqual(
      [],
    );
  });

  it.each(["Automation", "Session", "Policy"] as const)("may be of the type %s", async (DocumentType) => {
    const made = await create(`type-${DocumentType}`, { DocumentType });
    expect(made.DocumentDescription?.DocumentType).toBe(DocumentType);
  });

  it("may be YAML or text", async () => {
    const Content = 'schemaVersion: "2.2"\ndescription: of YAML\nmainSteps: []\n';
    await create("yaml", { Content, DocumentFormat: "YAML" });
    expect(await show("yaml")).toMatchObject({
      Description: "of YAML",
      SchemaVersion: "2.2",
      Parameters: [],
    });
    expect((await get("yaml", { DocumentFormat: "YAML" })).Content).toBe(Content);
    await create("text", { Content: "any", DocumentFormat: "TEXT" });
    expect((await get("text", { DocumentFormat: "TEXT" })).Content).toBe("any");
    await update("yaml", { Content: `${Content}# more`, DocumentFormat: "YAML" });
    await update("text", { Content: "other", DocumentFormat: "TEXT" });
  });

  it.each([
    ["InvalidDocumentContent", { Content: "{" }],
    ["InvalidDocumentContent", { Content: "{}" }],
    ["MaxDocumentSizeExceeded", { Content: "x".repeat(65_537) }],
    ["ValidationException", { Name: "aws-shop" }],
    ["ValidationException", { Name: "a/b" }],
  ])("is refused with %s: %j", async (name, input) => {
    await expect(create("refused", input)).rejects.toMatchObject({ name });
  });

  it("is listed by filters, page by page, and tagged", async () => {
    const list = async (filters: Record<string, string>, more: Partial<ssm.ListDocumentsRequest> = {}) => {
      const Filters = Object.entries(filters).map(([Key, value]) => ({ Key, Values: [value] }));
      const found = await client.send(new ssm.ListDocumentsCommand({ Filters, ...more }));
      return { names: found.DocumentIdentifiers?.map(({ Name }) => Name), next: found.NextToken };
    };
    expect((await list({ Name: "shop", Owner: "Self" })).names).toEqual(["shop-run"]);
    expect((await list({ DocumentType: "Session" })).names).toEqual(["type-Session"]);
    expect((await list({ "tag:team": "a", PlatformTypes: "Linux" })).names).toEqual(["shop-run"]);
    expect((await list({ TargetType: "/", SearchKeyword: "VERS" })).names).toEqual(["versions"]);
    expect((await list({ Owner: "Amazon" })).names).toEqual([]);
    const first = await list({ Name: "type" }, { MaxResults: 2 });
    expect((await list({ Name: "type" }, { NextToken: first.next })).names).toEqual(["type-Session"]);
    await expect(list({ None: "a" })).rejects.toMatchObject({ name: "InvalidFilterKey" });
    const tagged = { ResourceType: ssm.ResourceTypeForTagging.DOCUMENT, ResourceId: "shop-run" };
    await client.send(new ssm.AddTagsToResourceCommand({ ...tagged, Tags: [{ Key: "b", Value: "c" }] }));
    await client.send(new ssm.RemoveTagsFromResourceCommand({ ...tagged, TagKeys: ["team"] }));
    const { TagList } = await client.send(new ssm.ListTagsForResourceCommand(tagged));
    expect(TagList).toEqual([{ Key: "b", Value: "c" }]);
    const missing = client.send(new ssm.ListTagsForResourceCommand({ ...tagged, ResourceId: "none" }));
    await expect(missing).rejects.toMatchObject({ name: "InvalidResourceId" });
  });

  // Before: running a document would have been accepted without an effect.
  it("is not run", async () => {
    const sent = client.send(new ssm.SendCommandCommand({ DocumentName: "shop-run", Targets: [] }));
    await expect(sent).rejects.toThrow(/SendCommand is not supported by Gantry/);
  });

  it("of another account is not there", async () => {
    const arn = "arn:aws:ssm:eu-south-1:000000000000:document/shop-run";
    const record = api.store.get("ssmDocument", arn);
    const foreign = arn.replace("000000000000", "111111111111");
    api.store.transact((tx) => {
      if (record !== undefined)
        tx.put("ssmDocument", foreign, { ...record, arn: foreign, account: "111111111111" });
    });
    await expect(get(foreign)).rejects.toMatchObject({ name: "AccessDeniedException" });
    expect((await get(arn)).Name).toBe("shop-run");
  });
});

describe("a service setting", () => {
  const SettingId = "/ssm/parameter-store/default-parameter-tier";
  const setting = async (id: string) =>
    (await client.send(new ssm.GetServiceSettingCommand({ SettingId: id }))).ServiceSetting;
  const set = (id: string, SettingValue: string) =>
    client.send(new ssm.UpdateServiceSettingCommand({ SettingId: id, SettingValue }));

  it("of the default tier decides about parameters that name none", async () => {
    const ARN = `arn:aws:ssm:eu-south-1:000000000000:servicesetting${SettingId}`;
    expect(await setting(SettingId)).toMatchObject({ SettingValue: "Standard", Status: "Default", ARN });
    await set(SettingId, "Advanced");
    expect(await setting(ARN)).toMatchObject({ SettingId, SettingValue: "Advanced", Status: "Customized" });
    const put = (Name: string) =>
      client.send(new ssm.PutParameterCommand({ Name, Value: "1", Type: "String" }));
    expect((await put("of-default-tier")).Tier).toBe("Advanced");
    const { ServiceSetting } = await client.send(new ssm.ResetServiceSettingCommand({ SettingId: ARN }));
    expect(ServiceSetting).toMatchObject({ SettingValue: "Standard", Status: "Default" });
    expect((await put("of-standard-tier")).Tier).toBe("Standard");
  });

  it("is one that AWS has, with a value that it may have", async () => {
    await expect(setting("/ssm/none")).rejects.toMatchObject({ name: "ServiceSettingNotFound" });
    const foreign = `arn:aws:ssm:eu-south-1:111111111111:servicesetting${SettingId}`;
    await expect(setting(foreign)).rejects.toMatchObject({ name: "AccessDeniedException" });
    await expect(setting("constructor")).rejects.toMatchObject({ name: "ServiceSettingNotFound" });
    await expect(set(SettingId, "Best")).rejects.toThrow(/Valid values: Standard, Advanced/);
  });
});

it("takes a parameter's name of the length that AWS takes", async () => {
  const put = (length: number) => {
    const before = "arn:aws:ssm:eu-south-1:000000000000:parameter/".length;
    const Name = "n".repeat(length - before);
    return client.send(new ssm.PutParameterCommand({ Name, Value: "1", Type: "String" }));
  };
  await put(1_011);
  await expect(put(1_012)).rejects.toThrow(/at most 1011 characters/);
});
