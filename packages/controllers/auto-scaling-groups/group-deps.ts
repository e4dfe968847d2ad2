import type { MetricStore } from "@gantry/content";
import type { InvokeDeps } from "../events/invoke-target.ts";
import type { ControllerDeps } from "../controller-deps.ts";

export interface GroupDeps extends ControllerDeps {
  readonly metrics: Pick<MetricStore, "read">;
  /** Runs an operation of the API as the service-linked role of EC2 Auto Scaling. Errors: as the operation's. */
  readonly callApi: InvokeDeps["callApi"];
  /** Publishes for a service, if the topic's policy and its key's let the service. Errors: why it does not. */
  readonly publish: (message: {
    readonly topicArn: string;
    readonly service: { readonly principal: string; readonly name: string };
    readonly source: { readonly arn: string; readonly account: string; readonly region: string };
    readonly subject: string;
    readonly message: string;
  }) => void;
}
