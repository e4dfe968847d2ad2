import { VirtualClock } from "@gantry/kernel";
import { PAUSE_IMAGE } from "../naming.ts";
import { describeEngine } from "./engine-suite.ts";
import { FakeEngine } from "./fake-engine.ts";

describeEngine("FakeEngine", () => new FakeEngine(new VirtualClock(), [PAUSE_IMAGE]));
