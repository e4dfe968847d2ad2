import type { Ec2InstanceRecord, InterfaceAttachment, NetworkInterfaceRecord } from "../records.ts";
import type { Reader, Transaction } from "../store.ts";

/** An interface with its attachment to an instance. */
export interface AttachedInterfaceRecord extends NetworkInterfaceRecord {
  readonly attachment: InterfaceAttachment;
}

/** The interfaces of an instance by their device index: the primary one is the first. */
export function interfacesOf(
  reader: Reader,
  instance: Ec2InstanceRecord,
): readonly AttachedInterfaceRecord[] {
  return reader
    .listBy("networkInterface", "owner", instance.id)
    .map((eni) => ({ ...eni, attachment: attachmentOf(eni, instance) }))
    .toSorted((a, b) => a.attachment.deviceIndex - b.attachment.deviceIndex);
}

/** How an interface is attached to its instance. Older records say nothing of primary interfaces. */
export function attachmentOf(eni: NetworkInterfaceRecord, instance: Ec2InstanceRecord): InterfaceAttachment {
  return (
    eni.attachment ?? {
      ...{ id: instance.attachmentId, deviceIndex: 0, attachedAt: instance.launchedAt },
      deleteOnTermination: true,
    }
  );
}

/** Begins to attach an interface to an instance. The primary one is attached at once: an instance starts with it. */
export function attachInterface(
  tx: Transaction,
  eni: NetworkInterfaceRecord,
  instance: Pick<Ec2InstanceRecord, "id" | "nodeId">,
  attachment: Omit<InterfaceAttachment, "state">,
): void {
  tx.put("networkInterface", eni.id, {
    ...eni,
    owner: { type: "instance", key: instance.id },
    nodeId: instance.nodeId,
    attachment: attachment.deviceIndex === 0 ? attachment : { ...attachment, state: "attaching" },
  });
}

/** Makes an interface available again, with its groups and its addresses, but for a public one of EC2's own. */
export function releaseInterface(tx: Transaction, eni: NetworkInterfaceRecord): void {
  const { attachment: _, ...rest } = eni;
  const isElastic = tx.list("elasticAddress").some((each) => each.networkInterfaceId === eni.id);
  tx.put("networkInterface", eni.id, {
    ...rest,
    ...{ type: "own", owner: { type: "none", key: "none" }, nodeId: undefined },
    publicIp: isElastic ? eni.publicIp : undefined,
  });
}

/** Records which interfaces besides the primary one the node attached to an instance, and which are detached. */
export function recordAttachedInterfaces(
  tx: Transaction,
  instance: Ec2InstanceRecord,
  attached: readonly string[],
): void {
  for (const eni of interfacesOf(tx, instance)) {
    const isAttached = attached.includes(eni.id);
    const { state, ...settled } = eni.attachment;
    if (state === "attaching" && isAttached)
      tx.put("networkInterface", eni.id, { ...eni, attachment: settled });
    if (state === "detaching" && !isAttached) releaseInterface(tx, eni);
  }
}

/** Deletes the interfaces that are deleted on termination; the others, and those being detached, become available. */
export function endInterfaces(tx: Transaction, instance: Ec2InstanceRecord): void {
  for (const eni of interfacesOf(tx, instance)) {
    const { deleteOnTermination, state } = eni.attachment;
    if (deleteOnTermination && state !== "detaching") removeInterface(tx, eni.id);
    else releaseInterface(tx, eni);
  }
}

/** Deletes an interface. Its elastic address is kept, without an association. */
export function removeInterface(tx: Transaction, id: string): void {
  for (const address of tx.list("elasticAddress"))
    if (address.networkInterfaceId === id)
      tx.put("elasticAddress", address.allocationId, {
        ...address,
        associationId: undefined,
        networkInterfaceId: undefined,
      });
  tx.delete("networkInterface", id);
}
