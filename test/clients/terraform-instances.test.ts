import { generateKeyPairSync } from "node:crypto";
import { Controller, silentLogger, SystemClock } from "@gantry/kernel";
import { startApi } from "@gantry/testkit";
import { groupReconcilers } from "@gantry/testkit/group-world";
import { startInstanceNode } from "@gantry/testkit/instance-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canRunTerraform, openSshKey } from "../../tools/terraform/terraform.ts";
import { terraformPhases } from "./terraform-phases.ts";

describe.skipIf(!canRunTerraform())(
  "Terraform, with instances, volumes and Auto Scaling groups",
  async () => {
    const api = await startApi();
    const clock = new SystemClock();
    const stopNode = startInstanceNode(api.store, clock);
    const controllers = groupReconcilers(api, clock).map(
      (each) => new Controller(each, { clock, log: silentLogger }),
    );
    beforeAll(() => controllers.forEach((each) => each.start()));
    afterAll(async () => {
      stopNode();
      await Promise.all(controllers.map((each) => each.stop()));
      api.close();
    });
    terraformPhases(api, {
      configuration: "instances",
      types:
        /^aws_(?:instance|ami_from|key_pair|launch_template|eb|volume|snapshot|network_interface|placement_group|autoscaling|eip_a|ssm_document)/,
      // The provider imports none of the first three, replaces a key pair and the hooks of an imported group.
      notImported:
        /^aws_autoscaling_(?:attachment|notification)\.|^aws_ami_from_instance\.|^aws_key_pair\.|^aws_autoscaling_group\.small$/,
      count: 28,
      variables: { public_key: openSshKey(generateKeyPairSync("ed25519").publicKey) },
      change: { stage: "production" },
      changed: 25,
      kinds: [
        "volume",
        "snapshot",
        "machineImage",
        "autoScalingGroup",
        "groupInstance",
        "keyPair",
        "launchTemplate",
        "alarm",
      ],
    });

    it("leaves no instance", () =>
      expect(api.store.list("ec2Instance").filter(({ state }) => state !== "terminated")).toEqual([]));
  },
);
