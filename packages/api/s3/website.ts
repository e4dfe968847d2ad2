import type * as s3 from "@aws-sdk/client-s3";
import type { ObjectMeta } from "@gantry/content";
import { ApiError } from "./api-error.ts";
import { malformedXml } from "./malformed-xml.ts";

/** A website's configuration as it is put, checked. Source: API_PutBucketWebsite. */
export function readWebsite(given: s3.WebsiteConfiguration | undefined): s3.WebsiteConfiguration {
  const malformed = malformedXml();
  const {
    IndexDocument: index,
    RedirectAllRequestsTo: all,
    ErrorDocument: error,
    RoutingRules: rules,
  } = given ?? {};
  if ((index === undefined) === (all === undefined)) throw malformed;
  if (all !== undefined && (error !== undefined || rules !== undefined || all.HostName === undefined))
    throw malformed;
  for (const protocol of [all?.Protocol, ...(rules ?? []).map((rule) => rule.Redirect?.Protocol)])
    if (protocol !== undefined && protocol !== "http" && protocol !== "https")
      throw new ApiError(
        "InvalidRequest",
        "Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically.",
        { status: 400 },
      );
  if (
    index !== undefined &&
    (index.Suffix === undefined || index.Suffix === "" || index.Suffix.includes("/"))
  )
    throw new ApiError("InvalidArgument", "The IndexDocument Suffix is not well formed", { status: 400 });
  return { IndexDocument: index, ErrorDocument: error, RedirectAllRequestsTo: all, RoutingRules: rules };
}

/** What a website's address answers: an object, with this status, or another place to go. */
export type WebsiteAnswer =
  | { readonly type: "object"; readonly key: string; readonly status: number }
  | { readonly type: "redirect"; readonly location: string; readonly status: number }
  | {
      readonly type: "error";
      readonly status: 403 | 404;
      readonly code: "AccessDenied" | "NoSuchKey";
      readonly message: string;
    };

/**
 * How a path is answered: routing rules, index documents, the folder's slash, the error document. `find`
 * answers the object of a key, or undefined; `isListable` whether everyone may list the bucket, and so may
 * learn that a key is missing.
 * Source: "Configuring an index document", "Configuring redirects"; API_GetObject, "Permissions".
 */
export async function answerWebsite(
  configuration: s3.WebsiteConfiguration,
  request: { key: string; host: string; scheme: string },
  { find, isListable }: { find: (key: string) => ObjectMeta | undefined; isListable: () => Promise<boolean> },
): Promise<WebsiteAnswer> {
  const { IndexDocument: index, RedirectAllRequestsTo: all } = configuration;
  if (all?.HostName !== undefined)
    return {
      type: "redirect",
      location: `${all.Protocol ?? request.scheme}://${all.HostName}/${request.key}`,
      status: 301,
    };
  const suffix = index?.Suffix ?? "index.html";
  const before = ruleFor(configuration, request.key, undefined);
  if (before !== undefined) return redirectBy(before, request);
  const key = request.key === "" || request.key.endsWith("/") ? request.key + suffix : request.key;
  const found = find(key);
  if (found !== undefined)
    return found.redirect === undefined
      ? { type: "object", key, status: 200 }
      : { type: "redirect", location: found.redirect, status: 301 };
  if (!request.key.endsWith("/") && request.key !== "" && find(`${request.key}/${suffix}`) !== undefined)
    return { type: "redirect", location: `/${request.key}/`, status: 302 };
  const status = (await isListable()) ? 404 : 403;
  const after = ruleFor(configuration, request.key, String(status));
  if (after !== undefined) return redirectBy(after, request);
  const error = configuration.ErrorDocument?.Key;
  if (error !== undefined && find(error) !== undefined) return { type: "object", key: error, status };
  if (status === 403) return { type: "error", status, code: "AccessDenied", message: "Access Denied" };
  return { type: "error", status: 404, code: "NoSuchKey", message: "The specified key does not exist." };
}

function ruleFor(
  configuration: s3.WebsiteConfiguration,
  key: string,
  status: string | undefined,
): s3.RoutingRule | undefined {
  return configuration.RoutingRules?.find(({ Condition: condition }) => {
    if ((condition?.HttpErrorCodeReturnedEquals ?? undefined) !== status) return false;
    return condition?.KeyPrefixEquals === undefined || key.startsWith(condition.KeyPrefixEquals);
  });
}

function redirectBy(
  rule: s3.RoutingRule,
  request: { key: string; host: string; scheme: string },
): WebsiteAnswer {
  const { Redirect: to = {}, Condition: condition } = rule;
  const prefix = condition?.KeyPrefixEquals ?? "";
  const key =
    to.ReplaceKeyWith ??
    (to.ReplaceKeyPrefixWith === undefined
      ? request.key
      : to.ReplaceKeyPrefixWith + request.key.slice(prefix.length));
  return {
    type: "redirect",
    location: `${to.Protocol ?? request.scheme}://${to.HostName ?? request.host}/${key}`,
    status: Number(to.HttpRedirectCode ?? 301),
  };
}
