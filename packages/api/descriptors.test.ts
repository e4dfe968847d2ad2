import { SDK_CLIENTS } from "@gantry/testkit/sdk-clients";
import { expect, it } from "vitest";
import { DESCRIPTORS } from "./services.ts";

it.each(Object.keys(DESCRIPTORS) as (keyof typeof DESCRIPTORS)[])(
  "describes %s as the SDK's own client does",
  (name) => {
    const config = new SDK_CLIENTS[name]({ region: "x" }).config as unknown as {
      protocolSettings: { version: string; serviceTarget: string; xmlNamespace?: string };
    };
    const descriptor = DESCRIPTORS[name];
    expect(descriptor.version).toBe(config.protocolSettings.version);
    expect(descriptor.targetPrefix).toBe(config.protocolSettings.serviceTarget);
    expect(descriptor.xmlNamespace).toBe(config.protocolSettings.xmlNamespace ?? "");
  },
);
