import { execFile } from "node:child_process";
import type { KeyObject } from "node:crypto";
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);
const CONFIGURATION = resolve(import.meta.dirname, "../../examples/fileshare/terraform");
/** Where a machine without a way to the public registry keeps providers. */
const MIRRORS = ["/opt/tf-plugins", "/usr/share/terraform/providers", "/usr/local/share/terraform/plugins"];

/** A resource as the state has it. */
export interface StateResource {
  readonly address: string;
  readonly mode: "managed" | "data";
  readonly type: string;
  readonly values: Readonly<Record<string, unknown>>;
}

interface StateModule {
  readonly resources?: readonly StateResource[];
  readonly child_modules?: readonly StateModule[];
}

/** The resources of a module and of all modules below it. */
function resourcesIn({ resources = [], child_modules: below = [] }: StateModule): readonly StateResource[] {
  return [...resources, ...below.flatMap(resourcesIn)];
}

/** Whether Terraform and its AWS provider are here. */
export function canRunTerraform(): boolean {
  return programPath() !== undefined && mirrorPath() !== undefined;
}

/**
 * A folder with a configuration, the website's unless another is named, and a state of its own. `environment`
 * names the endpoint and the credentials.
 */
export function openTerraform(
  environment: Readonly<Record<string, string>>,
  variables: Readonly<Record<string, string>>,
  configuration = CONFIGURATION,
) {
  const folder = mkdtempSync(join(tmpdir(), "gantry-terraform-"));
  cpSync(configuration, folder, {
    recursive: true,
    filter: (path) => !path.includes(".terraform") && !path.includes(".tfstate"),
  });
  return openTerraformIn(folder, { ...environment, TF_CLI_CONFIG_FILE: writeSettings(folder) }, variables);
}

/** Writes in a folder the settings by which Terraform takes providers from this machine. Returns the path. */
export function writeSettings(folder: string): string {
  const path = join(folder, "terraformrc");
  writeFileSync(
    path,
    `provider_installation {\n  filesystem_mirror {\n    path = "${mirrorPath() ?? ""}"\n  }\n}\n`,
  );
  return path;
}

