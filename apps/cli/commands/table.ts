import { isRelease } from "../project.ts";
import type { Command, CommandOption, CommandWords } from "./command.ts";

const PORT: CommandOption = {
  type: "string",
  value: "N",
  help: "the port of the AWS API, from 1100 to 65500 (default 4566); the instance's other ports follow from it",
};
const JSON_OUTPUT: CommandOption = { type: "boolean", help: "print JSON" };
const SHELLS = ["bash", "zsh", "fish"];
const TERRAFORM_COMMANDS = [
  "init",
  "plan",
  "apply",
  "destroy",
  "import",
  "output",
  "show",
  "state",
  "validate",
  "refresh",
  "workspace",
];
const FILE: CommandWords = { usage: "FILE", min: 1, max: 1 };

/** The commands that this installation has: tests and benchmarks exist only in a checkout of the sources. */
export function availableCommands(): readonly Command[] {
  return COMMANDS.filter((command) => command.needsSources !== true || !isRelease());
}

/** All commands, in the order of the help. Parsing, help and shell completion are made from this table. */
const COMMANDS: readonly Command[] = [
  {
    name: "demo",
    summary: "set up everything and run the example website",
    options: {
      port: PORT,
      terraform: {
        type: "boolean",
        help: "create the infrastructure with Terraform: that of the talk, with CodeDeploy, DNS and a bastion",
      },
      json: JSON_OUTPUT,
    },
    load: () => import("./demo.ts"),
  },
  {
    name: "up",
    summary: "start the platform",
    options: {
      port: PORT,
      "allow-host-access": {
        type: "boolean",
        help: "allow task definitions to use privileged containers, host folders and host processes",
      },
      "no-host-access": { type: "boolean", help: "revoke that permission" },
      "overcommit-cpu": {
        type: "string",
        value: "FACTOR",
        help: "how many times the machine's CPU all tasks together may reserve (default 16)",
      },
      "overcommit-memory": {
        type: "string",
        value: "FACTOR",
        help: "how many times the machine's memory all tasks together may reserve (default 8)",
      },
      listen: {
        type: "string",
        value: "ADDRESS",
        help: "also serve other machines at this address, over TLS only; 127.0.0.1 turns this off",
      },
      "plain-http": {
        type: "string",
        value: "HOW",
        choices: ["secure", "insecure"],
        help: "whether plain HTTP over loopback counts as secure transport in policies (default: secure)",
      },
    },
    load: () => import("./up.ts"),
  },
  {
    name: "down",
    summary: "stop the platform and keep its data",
    options: { purge: { type: "boolean", help: "also remove everything that Gantry created" } },
    load: () => import("./down.ts"),
  },
  {
    name: "status",
    summary: "show whether the platform runs, its addresses, nodes and services",
    options: { json: JSON_OUTPUT },
    load: () => import("./status.ts"),
  },
  {
    name: "logs",
    summary: "show the logs of a service, a task, or the platform itself",
    details: "PART is control-plane, agent or proxy; without an argument, the logs of all three are shown.",
    words: { usage: "[SERVICE|TASK|PART]", min: 0, max: 1 },
    options: {
      follow: { type: "boolean", short: "f", help: "keep printing new lines" },
      lines: { type: "string", value: "N", help: "the number of past lines (default 100)" },
      json: { type: "boolean", help: "print the platform's log lines unformatted, as JSON" },
    },
    load: () => import("./logs.ts"),
  },
  {
    name: "ps",
    summary: "list the tasks",
    options: {
      all: { type: "boolean", short: "a", help: "include stopped tasks" },
      json: JSON_OUTPUT,
    },
    load: () => import("./ps.ts"),
  },
  {
    name: "deployments",
    summary: "list the deployments of services, or show the progress of one",
    details:
      "ID is the id of a deployment, or the name of a service for its newest deployment. With " +
      "--follow, the exit status is 1 if the deployment does not succeed.",
    words: { usage: "[show ID]", min: 0, max: 2, choices: ["show"] },
    options: {
      follow: { type: "boolean", short: "f", help: "keep printing changes until the deployment has ended" },
      json: JSON_OUTPUT,
    },
    load: () => import("./deployments.ts"),
  },
  {
    name: "clock",
    summary: "show the platform's clock, move it ahead, or make it run faster",
    details:
      "The clock drives bake and wait times, traffic steps, cooldowns, schedules, alarms and the " +
      "minutes of metrics. Containers, health checks, connection draining and credentials stay on real " +
      "time. TIME is a number with s, m, h or d, such as 5m. After a reset, the clock runs at half " +
      "speed until real time has caught up.",
    words: {
      usage: "[advance TIME | speed FACTOR | reset]",
      min: 0,
      max: 2,
      choices: ["advance", "speed", "reset"],
    },
    options: { json: JSON_OUTPUT },
    load: () => import("./clock.ts"),
  },
  {
    name: "interrupt",
    summary: "interrupt a task of FARGATE_SPOT, as AWS does when it takes the capacity back",
    details: "TASK is the id of a task or a prefix of it. The service of the task replaces it.",
    words: { usage: "TASK", min: 1, max: 1 },
    load: () => import("./interrupt.ts"),
  },
  {
    name: "exec",
    summary: "run a command, or a shell, in a container of a task",
    details: "TASK is the id of a task or a prefix of it. The exit status is that of the command.",
    words: { usage: "TASK", min: 1, max: 1 },
    takesRest: true,
    options: {
      container: {
        type: "string",
        value: "NAME",
        help: "the name of the container, if the task has several",
      },
    },
    load: () => import("./exec.ts"),
  },
  {
    name: "ca",
    summary: "show the certificate authority and how to trust it, or have this machine trust it",
    details:
      "print prints the certificate. install adds it to the trust stores of the system (as root), Chromium, " +
      "Firefox and Java, and remove removes it from them.",
    words: { usage: "[print | install | remove]", min: 0, max: 1, choices: ["print", "install", "remove"] },
    options: { pem: { type: "boolean", help: "print the certificate itself" } },
    load: () => import("./ca.ts"),
  },
  {
    name: "dns",
    summary: "show how names of the instance are answered, or have this host's resolver answer them",
    details:
      "install has this host ask the instance: public hosted zones of the account, load balancers and the host names " +
      "of AWS, such as those of presigned URLs, then lead to the instance, and other names to the resolvers that the " +
      "host had. remove restores what was there. Both need root.",
    words: { usage: "[install | remove]", min: 0, max: 1, choices: ["install", "remove"] },
    load: () => import("./dns.ts"),
  },
  {
    name: "env",
    summary: 'print the variables that point AWS tools at the instance: eval "$(gantry env)"',
    details:
      "FORMAT is a shell (bash, which also works in zsh, fish, powershell) or a file format (dotenv, " +
      "json). The default is bash.",
    words: { usage: "[FORMAT]", min: 0, max: 1, choices: ["bash", "fish", "powershell", "dotenv", "json"] },
    options: {
      profile: {
        type: "string",
        value: "NAME",
        help: "write a profile of this name to the AWS CLI's configuration files instead",
      },
      undo: { type: "boolean", help: "remove the profile" },
      tls: { type: "boolean", help: "use https, with the instance's certificate authority" },
    },
    load: () => import("./env.ts"),
  },
  terraformCommand("terraform", "Terraform"),
  terraformCommand("tofu", "OpenTofu"),
  {
    name: "doctor",
    summary: "check the requirements of this machine and the integrity of all stored data",
    options: { json: JSON_OUTPUT },
    load: () => import("./doctor.ts"),
  },
  {
    name: "iam",
    summary: "explain whether a user or role may perform an action, and which policy statement decides",
    words: { usage: "explain PRINCIPAL ACTION [RESOURCE]", min: 3, max: 4, choices: ["explain"] },
    options: {
      context: { type: "string", value: "KEY=VALUE,…", help: "condition keys of the request" },
      json: JSON_OUTPUT,
    },
    load: () => import("./iam.ts"),
  },
  {
    name: "backup",
    summary: "back up all data to a file, while the platform runs",
    words: FILE,
    load: () => import("./backup.ts"),
  },
  {
    name: "restore",
    summary: "restore a backup",
    words: FILE,
    load: () => import("./restore.ts"),
  },
  {
    name: "rotate",
    summary: "replace a key: of the authority, the link, the node, the operator, root or the vault",
    details:
      "The control plane is unavailable for a few seconds; tasks, load balancers and databases keep " +
      "running. docs/security.md says which key to rotate after a leak.",
    words: {
      usage: "KEY",
      min: 1,
      max: 1,
      choices: ["ca", "link", "node", "operator", "root", "vault"],
    },
    load: () => import("./rotate.ts"),
  },
  {
    name: "install",
    summary: "print a systemd unit that starts the platform at boot",
    load: () => import("./install.ts"),
  },
  {
    name: "completion",
    summary: "print the completion script of a shell",
    details: 'For bash: source <(gantry completion bash). For fish: "gantry completion fish | source".',
    words: { usage: "SHELL", min: 1, max: 1, choices: SHELLS },
    load: () => import("./completion.ts"),
  },
  {
    name: "upgrade",
    summary: "show what changed since the version that last used the state, and how to upgrade",
    load: () => import("./upgrade.ts"),
  },
  {
    name: "version",
    summary: "print the version, and the commit that a release was built from",
    options: { json: JSON_OUTPUT },
    load: () => import("./version.ts"),
  },
  {
    name: "test",
    needsSources: true,
    summary: "run all checks and all tests",
    options: {
      soak: {
        type: "string",
        value: "TIME",
        help: "run the simulation with new seeds instead, for a time such as 10m",
      },
    },
    load: () => import("./test.ts"),
  },
  {
    name: "bench",
    needsSources: true,
    summary: "measure performance against a baseline of the same run",
    words: { usage: "[NAME…]", min: 0, max: Number.POSITIVE_INFINITY },
    options: { json: JSON_OUTPUT },
    load: () => import("./bench.ts"),
  },
];

function terraformCommand(name: string, product: string): Command {
  return {
    name,
    summary: `run ${product} in this folder against the instance`,
    details:
      `The arguments are passed to ${product} unchanged, and the exit status is that of ${product}. The ` +
      "AWS provider needs only a region.",
    words: { usage: "ARGUMENTS…", min: 0, max: Number.POSITIVE_INFINITY, choices: TERRAFORM_COMMANDS },
    passesAll: true,
    load: () => import("./terraform.ts"),
  };
}
