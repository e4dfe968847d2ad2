import type * as sdk from "@aws-sdk/client-servicediscovery";
import type { ConditionContext } from "@gantry/iam";
import type { Reader } from "@gantry/state";
import { discoveryOperationKey } from "@gantry/state/transactions/discovery";
import { on, tagOnCreate, type Caller, type Need, type PermissionTable } from "../common/permissions.ts";
import { within } from "../common/place.ts";
import { namedBy, namespaceArnIn, serviceArnIn } from "./lookups.ts";

type Given = string | undefined;

/**
 * A DNS namespace changes a hosted zone on behalf of the caller, who needs Route 53's permissions too.
 * Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Cloud Map"; AWS Cloud Map
 * Developer Guide, "AWS Cloud Map API permissions".
 */
export function discoveryPermissions(store: Reader) {
  return { ...ofNamespaces(store), ...ofServices(store), ...ofInstances(store), ...ofOthers(store) };
}

function ofNamespaces(store: Reader) {
  const namespace = ({ Id }: { readonly Id?: Given }, place: Caller): readonly Need[] =>
    on(namespaceArnIn(place, Id));
  return {
    CreateHttpNamespace: ({ Tags }) => [{ resource: "*" }, ...tagging(Tags)],
    CreatePrivateDnsNamespace: ({ Tags, Vpc }, place) => [
      { resource: "*" },
      ...tagging(Tags),
      { action: "ec2:DescribeVpcs", resource: "*" },
      {
        action: "route53:CreateHostedZone",
        resource: "*",
        conditions: { "route53:VPCs": [`VPCId=${Vpc ?? ""},VPCRegion=${place.region}`] },
      },
    ],
    CreatePublicDnsNamespace: ({ Tags }) => [
      { resource: "*" },
      ...tagging(Tags),
      { action: "route53:CreateHostedZone", resource: "*" },
    ],
    GetNamespace: namespace,
    ListNamespaces: "*",
    UpdateHttpNamespace: namespace,
    UpdatePrivateDnsNamespace: (input, place) => [
      ...namespace(input, place),
      ...onZone(store, "route53:ChangeResourceRecordSets", namespaceArnIn(place, input.Id), place),
    ],
    UpdatePublicDnsNamespace: (input, place) => [
      ...namespace(input, place),
      ...onZone(store, "route53:ChangeResourceRecordSets", namespaceArnIn(place, input.Id), place),
    ],
    DeleteNamespace: (input, place) => [
      ...namespace(input, place),
      ...onZone(store, "route53:DeleteHostedZone", namespaceArnIn(place, input.Id), place),
    ],
  } satisfies PermissionTable<typeof sdk>;
}

/** The permission on the hosted zone of a namespace, where there is one. */
function onZone(store: Reader, action: string, namespaceArn: string, place: Caller): readonly Need[] {
  const zone = within(store.get("discoveryNamespace", namespaceArn), place)?.zoneArn;
  return zone === undefined ? [] : [{ action, resource: zone }];
}

function tagging(tags: readonly sdk.Tag[] | undefined): readonly Need[] {
  return tagOnCreate(tags, { action: "servicediscovery:TagResource", resource: "*" });
}

/** Namespaces are not shared between accounts: who creates a service in one is its owner. */
function createdBy({ account }: Caller): ConditionContext {
  return { "servicediscovery:ServiceCreatedByAccount": account };
}

function ofServices(store: Reader) {
  const service = ({ Id, ServiceId }: { readonly Id?: Given; readonly ServiceId?: Given }, place: Caller) =>
    on(serviceArnIn(place, Id ?? ServiceId));
  const changed = (input: { readonly Id?: Given; readonly ServiceId?: Given }, place: Caller) =>
    service(input, place).map((need) => ({ ...need, conditions: createdBy(place) }));
  return {
    CreateService: (input, place) => {
      const arn = namespaceArnIn(place, input.NamespaceId ?? input.DnsConfig?.NamespaceId);
      const conditions = { "servicediscovery:NamespaceArn": arn };
      return [
        { resource: arn, conditions },
        { resource: anyOf(place, "service"), conditions },
        ...tagging(input.Tags),
      ];
    },
    GetService: service,
    ListServices: "*",
    UpdateService: (input, place) => [
      ...changed(input, place),
      ...onServiceZone(store, serviceArnIn(place, input.Id), place),
    ],
    DeleteService: changed,
    GetServiceAttributes: service,
    UpdateServiceAttributes: changed,
    DeleteServiceAttributes: changed,
  } satisfies PermissionTable<typeof sdk>;
}

/** The permission to change the records of a service that has any. */
function onServiceZone(store: Reader, serviceArn: string, place: Caller): readonly Need[] {
  const service = within(store.get("discoveryService", serviceArn), place);
  return service?.dns === undefined
    ? []
    : onZone(store, "route53:ChangeResourceRecordSets", service.namespaceArn, place);
}

function ofInstances(store: Reader) {
  const instance = ({ ServiceId }: { readonly ServiceId?: Given }, place: Caller): readonly Need[] => {
    const resource = serviceArnIn(place, ServiceId);
    return [{ resource, conditions: { "servicediscovery:ServiceArn": resource } }];
  };
  const changed = (input: { readonly ServiceId?: Given }, place: Caller): readonly Need[] =>
    instance(input, place).map((need) => ({
      ...need,
      conditions: { ...need.conditions, ...createdBy(place) },
    }));
  const withRecords = (input: { readonly ServiceId?: Given }, place: Caller): readonly Need[] => [
    ...changed(input, place),
    ...onServiceZone(store, serviceArnIn(place, input.ServiceId), place),
  ];
  const discovered = (
    input: { readonly NamespaceName?: Given; readonly ServiceName?: Given },
    place: Caller,
  ): readonly Need[] => {
    const { namespace, service } = namedBy(store, place, input);
    const conditions = {
      "servicediscovery:NamespaceName": input.NamespaceName ?? "",
      "servicediscovery:ServiceName": input.ServiceName ?? "",
    };
    return [
      { resource: namespace?.arn ?? anyOf(place, "namespace"), conditions },
      { resource: service?.arn ?? anyOf(place, "service"), conditions },
    ];
  };
  return {
    RegisterInstance: withRecords,
    DeregisterInstance: withRecords,
    GetInstance: instance,
    ListInstances: instance,
    GetInstancesHealthStatus: instance,
    UpdateInstanceCustomHealthStatus: changed,
    DiscoverInstances: discovered,
    DiscoverInstancesRevision: discovered,
  } satisfies PermissionTable<typeof sdk>;
}

function ofOthers(store: Reader) {
  return {
    GetOperation: ({ OperationId }, place) => {
      const found = store.get("discoveryOperation", discoveryOperationKey(place, OperationId ?? ""));
      return on(
        found?.namespaceId === undefined
          ? anyOf(place, "namespace")
          : namespaceArnIn(place, found.namespaceId),
      );
    },
    ListOperations: "*",
    TagResource: "*",
    UntagResource: "*",
    ListTagsForResource: "*",
  } satisfies PermissionTable<typeof sdk>;
}

function anyOf({ region, account }: Caller, type: "namespace" | "service"): string {
  return `arn:aws:servicediscovery:${region}:${account}:${type}/*`;
}
