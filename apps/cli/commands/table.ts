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
    options: { port: PORT, json: JSON_OUTPUT },
    load: () => import("./demo.ts"),
  },
  {
    name: "up",
    summary: "start the platform",
    options: {
      port: PORT,
      "allow-host-access": {
        type: "boolean",
        help: "let task definitions ask for privileged containers and the host's folders and processes",
      },
      "no-host-access": { type: "boolean", help: "take that permission back" },
      "overcommit-cpu": {
        type: "string",
        value: "FACTOR",
        help: "how many times its CPU the machine may promise to its tasks together (default 16)",
      },
      "overcommit-memory": {
        type: "string",
        value: "FACTOR",
        help: "how many times its memory the machine may promise to its tasks together (default 8)",
      },
      listen: {
        type: "string",
        value: "ADDRESS",
        help: "also serve others at this address of the machine, over TLS alone; 127.0.0.1 takes it back",
      },
      "plain-http": {
        type: "string",
        value: "HOW",
        choices: ["secure", "insecure"],
        help: "how policies see plain HTTP over loopback: as secure transport (default), or as what it is",
      },
    },
    load: () => import("./up.ts"),
  },
  {
    name: "down",
    summary: "stop the platform and keep its data",
    options: { purge: { type: "boolean", help: "also remove everything that Gantry made" } },
    load: () => import("./down.ts"),
  },
  {
    name: "status",
    summary: "show what runs, where, and what the services do",
    options: { json: JSON_OUTPUT },
    load: () => import("./status.ts"),
  },
  {
    name: "logs",
    summary: "show the logs of a service, a task, or the platform itself",
    details: "Parts of the platform are control-plane, agent and proxy; without a word, all three are shown.",
    words: { usage: "[SERVICE|TASK|PART]", min: 0, max: 1 },
    options: {
      follow: { type: "boolean", short: "f", help: "go on printing new lines" },
      lines: { type: "string", value: "N", help: "the number of past lines (default 100)" },
      json: { type: "boolean", help: "print the platform's log lines as they are, in JSON" },
    },
    load: () => import("./logs.ts"),
  },
  {
    name: "ps",
    summary: "list the tasks",
    options: {
      all: { type: "boolean", short: "a", help: "also those that have stopped" },
      json: JSON_OUTPUT,
    },
    load: () => import("./ps.ts"),
  },
  {
    name: "deployments",
    summary: "list the deployments of services, or show how one goes",
    details:
      "ID is the id of a deployment, or a service, whose newest deployment is shown. The exit status of --follow is 1 where the deployment ends without success.",
    words: { usage: "[show ID]", min: 0, max: 2, choices: ["show"] },
    options: {
      follow: { type: "boolean", short: "f", help: "go on showing what changes until it has ended" },
      json: JSON_OUTPUT,
    },
    load: () => import("./deployments.ts"),
  },
  {
    name: "clock",
    summary: "show the platform's clock, move it ahead, or make it run faster",
    details:
      "It drives everything that waits: bake and wait times, traffic steps, cooldowns, schedules, alarms and the minutes of metrics. Containers, health checks, draining and credentials stay in real time. TIME is a number with s, m, h or d, such as 5m. After a reset it runs at half speed until real time has caught up.",
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
    details: "TASK is the id of a task, or the beginning of it. Its service replaces it.",
    words: { usage: "TASK", min: 1, max: 1 },
    load: () => import("./interrupt.ts"),
  },
  {
    name: "exec",
    summary: "run a command in a container of a task, or a shell",
    details: "TASK is the id of a task, or the beginning of it. The exit status is that of the command.",
    words: { usage: "TASK", min: 1, max: 1 },
    takesRest: true,
    options: {
      container: { type: "string", value: "NAME", help: "the container, where the task has several" },
    },
    load: () => import("./exec.ts"),
  },
  {
    name: "ca",
    summary: "show where the certificate authority is, and how to trust it",
    options: { pem: { type: "boolean", help: "print the certificate itself" } },
    load: () => import("./ca.ts"),
  },
  {
    name: "env",
    summary: 'print how to point the AWS CLI at the instance: eval "$(gantry env)"',
    details:
      "FORMAT is that of a shell (bash, which zsh reads too, fish, powershell) or of a file (dotenv, json); bash is the default.",
    words: { usage: "[FORMAT]", min: 0, max: 1, choices: ["bash", "fish", "powershell", "dotenv", "json"] },
    options: {
      profile: {
        type: "string",
        value: "NAME",
        help: "instead, write a profile of that name to the AWS CLI's own files",
      },
      undo: { type: "boolean", help: "remove the profile again" },
      tls: { type: "boolean", help: "use https, with the instance's certificate authority" },
    },
    load: () => import("./env.ts"),
  },
  terraformCommand("terraform", "Terraform"),
  terraformCommand("tofu", "OpenTofu"),
  {
    name: "doctor",
    summary: "check what this machine has and lacks, and whether all stored data is intact",
    options: { json: JSON_OUTPUT },
    load: () => import("./doctor.ts"),
  },
  {
    name: "iam",
    summary: "say whether a user or role may do something, and which statement decides",
    words: { usage: "explain PRINCIPAL ACTION [RESOURCE]", min: 3, max: 4, choices: ["explain"] },
    options: {
      context: { type: "string", value: "KEY=VALUE,…", help: "condition keys of the request" },
      json: JSON_OUTPUT,
    },
    load: () => import("./iam.ts"),
  },
  {
    name: "backup",
    summary: "write a copy of everything to a file, while the platform runs",
    words: FILE,
    load: () => import("./backup.ts"),
  },
  {
    name: "restore",
    summary: "bring a backup back",
    words: FILE,
    load: () => import("./restore.ts"),
  },
  {
    name: "rotate",
    summary: "replace a key: of the authority, the link, the node, the operator, root or the vault",
    details:
      "The control plane is away for a few seconds; tasks, load balancers and databases go on. docs/security.md says what to rotate when which key has leaked.",
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
    summary: "say what changed since the version that last used the state, and what to do",
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
        help: "instead, simulation runs from new seeds for a time such as 10m",
      },
    },
    load: () => import("./test.ts"),
  },
  {
    name: "bench",
    needsSources: true,
    summary: "measure how fast it is, against a baseline of the same run",
    words: { usage: "[NAME…]", min: 0, max: Number.POSITIVE_INFINITY },
    options: { json: JSON_OUTPUT },
    load: () => import("./bench.ts"),
  },
];

function terraformCommand(name: string, product: string): Command {
  return {
    name,
    summary: `run ${product} in this folder against the instance`,
    details: `The arguments are ${product}'s own and are passed on unchanged; the exit status is that of ${product}. The AWS provider needs no setting but a region.`,
    words: { usage: "ARGUMENTS…", min: 0, max: Number.POSITIVE_INFINITY, choices: TERRAFORM_COMMANDS },
    passesAll: true,
    load: () => import("./terraform.ts"),
  };
}
