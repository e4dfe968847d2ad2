import type * as sdk from "@aws-sdk/client-service-quotas";
import { formatArn } from "@gantry/kernel";
import type { Implementation } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { ApiError } from "./api-error.ts";
import { SERVICES, type Quota, type QuotaService } from "./quotas.ts";

/** Items of a page where the request does not say: the most that MaxResults may be. */
const PAGE = 100;

/** Source: Service Quotas API Reference. */
export function quotaOperations() {
  return {
    ListServices: (input) => listServices(input),
    ListServiceQuotas: (input, context) => listServiceQuotas(input, context),
    ListAWSDefaultServiceQuotas: (input, { region }) => {
      const service = findService(input.ServiceCode);
      const { items, nextToken } = pageOf(service.quotas, input);
      const Quotas = items.map((quota) => byDefault(service, quota, region));
      return { Quotas, NextToken: nextToken };
    },
    GetServiceQuota: (input, context) => {
      const { service, quota } = findQuota(input);
      return { Quota: applied(service, quota, context) };
    },
    GetAWSDefaultServiceQuota: (input, { region }) => {
      const { service, quota } = findQuota(input);
      return { Quota: byDefault(service, quota, region) };
    },
  } satisfies Implementation<typeof sdk>;
}

/** Errors: InvalidPaginationTokenException. */
function listServices(input: sdk.ListServicesRequest): sdk.ListServicesResponse {
  const { items, nextToken } = pageOf(SERVICES, input);
  return {
    Services: items.map(({ code, name }) => ({ ServiceCode: code, ServiceName: name })),
    NextToken: nextToken,
  };
}

/** No quota is of one resource. Errors: NoSuchResourceException, InvalidPaginationTokenException. */
function listServiceQuotas(input: sdk.ListServiceQuotasRequest, place: Place): sdk.ListServiceQuotasResponse {
  const service = findService(input.ServiceCode);
  const quotas = service.quotas.filter(
    ({ code }) =>
      input.QuotaAppliedAtLevel !== "RESOURCE" && (input.QuotaCode === undefined || code === input.QuotaCode),
  );
  const { items, nextToken } = pageOf(quotas, input);
  return { Quotas: items.map((quota) => applied(service, quota, place)), NextToken: nextToken };
}

function findService(code: string | undefined): QuotaService {
  const found = SERVICES.find((service) => service.code === code);
  if (found === undefined)
    throw new ApiError("NoSuchResourceException", `The service ${code ?? ""} has no quotas here.`);
  return found;
}

/** Errors: NoSuchResourceException. */
function findQuota(input: {
  readonly ServiceCode: string | undefined;
  readonly QuotaCode: string | undefined;
}) {
  const service = findService(input.ServiceCode);
  const quota = service.quotas.find(({ code }) => code === input.QuotaCode);
  if (quota === undefined)
    throw new ApiError(
      "NoSuchResourceException",
      `The quota ${input.QuotaCode ?? ""} of ${service.code} is not a limit that is enforced here.`,
    );
  return { service, quota };
}

function applied(service: QuotaService, quota: Quota, { account, region }: Place): sdk.ServiceQuota {
  return { ...present(service, quota, { account, region }), QuotaAppliedAtLevel: "ACCOUNT" };
}

/** A default quota is of no account. */
function byDefault(service: QuotaService, quota: Quota, region: string): sdk.ServiceQuota {
  return present(service, { ...quota, value: quota.byDefault ?? quota.value }, { region, account: "" });
}

function present(service: QuotaService, { code, name, value }: Quota, place: Place): sdk.ServiceQuota {
  return {
    ServiceCode: service.code,
    ServiceName: service.name,
    QuotaArn: formatArn("servicequotas", place, `${service.code}/${code}`),
    QuotaCode: code,
    QuotaName: name,
    Value: value,
    Unit: "None",
    Adjustable: false,
    GlobalQuota: false,
  };
}

function pageOf<T extends { readonly code: string }>(
  items: readonly T[],
  input: { readonly NextToken?: string | undefined; readonly MaxResults?: number | undefined },
): ReturnType<typeof page<T>> {
  const size = input.MaxResults ?? PAGE;
  return page(items, ({ code }) => code, { token: input.NextToken, size, invalidToken });
}

function invalidToken(): ApiError {
  return new ApiError("InvalidPaginationTokenException", "The NextToken is not valid.");
}
