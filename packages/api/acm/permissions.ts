import type * as sdk from "@aws-sdk/client-acm";
import { formatArn } from "@gantry/kernel";
import type { Reader } from "@gantry/state";
import { on, tagOnCreate, type Caller, type Need, type PermissionTable } from "../common/permissions.ts";
import { certificateOf } from "./lookups.ts";

type Given = string | undefined;

/** Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Certificate Manager". */
export function acmPermissions(store: Reader) {
  const ofCertificate = (input: { CertificateArn?: Given }, place: Caller): readonly Need[] =>
    on(certificateOf(store, place, input.CertificateArn)?.arn ?? input.CertificateArn ?? anyIn(place));
  const tagging = (tags: readonly unknown[] | undefined, place: Caller) =>
    tagOnCreate(tags, { action: "acm:AddTagsToCertificate", resource: anyIn(place) });
  return {
    RequestCertificate: (input, place) => [{ resource: "*" }, ...tagging(input.Tags, place)],
    ImportCertificate: (input, place) => [...ofCertificate(input, place), ...tagging(input.Tags, place)],
    DescribeCertificate: ofCertificate,
    GetCertificate: ofCertificate,
    ListCertificates: "*",
    DeleteCertificate: ofCertificate,
    AddTagsToCertificate: ofCertificate,
    RemoveTagsFromCertificate: ofCertificate,
    ListTagsForCertificate: ofCertificate,
  } satisfies PermissionTable<typeof sdk>;
}

/** A certificate whose id is not known yet. */
function anyIn(place: Caller): string {
  return formatArn("acm", place, "certificate/*");
}
