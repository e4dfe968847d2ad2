import type * as sdk from "@aws-sdk/client-cloudwatch-logs";
import { compileFilterPattern, PatternError, type FilterPattern } from "@gantry/content";
import { formatArn } from "@gantry/kernel";
import type { MetricFilterRecord, MetricTransformationRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { page } from "../common/paging.ts";
import { ApiError } from "./api-error.ts";
import { filterFields } from "./filter-fields.ts";
import { findGroup, invalidParameter, invalidToken, refuseInfrequent } from "./lookups.ts";
import type { LogsDeps } from "./logs-deps.ts";

const FILTERS_MAX = 100;
const DIMENSIONS_MAX = 3;
const DESCRIBE_MAX = 50;

/** Metrics of the events that match a pattern. Source: API_PutMetricFilter and following. */
export function metricFilterOperations(deps: LogsDeps) {
  return {
    PutMetricFilter: (input, context) => putMetricFilter(deps, input, context),
    DescribeMetricFilters: (input, context) => describeMetricFilters(deps, input, context),
    DeleteMetricFilter: (input, context) => deleteMetricFilter(deps, input, context),
    TestMetricFilter: (input) => testMetricFilter(input),
  } satisfies Implementation<typeof sdk>;
}

/** Compiles a pattern of a caller. Errors: InvalidParameterException. */
export function readPattern(text: string | undefined): FilterPattern {
  try {
    return compileFilterPattern(text ?? "");
  } catch (thrown) {
    if (thrown instanceof PatternError) throw invalidParameter(`Invalid filter pattern: ${thrown.message}`);
    throw thrown;
  }
}

function putMetricFilter(
  { store, clock, logs }: LogsDeps,
  input: sdk.PutMetricFilterRequest,
  context: RequestContext,
): object {
  const pattern = readPattern(input.filterPattern);
  const transformations = (input.metricTransformations ?? []).map((each) => toTransformation(each, pattern));
  if (transformations.length !== 1)
    throw invalidParameter("A metric filter has exactly one metric transformation.");
  store.transact((tx) => {
    const group = findGroup(tx, context, input.logGroupName);
    refuseInfrequent(group, "metric filters");
    const asked = { group, input, most: FILTERS_MAX };
    const fresh = { createdAt: clock.now(), afterEventId: logs.lastEventId };
    const { key, fields } = filterFields(tx, "metricFilter", asked, fresh);
    tx.put("metricFilter", key, { ...fields, transformations });
  });
  return {};
}

/** Errors: InvalidParameterException for what CloudWatch would not take, or what the pattern has no field for. */
function toTransformation(
  given: sdk.MetricTransformation,
  pattern: FilterPattern,
): MetricTransformationRecord {
  const { metricName: name = "", metricNamespace: namespace = "", metricValue: value = "" } = given;
  const { dimensions, defaultValue, unit } = given;
  // As CloudWatch refuses it of PutMetricData: the namespaces of AWS are written by the platform alone.
  if (/^AWS\//i.test(namespace))
    throw invalidParameter(`The metric namespace ${namespace} is invalid: AWS/ is reserved.`);
  if (!/^[^:*$]{1,255}$/.test(namespace) || !/^[^:*$]{1,255}$/.test(name))
    throw invalidParameter(
      "Metric names and namespaces have no ':', '*' or '$', and at most 255 characters.",
    );
  if (!value.startsWith("$") && (value.trim() === "" || !Number.isFinite(Number(value))))
    throw invalidParameter(`Invalid metric value: ${value}`);
  const names = Object.keys(dimensions ?? {});
  if (names.length > DIMENSIONS_MAX)
    throw invalidParameter(`A metric transformation has at most ${DIMENSIONS_MAX} dimensions.`);
  if (names.length > 0 && defaultValue !== undefined)
    throw invalidParameter("A default value and dimensions exclude each other.");
  if (!names.every((each) => each !== "" && each.length <= 255 && !each.startsWith(":")))
    throw invalidParameter("A dimension's name has 1 to 255 characters and does not begin with ':'.");
  for (const selector of [value, ...Object.values(dimensions ?? {})]) checkSelector(selector, pattern);
  return { namespace, name, value, defaultValue, unit, dimensions };
}

function checkSelector(selector: string, { type, fields }: FilterPattern): void {
  if (!selector.startsWith("$")) return;
  const isKnown = type === "json" ? /^\$[.[]/.test(selector) : type === "space" && fields.includes(selector);
  if (!isKnown)
    throw invalidParameter(`Invalid metric transformation: the filter pattern has no field ${selector}.`);
}

function describeMetricFilters(
  { store }: LogsDeps,
  input: sdk.DescribeMetricFiltersRequest,
  context: RequestContext,
): sdk.DescribeMetricFiltersResponse {
  const { logGroupName, filterNamePrefix = "", metricName, metricNamespace } = input;
  if ((metricName === undefined) !== (metricNamespace === undefined))
    throw invalidParameter("metricName and metricNamespace are given together.");
  const all =
    logGroupName === undefined
      ? store.list("metricFilter", formatArn("logs", context, "log-group:"))
      : store.listBy("metricFilter", "group", findGroup(store, context, logGroupName).arn);
  const chosen = all.filter(
    (filter) =>
      filter.name.startsWith(filterNamePrefix) &&
      (metricName === undefined ||
        filter.transformations.some(
          (each) => each.name === metricName && each.namespace === metricNamespace,
        )),
  );
  const { items, nextToken } = page(chosen, ({ groupArn, name }) => `${groupArn}#${name}`, {
    token: input.nextToken,
    size: input.limit ?? DESCRIBE_MAX,
    invalidToken,
  });
  return { metricFilters: items.map(presentFilter), nextToken };
}

function presentFilter(filter: MetricFilterRecord): sdk.MetricFilter {
  return {
    filterName: filter.name,
    filterPattern: filter.pattern,
    creationTime: filter.createdAt,
    logGroupName: filter.groupArn.split(":log-group:")[1],
    applyOnTransformedLogs: false,
    metricTransformations: filter.transformations.map((each) => ({
      metricName: each.name,
      metricNamespace: each.namespace,
      metricValue: each.value,
      defaultValue: each.defaultValue,
      dimensions: each.dimensions === undefined ? undefined : { ...each.dimensions },
      unit: each.unit as sdk.StandardUnit | undefined, // Checked by the schema's constraints.
    })),
  };
}

function deleteMetricFilter(
  { store }: LogsDeps,
  input: sdk.DeleteMetricFilterRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const key = `${findGroup(tx, context, input.logGroupName).arn}#${input.filterName ?? ""}`;
    if (tx.get("metricFilter", key) === undefined)
      throw new ApiError("ResourceNotFoundException", "The specified metric filter does not exist.");
    tx.delete("metricFilter", key);
  });
  return {};
}

function testMetricFilter(input: sdk.TestMetricFilterRequest): sdk.TestMetricFilterResponse {
  const pattern = readPattern(input.filterPattern);
  return {
    matches: (input.logEventMessages ?? []).flatMap((eventMessage, index) => {
      const fields = pattern.match(eventMessage);
      if (fields === undefined) return [];
      const values = pattern.fields.map((name) => [name, fields(name) ?? ""] as const);
      return [{ eventNumber: index + 1, eventMessage, extractedValues: Object.fromEntries(values) }];
    }),
  };
}
