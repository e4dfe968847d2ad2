import * as ec2 from "@aws-sdk/client-ec2";
import { startApi } from "@gantry/testkit";
import { refusalFor } from "@gantry/testkit/sent-members";
import { afterAll, describe, expect, it } from "vitest";
import { admitOther, OTHER } from "../../../test/attacks/other-account.ts";
import { machineImages } from "../common/machine-images.ts";

const api = await startApi();
afterAll(() => api.close());
const client = new ec2.EC2Client(api.client());
const ImageId = machineImages("eu-south-1")[0]?.id ?? "";

const create = async (GroupName: string, input: ec2.CreatePlacementGroupRequest = {}) =>
  (await client.send(new ec2.CreatePlacementGroupCommand({ GroupName, ...input }))).PlacementGroup;
const describeGroups = async (input: ec2.DescribePlacementGroupsRequest, by = client) =>
  (await by.send(new ec2.DescribePlacementGroupsCommand(input))).PlacementGroups?.map(
    (each) => each.GroupName,
  );
const launch = async (Placement: ec2.Placement) => {
  const base = { ImageId, InstanceType: "t3.small", MinCount: 1, MaxCount: 1 } as const;
  const { Instances } = await client.send(new ec2.RunInstancesCommand({ ...base, Placement }));
  return Instances?.[0];
};
const remove = (GroupName: string) => client.send(new ec2.DeletePlacementGroupCommand({ GroupName }));

describe("a placement group", () => {
  it("is recorded with its strategy, and found by its name, id and attributes", async () => {
    const tags = [{ ResourceType: "placement-group" as const, Tags: [{ Key: "team", Value: "web" }] }];
    const parts = await create("parts", {
      Strategy: "partition",
      PartitionCount: 3,
      TagSpecifications: tags,
    });
    expect(parts).toMatchObject({
      ...{ GroupName: "parts", State: "available", Strategy: "partition", PartitionCount: 3 },
      GroupArn: "arn:aws:ec2:eu-south-1:000000000000:placement-group/parts",
      Tags: [{ Key: "team", Value: "web" }],
    });
    expect(await create("near", { Strategy: "cluster" })).toMatchObject({ Strategy: "cluster" });
    expect(await create("far", { Strategy: "spread", SpreadLevel: "rack" })).toMatchObject({
      SpreadLevel: "rack",
    });
    expect((await create("default", {}))?.Strategy).toBe("cluster");
    expect((await create("two", { Strategy: "partition" }))?.PartitionCount).toBe(2);
    expect(await describeGroups({ GroupNames: ["near"] })).toEqual(["near"]);
    expect(await describeGroups({ GroupIds: [parts?.GroupId ?? ""] })).toEqual(["parts"]);
    for (const [Name, value] of [
      ["strategy", "spread"],
      ["spread-level", "rack"],
      ["group-name", "far"],
    ] as const)
      expect(await describeGroups({ Filters: [{ Name, Values: [value] }] })).toEqual(["far"]);
    const byTag = { Filters: [{ Name: "tag:team", Values: ["web"] }] };
    expect(await describeGroups(byTag)).toEqual(["parts"]);
    const Tags = [{ Key: "team", Value: "shop" }];
    await client.send(new ec2.CreateTagsCommand({ Resources: [parts?.GroupId ?? ""], Tags }));
    expect(await describeGroups(byTag)).toEqual([]);
  });

  it("is there while an instance is in it", async () => {
    const group = await create("used", { Strategy: "partition", PartitionCount: 3 });
    const instance = await launch({ GroupName: "used", PartitionNumber: 2 });
    expect(instance?.Placement).toMatchObject({ GroupName: "used", PartitionNumber: 2 });
    const Filters = [{ Name: "placement-group-name", Values: ["used"] }];
    expect((await client.send(new ec2.DescribeInstancesCommand({ Filters }))).Reservations).toHaveLength(1);
    expect((await launch({ GroupId: group?.GroupId }))?.Placement?.GroupId).toBe(group?.GroupId);
    await expect(remove("used")).rejects.toMatchObject({ name: "InvalidPlacementGroup.InUse" });
    await remove("default");
    await expect(describeGroups({ GroupNames: ["default"] })).rejects.toThrow(
      "The Placement Group 'default' is unknown.",
    );
    await expect(remove("default")).rejects.toMatchObject({ name: "InvalidPlacementGroup.Unknown" });
  });

  it("is refused where it cannot be, and is of its account alone", async () => {
    await expect(create("near")).rejects.toMatchObject({ name: "InvalidPlacementGroup.Duplicate" });
    await expect(create("")).rejects.toThrow("groupName");
    await expect(create("n\u00e9")).rejects.toThrow("groupName");
    await expect(create("p", { Strategy: "partition", PartitionCount: 8 })).rejects.toThrow("partitionCount");
    await expect(create("p", { PartitionCount: 2 })).rejects.toThrow("PartitionCount");
    await expect(create("p", { SpreadLevel: "rack" })).rejects.toThrow("SpreadLevel");
    await refusalFor("SpreadLevel", () => create("p", { Strategy: "spread", SpreadLevel: "host" }));
    await expect(launch({ GroupName: "unknown" })).rejects.toThrow(
      "The Placement Group 'unknown' is unknown.",
    );
    await expect(launch({ GroupName: "near", PartitionNumber: 1 })).rejects.toThrow("partitionNumber");
    await expect(launch({ GroupName: "near", GroupId: "pg-1" })).rejects.toThrow("specified together");
    admitOther(api);
    const stranger = new ec2.EC2Client({ ...api.client(), credentials: OTHER });
    expect(await describeGroups({}, stranger)).toEqual([]);
    const stolen = new ec2.DeletePlacementGroupCommand({ GroupName: "near" });
    await expect(stranger.send(stolen)).rejects.toMatchObject({ name: "InvalidPlacementGroup.Unknown" });
  });
});
