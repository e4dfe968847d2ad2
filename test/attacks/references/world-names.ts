import type { Made } from "./world-stores.ts";
import { regional, type Send } from "./targets.ts";

/** An HTTP namespace of Cloud Map with a service, both named `prod`, and an instance. */
export async function createNamespace(send: Send): Promise<Made> {
  await send("servicediscovery", "CreateHttpNamespace", { Name: "prod" });
  const { Namespaces } = await send("servicediscovery", "ListNamespaces", {});
  const [namespace] = Namespaces as { Id: string; Arn: string }[]; // Of ListNamespaces.
  const NamespaceId = String(namespace?.Id);
  const { Service } = await send("servicediscovery", "CreateService", {
    ...{ Name: "prod", NamespaceId, HealthCheckCustomConfig: {} },
  });
  const service = Service as { Id: string; Arn: string }; // Of CreateService.
  const instance = { ServiceId: service.Id, InstanceId: "prod", Attributes: { a: "b" } };
  const registered = await send("servicediscovery", "RegisterInstance", instance);
  return {
    targets: [
      {
        kind: "discoveryNamespace",
        arns: [String(namespace?.Arn)],
        family: regional("servicediscovery", "namespace/*"),
        spellings: [NamespaceId, String(namespace?.Arn)],
      },
      {
        kind: "discoveryService",
        arns: [service.Arn],
        family: regional("servicediscovery", "service/*"),
        spellings: [service.Id, service.Arn],
      },
    ],
    defaults: {
      Name: "more",
      Id: NamespaceId,
      "GetService.Id": service.Id,
      "UpdateService.Id": service.Id,
      "DeleteService.Id": service.Id,
      NamespaceId,
      ServiceId: service.Id,
      InstanceId: "prod",
      Attributes: { a: "b" },
      "DeleteServiceAttributes.Attributes": ["a"],
      Namespace: { Description: "d" },
      Service: { Description: "d" },
      Status: "HEALTHY",
      NamespaceName: "prod",
      ServiceName: "prod",
      OperationId: String(registered["OperationId"]),
      Vpc: "vpc-1",
      ResourceARN: String(namespace?.Arn),
      Tags: [{ Key: "a", Value: "b" }],
      TagKeys: ["a"],
    },
  };
}
