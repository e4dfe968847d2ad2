import { existsSync, mkdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { PROJECT, run } from "../e2e/helpers.ts";

const HERE = join(PROJECT, "test/clients");
/** What is fetched and built for the journeys is kept here for the next run. */
const CACHE = join(PROJECT, "node_modules/.cache/clients");
const BOTO3 = "1.43.11";
const AWS_CLI_1 = "1.45.11";

/** The journeys that every client makes, in this order. */
export const JOURNEYS = [
  "cluster_task_logs",
  "bucket_object_presigned",
  "repository_push",
  "load_balancer",
  "database",
  "roles",
];

/** A client of AWS: what it needs on this machine, how it is made ready, and how it makes the journeys. */
export interface Client {
  readonly name: string;
  readonly needs: readonly string[];
  readonly journeys: (environment: Readonly<Record<string, string>>) => Promise<string>;
}

export const CLIENTS: readonly Client[] = [
  {
    name: "boto3",
    needs: ["python3"],
    journeys: async (environment) =>
      run(join(await python(), "bin/python"), [join(HERE, "journeys.py")], environment),
  },
  {
    name: "aws-cli-1",
    needs: ["python3"],
    journeys: async (environment) =>
      run(join(HERE, "journeys.sh"), [], { ...environment, JOURNEY_AWS: join(await python(), "bin/aws") }),
  },
  {
    name: "aws-cli-2",
    needs: ["apt-get"],
    journeys: async (environment) => {
      await debianPackages("awscli");
      // Ten thousand files, both ways.
      return run(join(HERE, "journeys.sh"), [], {
        ...environment,
        JOURNEY_AWS: "/usr/bin/aws",
        JOURNEY_FILES: "10000",
      });
    },
  },
  {
    name: "go",
    needs: ["go"],
    journeys: async (environment) => run(await goProgram("go", "."), [], environment),
  },
  {
    name: "java",
    needs: ["mvn", "java"],
    journeys: async (environment) => {
      const [target, classpath] = [join(CACHE, "java"), join(CACHE, "java-classpath")];
      mkdirSync(target, { recursive: true });
      await run("mvn", [
        "-q",
        "-B",
        "-f",
        join(HERE, "java/pom.xml"),
        `-Dgantry.target=${target}`,
        "compile",
        "dependency:build-classpath",
        `-Dmdep.outputFile=${classpath}`,
      ]);
      return run(
        "sh",
        ["-c", `exec java -cp "${join(target, "classes")}:$(cat ${classpath})" Journeys`],
        environment,
      );
    },
  },
];

/**
 * The conformance suite of the OCI distribution specification, version 1.1, against two repositories (by
 * their addresses). Answers its report. Errors: what it found wrong.
 */
export async function ociConformance(
  repositories: readonly [string, string],
  credentials: string,
): Promise<string> {
  const [registry = ""] = repositories[0].split("/");
  const [user = "", password = ""] = credentials.split(/:(.*)/s);
  return run(await goProgram("oci", "github.com/opencontainers/distribution-spec/conformance"), [], {
    OCI_REGISTRY: registry,
    OCI_TLS: "disabled",
    OCI_REPO1: repositories[0].slice(registry.length + 1),
    OCI_REPO2: repositories[1].slice(registry.length + 1),
    OCI_USERNAME: user,
    OCI_PASSWORD: password,
    OCI_VERSION: "1.1",
    // What the suite leaves out unless it is asked, and is here.
    OCI_API_BLOBS_UPLOAD_CANCEL: "true",
    OCI_API_BLOBS_DIGEST_HEADER: "true",
    OCI_API_MANIFESTS_DIGEST_HEADER: "true",
    OCI_RESULTS_DIR: join(CACHE, "oci-results"),
  });
}

/** A program of a module in this folder, built. */
async function goProgram(module: string, what: string): Promise<string> {
  const program = join(CACHE, `go-${module}`);
  mkdirSync(CACHE, { recursive: true });
  await run("sh", ["-c", `cd ${join(HERE, module)} && go build -mod=readonly -o ${program} ${what}`]);
  return program;
}

/** Whether a program is on the path. */
export function has(program: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => existsSync(join(folder, program)));
}

/** Packages of Debian, where they are not there yet. Needs root. */
export async function debianPackages(...names: readonly string[]): Promise<void> {
  const missing = [];
  for (const name of names)
    if (
      !(await run("dpkg", ["-s", name]).then(
        (text) => text.includes("install ok installed"),
        () => false,
      ))
    )
      missing.push(name);
  if (missing.length === 0) return;
  await run("apt-get", ["-qq", "-o", "DPkg::Lock::Timeout=300", "update"]);
  await run(
    "apt-get",
    ["-qq", "-y", "-o", "DPkg::Lock::Timeout=300", "--no-install-recommends", "install", ...missing],
    {
      DEBIAN_FRONTEND: "noninteractive",
    },
  );
}

let pythonReady: Promise<string> | undefined;

/** Test files run beside one another: the first makes the environment, the others wait for it. */
const MAKE_PYTHON = `set -e
exec 9>"$1.lock"
flock 9
[ ! -e "$1/complete" ] || exit 0
python3 -m venv --clear "$1"
"$1/bin/pip" install --quiet --disable-pip-version-check "boto3==$2" "awscli==$3"
touch "$1/complete"`;

/** A Python environment with boto3 and version 1 of the AWS CLI, from PyPI. Answers its folder. */
export function python(): Promise<string> {
  return (pythonReady ??= (async () => {
    const folder = join(CACHE, "python");
    mkdirSync(CACHE, { recursive: true });
    await run("sh", ["-c", MAKE_PYTHON, "sh", folder, BOTO3, AWS_CLI_1]);
    return folder;
  })());
}
