/**
 * The parts of an Amazon Resource Name.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
 */
export interface Arn {
  readonly partition: string;
  readonly service: string;
  readonly region: string;
  readonly account: string;
  readonly resource: string;
}

/** `arn:aws:SERVICE:REGION:ACCOUNT:RESOURCE`. */
export function formatArn(
  service: string,
  place: { region: string; account: string },
  resource: string,
): string {
  return `arn:aws:${service}:${place.region}:${place.account}:${resource}`;
}

/** Returns the parts of an ARN, or undefined for any other text. The resource part may contain colons. */
export function parseArn(text: string): Arn | undefined {
  const [prefix, partition, service, region, account, ...resource] = text.split(":");
  if (prefix !== "arn" || partition === undefined || service === undefined || region === undefined)
    return undefined;
  if (account === undefined || resource.length === 0) return undefined;
  return { partition, service, region, account, resource: resource.join(":") };
}

/**
 * The service (2), region (3) or account (4) of an ARN; empty if the text has fewer parts. It cuts out one part alone:
 * policies ask for it once or twice for each resource of a request.
 */
export function arnPart(text: string, number: 2 | 3 | 4): string {
  let start = 0;
  for (let part = 0; part < number; part += 1) {
    const colon = text.indexOf(":", start);
    if (colon < 0) return "";
    start = colon + 1;
  }
  const end = text.indexOf(":", start);
  return end < 0 ? text.slice(start) : text.slice(start, end);
}
