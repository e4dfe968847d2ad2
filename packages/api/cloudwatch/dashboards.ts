import type * as sdk from "@aws-sdk/client-cloudwatch";
import { isObject } from "@gantry/kernel";
import type { DashboardRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { toTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import type { CloudWatchDeps } from "./cloudwatch-deps.ts";
import { dashboardArnOf, dashboardOf, invalidToken } from "./lookups.ts";

/** Source: API_ListDashboards. */
const PAGE = 1_000;
/** Source: CloudWatch User Guide, "Dashboard body structure and syntax". */
const WIDGETS_MAX = 500;
const WIDGET_TYPES: ReadonlySet<string> = new Set([
  "metric",
  "text",
  "log",
  "alarm",
  "explorer",
  "custom",
  "number",
  "trace",
  "metrics",
]);

/** Dashboards: stored, checked and listed. */
export function dashboardOperations(deps: CloudWatchDeps) {
  return {
    PutDashboard: (input, context) => putDashboard(deps, input, context),
    GetDashboard: (input, context) => getDashboard(deps, input, context),
    ListDashboards: (input, context) => listDashboards(deps, input, context),
    DeleteDashboards: (input, context) => deleteDashboards(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/** Source: API_PutDashboard. Errors: DashboardInvalidInputError, with what is wrong in the body and where. */
function putDashboard(
  { store, clock }: CloudWatchDeps,
  input: sdk.PutDashboardInput,
  context: RequestContext,
): sdk.PutDashboardOutput {
  const { DashboardName: name = "", DashboardBody: body = "" } = input;
  const problems = problemsOf(body);
  if (problems.length > 0)
    throw new ApiError(
      "DashboardInvalidInputError",
      `The dashboard body is invalid, there are ${problems.length} validation errors: ${JSON.stringify(problems)}`,
      { fields: { dashboardValidationMessages: problems } },
    );
  store.transact((tx) => {
    const before = dashboardOf(tx, context, name);
    const record: DashboardRecord = {
      account: context.account,
      region: context.region,
      arn: dashboardArnOf(context, name),
      name,
      body,
      modifiedAt: clock.now(),
      tags: before?.tags ?? toTags(input.Tags),
    };
    tx.put("dashboard", record.arn, record);
  });
  return { DashboardValidationMessages: [] };
}

function problemsOf(body: string): readonly sdk.DashboardValidationMessage[] {
  let document: unknown;
  try {
    document = JSON.parse(body);
  } catch {
    return [{ Message: "The field DashboardBody must be a valid JSON object" }];
  }
  if (!isObject(document)) return [{ Message: "The field DashboardBody must be a valid JSON object" }];
  const { widgets } = document;
  if (!Array.isArray(widgets)) return [{ DataPath: "", Message: "Should have required property 'widgets'" }];
  if (widgets.length > WIDGETS_MAX)
    return [{ DataPath: "/widgets", Message: `Should NOT have more than ${WIDGETS_MAX} items` }];
  return widgets.flatMap((widget: unknown, index) =>
    problemsOfWidget(widget).map((Message) => ({ DataPath: `/widgets/${index}`, Message })),
  );
}

function problemsOfWidget(widget: unknown): readonly string[] {
  if (!isObject(widget)) return ["Should be object"];
  const { type, properties } = widget;
  const problems: string[] = [];
  if (type === undefined) problems.push("Should have required property 'type'");
  else if (typeof type !== "string" || !WIDGET_TYPES.has(type))
    problems.push("Should match exactly one schema in oneOf");
  if (!isObject(properties)) problems.push("Should have required property 'properties'");
  for (const name of ["x", "y", "width", "height"])
    if (widget[name] !== undefined && !Number.isInteger(widget[name]))
      problems.push(`${name} should be integer`);
  return problems;
}

function notFound(name: string | undefined): ApiError {
  return new ApiError("DashboardNotFoundError", `Dashboard ${name ?? ""} does not exist`);
}

function getDashboard(
  { store }: CloudWatchDeps,
  input: sdk.GetDashboardInput,
  context: Place,
): sdk.GetDashboardOutput {
  const dashboard = dashboardOf(store, context, input.DashboardName);
  if (dashboard === undefined) throw notFound(input.DashboardName);
  return { DashboardArn: dashboard.arn, DashboardBody: dashboard.body, DashboardName: dashboard.name };
}

function listDashboards(
  { store }: CloudWatchDeps,
  input: sdk.ListDashboardsInput,
  context: Place,
): sdk.ListDashboardsOutput {
  const all = store.list("dashboard", dashboardArnOf(context, input.DashboardNamePrefix));
  const { items, nextToken } = page(all, ({ name }) => name, {
    token: input.NextToken,
    size: PAGE,
    invalidToken,
  });
  return {
    DashboardEntries: items.map(({ name, arn, modifiedAt, body }) => ({
      DashboardName: name,
      DashboardArn: arn,
      LastModified: new Date(modifiedAt),
      Size: Buffer.byteLength(body),
    })),
    NextToken: nextToken,
  };
}

/** All dashboards are deleted or none. */
function deleteDashboards(
  { store }: CloudWatchDeps,
  input: sdk.DeleteDashboardsInput,
  context: Place,
): sdk.DeleteDashboardsOutput {
  store.transact((tx) => {
    for (const name of input.DashboardNames ?? []) {
      const dashboard = dashboardOf(tx, context, name);
      if (dashboard === undefined) throw notFound(name);
      tx.delete("dashboard", dashboard.arn);
    }
  });
  return {};
}
