import { refused } from "./registration-refusal.ts";

/** "256", "1 vCPU", ".5 vcpu" to CPU units. Source: API_RegisterTaskDefinition, cpu. */
export function parseCpu(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  const virtual = /^(\d*\.?\d+)\s*vcpu$/i.exec(text.trim());
  const units = virtual === null ? Number(text) : Number(virtual[1]) * 1024;
  if (!Number.isInteger(units) || units < 1) throw refused(`Invalid 'cpu' setting for task: ${text}.`);
  return units;
}

/** "512", "1 GB", "1GB" to MiB. Source: API_RegisterTaskDefinition, memory. */
export function parseMemory(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  const gigabytes = /^(\d*\.?\d+)\s*gb$/i.exec(text.trim());
  const mebibytes = gigabytes === null ? Number(text) : Number(gigabytes[1]) * 1024;
  if (!Number.isInteger(mebibytes) || mebibytes < 1)
    throw refused(`Invalid 'memory' setting for task: ${text}.`);
  return mebibytes;
}
