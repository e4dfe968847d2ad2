import type * as ec2 from "@aws-sdk/client-ec2";
import type { Ec2InstanceRecord, Reader } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { applyFilters, selectById, type FilterFields } from "./filters.ts";
import { findInstance, instancesOf } from "./instances.ts";
import { invalidValue } from "./missing.ts";
import { profileOf } from "./new-instance.ts";

/** The instance profiles of instances. Source: API_AssociateIamInstanceProfile and following. */
export function instanceProfileOperations(deps: Ec2Deps) {
  return {
    AssociateIamInstanceProfile: (input, context) => associate(deps, input, context),
    DisassociateIamInstanceProfile: (input, context) => disassociate(deps, input, context),
    ReplaceIamInstanceProfileAssociation: (input, context) => replace(deps, input, context),
    DescribeIamInstanceProfileAssociations: (input, context) => describe(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

type Associated = Ec2InstanceRecord & { readonly profile: NonNullable<Ec2InstanceRecord["profile"]> };

function isAssociated(instance: Ec2InstanceRecord): instance is Associated {
  return instance.profile !== undefined && instance.state !== "terminated";
}

/** The instance of an association; undefined where there is none. */
export function associatedInstance(
  reader: Reader,
  place: Place,
  id: string | undefined,
): Associated | undefined {
  return instancesOf(reader, place)
    .filter(isAssociated)
    .find(({ profile }) => profile.associationId === id);
}

/** Errors: IncorrectState, InvalidParameterValue, InvalidInstanceID.NotFound. */
function associate(
  { store, ids }: Ec2Deps,
  input: ec2.AssociateIamInstanceProfileRequest,
  context: RequestContext,
): ec2.AssociateIamInstanceProfileResult {
  return store.transact((tx) => {
    const instance = findInstance(tx, context, input.InstanceId);
    if (instance.profile !== undefined)
      throw new ApiError("IncorrectState", `There is an existing association for instance ${instance.id}`);
    const arn = namedProfile(tx, context, input.IamInstanceProfile);
    const next = { ...instance, profile: { arn, associationId: `iip-assoc-${ids.hex(17)}` } };
    tx.put("ec2Instance", instance.id, next);
    return { IamInstanceProfileAssociation: present(tx, next, "associating") };
  });
}

function disassociate(
  { store }: Ec2Deps,
  input: ec2.DisassociateIamInstanceProfileRequest,
  context: RequestContext,
): ec2.DisassociateIamInstanceProfileResult {
  return store.transact((tx) => {
    const instance = findAssociation(tx, context, input.AssociationId);
    tx.put("ec2Instance", instance.id, { ...instance, profile: undefined });
    return { IamInstanceProfileAssociation: present(tx, instance, "disassociating") };
  });
}

function replace(
  { store, ids }: Ec2Deps,
  input: ec2.ReplaceIamInstanceProfileAssociationRequest,
  context: RequestContext,
): ec2.ReplaceIamInstanceProfileAssociationResult {
  return store.transact((tx) => {
    const instance = findAssociation(tx, context, input.AssociationId);
    const arn = namedProfile(tx, context, input.IamInstanceProfile);
    const next = { ...instance, profile: { arn, associationId: `iip-assoc-${ids.hex(17)}` } };
    tx.put("ec2Instance", instance.id, next);
    return { IamInstanceProfileAssociation: present(tx, next, "associating") };
  });
}

const FIELDS: FilterFields<Associated> = {
  "instance-id": ({ id }) => id,
  state: () => "associated",
};

function describe(
  { store }: Ec2Deps,
  input: ec2.DescribeIamInstanceProfileAssociationsRequest,
  context: RequestContext,
): ec2.DescribeIamInstanceProfileAssociationsResult {
  const all = instancesOf(store, context).filter(isAssociated);
  const chosen = selectById(all, input.AssociationIds, ({ profile }) => profile.associationId, missing);
  const fitting = applyFilters(chosen, input.Filters, FIELDS);
  return { IamInstanceProfileAssociations: fitting.map((each) => present(store, each, "associated")) };
}

function findAssociation(reader: Reader, place: Place, id: string | undefined): Associated {
  const found = associatedInstance(reader, place, id);
  if (found === undefined) throw missing(id);
  return found;
}

function missing(id: string | undefined): ApiError {
  return new ApiError(
    "InvalidAssociationID.NotFound",
    `An invalid association-id of '${id ?? ""}' was given`,
  );
}

/** The ARN of the profile that a request names. Errors: InvalidParameterValue. */
function namedProfile(
  reader: Reader,
  place: Place,
  given: ec2.IamInstanceProfileSpecification | undefined,
): string {
  const profile = profileOf(reader, place, given);
  if (profile === undefined) throw invalidValue("", "iamInstanceProfile", "It must have an ARN or a name.");
  return profile.arn;
}

function present(
  reader: Reader,
  { id, profile: { arn, associationId } }: Associated,
  State: ec2.IamInstanceProfileAssociationState,
): ec2.IamInstanceProfileAssociation {
  return {
    ...{ AssociationId: associationId, InstanceId: id, State },
    IamInstanceProfile: { Arn: arn, Id: reader.get("instanceProfile", arn)?.id },
  };
}