/** A folder that has a configuration, and maybe a state, already. */
export function openTerraformIn(
  folder: string,
  environment: Readonly<Record<string, string>>,
  variables: Readonly<Record<string, string>>,
) {
  const env = {
    ...process.env,
    ...environment,
    TF_IN_AUTOMATION: "1",
    CHECKPOINT_DISABLE: "1",
    // Each command starts the provider, which spends a quarter of its start on collecting garbage.
    GOGC: "400",
    ...Object.fromEntries(Object.entries(variables).map(([name, value]) => [`TF_VAR_${name}`, value])),
  };
  const terraform = async (
    parameters: readonly string[],
    changes: Readonly<Record<string, string>> = {},
  ): Promise<string> => {
    const given = Object.fromEntries(
      Object.entries(changes).map(([name, value]) => [`TF_VAR_${name}`, value]),
    );
    try {
      const { stdout } = await execute("terraform", [...parameters], {
        cwd: folder,
        env: { ...env, ...given },
        maxBuffer: 64 * 1024 * 1024,
      });
      return stdout;
    } catch (thrown) {
      const {
        code,
        stdout = "",
        stderr = "",
      } = thrown as { code?: number; stdout?: string; stderr?: string }; // What execFile throws.
      // A plan that has something to do says so by 2.
      if (code === 2 && parameters[0] === "plan") return stdout;
      throw new Error(`terraform ${parameters.join(" ")} failed:\n${stdout.slice(-4_000)}\n${stderr}`, {
        cause: thrown,
      });
    }
  };
  // Each follows a plan that has just read every resource, or has none to read.
  const withoutReading = ["-auto-approve", "-no-color", "-input=false", "-refresh=false"];
  const apply = (changes?: Readonly<Record<string, string>>) =>
    terraform(["apply", ...withoutReading], changes);
  /** Imports resources by blocks that one `apply` carries out. Returns what Terraform printed. */
  const importAll = async (
    resources: readonly StateResource[],
    changes?: Readonly<Record<string, string>>,
  ): Promise<string> => {
    const file = join(folder, "imports.tf");
    const blocks = resources.map(
      (resource) => `import {\n  to = ${resource.address}\n  id = "${importId(resource)}"\n}\n`,
    );
    writeFileSync(file, blocks.join("\n"));
    const printed = await apply(changes);
    rmSync(file);
    return printed;
  };
  return {
    folder,
    terraform,
    init: () => terraform(["init", "-no-color", "-input=false"]),
    apply,
    plan: (changes?: Readonly<Record<string, string>>) =>
      terraform(["plan", "-no-color", "-input=false", "-detailed-exitcode"], changes),
    destroy: (changes?: Readonly<Record<string, string>>) =>
      terraform(["destroy", ...withoutReading], changes),
    resources: async (): Promise<readonly StateResource[]> => {
      const state = JSON.parse(await terraform(["show", "-json"])) as {
        values?: { root_module: StateModule };
      }; // Terraform's documented form.
      return resourcesIn(state.values?.root_module ?? {}).filter(({ mode }) => mode === "managed");
    },
    output: async (name: string) => (await terraform(["output", "-raw", name])).trim(),
    importAll,
    /** Takes resources out of the state and imports them. Returns what Terraform printed. */
    reimport: async (resources: readonly StateResource[], changes?: Readonly<Record<string, string>>) => {
      await terraform(["state", "rm", ...resources.map(({ address }) => address)]);
      return importAll(resources, changes);
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** An Ed25519 key in the format of OpenSSH. Source: RFC 8709, section 4. */
export function openSshKey(key: KeyObject): string {
  const encoded = (bytes: Buffer): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const point = Buffer.from(key.export({ format: "jwk" }).x ?? "", "base64url");
  const blob = Buffer.concat([encoded(Buffer.from("ssh-ed25519")), encoded(point)]);
  return `ssh-ed25519 ${blob.toString("base64")}`;
}

/** The id that a resource is imported by. Source: "Import" of each resource's page in the provider's documentation. */
export function importId({ type, values }: Pick<StateResource, "type" | "values">): string {
  const text = (name: string): string => String(values[name]);
  switch (type) {
    case "aws_route":
      return values["destination_cidr_block"]
        ? `${text("route_table_id")}_${text("destination_cidr_block")}`
        : `${text("route_table_id")}_${text("destination_prefix_list_id")}`;
    case "aws_cloudwatch_event_target":
      return `${text("event_bus_name")}/${text("rule")}/${text("target_id")}`;
    case "aws_network_acl_rule":
      return ["network_acl_id", "rule_number", "protocol", "egress"].map(text).join(":");
    case "aws_vpc_endpoint_route_table_association":
      return `${text("vpc_endpoint_id")}/${text("route_table_id")}`;
    case "aws_service_discovery_private_dns_namespace":
      return `${text("id")}:${text("vpc")}`;
    case "aws_service_discovery_instance":
      return `${text("service_id")}/${text("instance_id")}`;
    case "aws_default_route_table":
    case "aws_vpc_dhcp_options_association":
      return text("vpc_id");
    case "aws_ec2_managed_prefix_list_entry":
      return `${text("prefix_list_id")},${text("cidr")}`;
    case "aws_iam_server_certificate":
      return text("name");
    case "aws_s3_object":
      return `${text("bucket")}/${text("key")}`;
    case "aws_kms_grant":
      return `${text("key_id")}:${text("grant_id")}`;
    case "aws_secretsmanager_secret_version":
      return `${text("secret_id")}|${text("version_id")}`;
    case "aws_route_table_association":
      return `${text("subnet_id")}/${text("route_table_id")}`;
    case "aws_security_group_rule": {
      const blocks = values["cidr_blocks"];
      const other = values["self"] === true ? "self" : text("source_security_group_id");
      const source = Array.isArray(blocks) && blocks.length > 0 ? blocks.join("_") : other;
      return [
        text("security_group_id"),
        text("type"),
        text("protocol"),
        text("from_port"),
        text("to_port"),
        source,
      ].join("_");
    }
    case "aws_network_interface_sg_attachment":
      return `${text("network_interface_id")}_${text("security_group_id")}`;
    case "aws_internet_gateway_attachment":
      return `${text("internet_gateway_id")}:${text("vpc_id")}`;
    case "aws_ec2_tag":
      return `${text("resource_id")},${text("key")}`;
    case "aws_iam_role_policies_exclusive":
    case "aws_iam_role_policy_attachments_exclusive":
      return text("role_name");
    case "aws_iam_user_policies_exclusive":
    case "aws_iam_user_policy_attachments_exclusive":
      return text("user_name");
    case "aws_iam_group_policies_exclusive":
    case "aws_iam_group_policy_attachments_exclusive":
      return text("group_name");
    case "aws_appautoscaling_target":
      return `ecs/${text("resource_id")}/${text("scalable_dimension")}`;
    case "aws_appautoscaling_policy":
      return `ecs/${text("resource_id")}/${text("scalable_dimension")}/${text("name")}`;
    case "aws_cloudwatch_log_stream":
    case "aws_cloudwatch_log_metric_filter":
      return `${text("log_group_name")}:${text("name")}`;
    case "aws_cloudwatch_log_subscription_filter":
      return `${text("log_group_name")}|${text("name")}`;
    case "aws_cloudwatch_log_account_policy":
      return `${text("policy_name")}:${text("policy_type")}`;
    case "aws_cloudwatch_query_definition":
      return `arn:aws:logs:eu-south-1:000000000000:query-definition:${text("query_definition_id")}`;
    case "aws_codedeploy_app":
      return text("name");
    case "aws_codedeploy_deployment_config":
      return text("deployment_config_name");
    case "aws_codedeploy_deployment_group":
      return `${text("app_name")}:${text("deployment_group_name")}`;
    case "aws_iam_role_policy_attachment":
      return `${text("role")}/${text("policy_arn")}`;
    case "aws_iam_group_policy_attachment":
      return `${text("group")}/${text("policy_arn")}`;
    case "aws_iam_user_policy_attachment":
      return `${text("user")}/${text("policy_arn")}`;
    case "aws_iam_user_ssh_key":
      return `${text("username")}:${text("ssh_public_key_id")}:${text("encoding")}`;
    case "aws_ecr_account_setting":
    case "aws_ecs_cluster":
      return text("name");
    case "aws_ecs_service":
      return `${text("cluster").split("/").at(-1)}/${text("name")}`;
    case "aws_ecs_task_set":
      return `${text("task_set_id")},${text("service")},${text("cluster")}`;
    case "aws_ecs_tag":
      return `${text("resource_arn")},${text("key")}`;
    case "aws_ecs_account_setting_default":
      return text("name");
    case "aws_ecs_task_definition":
      return text("arn");
    case "aws_db_instance":
      return text("identifier");
    case "aws_volume_attachment":
      return ["device_name", "volume_id", "instance_id"].map(text).join(":");
    case "aws_autoscaling_policy":
    case "aws_autoscaling_lifecycle_hook":
      return `${text("autoscaling_group_name")}/${text("name")}`;
    case "aws_autoscaling_schedule":
      return `${text("autoscaling_group_name")}/${text("scheduled_action_name")}`;
    default:
      return text("id");
  }
}

function programPath(): string | undefined {
  return (process.env["PATH"] ?? "").split(delimiter).find((folder) => existsSync(join(folder, "terraform")));
}

function mirrorPath(): string | undefined {
  const hasProvider = (folder: string): boolean => {
    const path = join(folder, "registry.terraform.io/hashicorp/aws");
    return existsSync(path) && readdirSync(path).length > 0;
  };
  return [...MIRRORS, join(dirname(process.execPath), "terraform-providers")].find(hasProvider);
}
