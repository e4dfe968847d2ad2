import { startApi } from "@gantry/testkit";

// The API in a process of its own, so that what it is busy with does not slow whoever measures it.
const api = await startApi();
process.on("message", () => process.send?.({ rss: process.memoryUsage().rss }));
process.on("disconnect", () => process.exit(0));
process.send?.({ port: api.port });
