import { RegistryError } from "./registry-error.ts";

interface Descriptor {
  readonly digest: string;
  readonly mediaType?: string;
  readonly size?: number;
  readonly urls?: readonly string[];
}

/** The fields of a manifest or index that the registry reads. */
export interface Manifest {
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
  readonly manifests?: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Errors: MANIFEST_INVALID. */
export function parseManifest(bytes: Buffer): Manifest {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    if (typeof value === "object" && value !== null && "schemaVersion" in value && value.schemaVersion === 2)
      return value as Manifest; // Descriptors are checked by use.
  } catch {
    // Refused below, like any other text.
  }
  throw new RegistryError(400, "MANIFEST_INVALID", "The manifest is not a schema 2 manifest or index.");
}
