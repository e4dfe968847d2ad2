import { request } from "node:http";
import { startApi } from "@gantry/testkit";
import { expect, it } from "vitest";

it("answers a client that offers HTTP/2 as if it had not", async () => {
  const api = await startApi();
  const headers = {
    connection: "Upgrade, HTTP2-Settings",
    upgrade: "h2c",
    "http2-settings": "AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
  };
  const status = await new Promise((resolve, reject) => {
    request({ port: api.port, path: "/no-bucket/key", headers }, (response) =>
      resolve(response.resume().statusCode),
    )
      .on("error", reject)
      .end();
  });
  expect(status).toBe(403);
  api.close();
});
