import { isIPv4, isIPv6 } from "node:net";
import { isRecordName, normalName } from "@gantry/kernel/dns/dns-name";
import type {
  DiscoveryHealth,
  DiscoveryNamespaceRecord,
  DiscoveryServiceRecord,
  Reader,
} from "@gantry/state";
import { discoveryHostOf, discoveryNameOf } from "@gantry/state/transactions/discovery-records";
import { publicAddressesOf } from "@gantry/state/transactions/zones";
import { invalidInput } from "./lookups.ts";

/** Source: API_RegisterInstance, Attributes. */
const CUSTOM_MAX = 30;
const KEY_MAX = 255;
const VALUE_MAX = 1_024;
const CHARACTERS_MAX = 5_000;
const KEY = /^[a-zA-Z0-9!-~]+$/;
const VALUE = /^([a-zA-Z0-9!-~][ \ta-zA-Z0-9!-~]*)?[a-zA-Z0-9!-~]?$/;

type Attributes = Readonly<Record<string, string>>;

/** Where an instance is registered. */
export interface Registration {
  readonly namespace: DiscoveryNamespaceRecord;
  readonly service: DiscoveryServiceRecord;
  readonly instanceId: string;
}

/** Checks the attributes of an instance against the records of its service. Errors: InvalidInput. */
export function checkAttributes(reader: Reader, registration: Registration, attributes: Attributes): void {
  checkSizes(attributes);
  const health = attributes["AWS_INIT_HEALTH_STATUS"];
  if (health !== undefined && health !== "HEALTHY" && health !== "UNHEALTHY")
    throw invalidInput("AWS_INIT_HEALTH_STATUS must be HEALTHY or UNHEALTHY.");
  if (health !== undefined && !registration.service.hasCustomHealth)
    throw invalidInput("AWS_INIT_HEALTH_STATUS needs a service with HealthCheckCustomConfig.");
  checkAddresses(attributes);
  if (attributes["AWS_EC2_INSTANCE_ID"] !== undefined) checkEc2(registration, attributes);
  if (attributes["AWS_ALIAS_DNS_NAME"] !== undefined) return checkAlias(reader, registration, attributes);
  checkRecords(registration, attributes);
}

/** The custom health status that an instance starts with. */
export function initialHealth(attributes: Attributes): DiscoveryHealth {
  return attributes["AWS_INIT_HEALTH_STATUS"] === "UNHEALTHY" ? "UNHEALTHY" : "HEALTHY";
}

function checkSizes(attributes: Attributes): void {
  const entries = Object.entries(attributes);
  for (const [key, value] of entries) {
    if (key.length > KEY_MAX || !KEY.test(key))
      throw invalidInput(`The attribute key '${key.slice(0, KEY_MAX)}' is invalid.`);
    if (value.length > VALUE_MAX || !VALUE.test(value))
      throw invalidInput(`The value of the attribute '${key}' is invalid.`);
  }
  if (entries.filter(([key]) => !key.startsWith("AWS_")).length > CUSTOM_MAX)
    throw invalidInput(`An instance can have at most ${CUSTOM_MAX} custom attributes.`);
  if (entries.flat().join("").length > CHARACTERS_MAX)
    throw invalidInput(`The attributes have more than ${CHARACTERS_MAX} characters.`);
}

function checkAddresses(attributes: Attributes): void {
  const checks: Readonly<Record<string, (value: string) => boolean>> = {
    AWS_INSTANCE_IPV4: isIPv4,
    AWS_INSTANCE_IPV6: isIPv6,
    AWS_INSTANCE_PORT: (value) => /^\d{1,5}$/.test(value) && Number(value) < 65_536,
    AWS_INSTANCE_CNAME: (value) => isRecordName(normalName(value)),
  };
  for (const [key, isValid] of Object.entries(checks)) {
    const value = attributes[key];
    if (value !== undefined && !isValid(value))
      throw invalidInput(`The value '${value}' of ${key} is invalid.`);
  }
}

function checkEc2({ namespace }: Registration, attributes: Attributes): void {
  const others = Object.keys(attributes).filter(
    (key) => key !== "AWS_EC2_INSTANCE_ID" && key !== "AWS_INIT_HEALTH_STATUS",
  );
  if (namespace.type !== "HTTP" || others.length > 0)
    throw invalidInput(
      "AWS_EC2_INSTANCE_ID is for HTTP namespaces, and only AWS_INIT_HEALTH_STATUS can be specified with it.",
    );
}

function checkAlias(reader: Reader, { service }: Registration, attributes: Attributes): void {
  if (Object.keys(attributes).some((key) => key.startsWith("AWS_INSTANCE_")))
    throw invalidInput("AWS_ALIAS_DNS_NAME can't be specified with an AWS_INSTANCE attribute.");
  const types = service.dns?.records.map(({ type }) => type) ?? [];
  if (service.dns?.routing !== "WEIGHTED" || types.some((type) => type !== "A" && type !== "AAAA"))
    throw invalidInput(
      "AWS_ALIAS_DNS_NAME needs a service with A or AAAA records and the routing policy WEIGHTED.",
    );
  const name = normalName(attributes["AWS_ALIAS_DNS_NAME"] ?? "");
  if (publicAddressesOf(reader, name) === undefined)
    throw invalidInput(`AWS_ALIAS_DNS_NAME is not the DNS name of a load balancer: ${name}`);
}

/** What the records of the service need. */
function checkRecords({ namespace, service, instanceId }: Registration, attributes: Attributes): void {
  const needs = (key: string, type: string): void => {
    if (attributes[key] === undefined)
      throw invalidInput(`${key} must be specified: the service has a DNS record of type ${type}.`);
  };
  for (const { type } of service.dns?.records ?? [])
    switch (type) {
      case "A":
        needs("AWS_INSTANCE_IPV4", type);
        break;
      case "AAAA":
        needs("AWS_INSTANCE_IPV6", type);
        break;
      case "CNAME":
        needs("AWS_INSTANCE_CNAME", type);
        break;
      case "SRV": {
        needs("AWS_INSTANCE_PORT", type);
        if (attributes["AWS_INSTANCE_IPV6"] === undefined) needs("AWS_INSTANCE_IPV4", type);
        const host = discoveryHostOf(instanceId, discoveryNameOf(service, namespace));
        if (!isRecordName(host)) throw invalidInput(`The name '${host}' of the SRV record is not valid.`);
      }
    }
}
