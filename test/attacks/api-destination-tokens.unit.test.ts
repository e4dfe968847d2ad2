import * as eb from "@aws-sdk/client-eventbridge";
import { afterAll, beforeEach, describe, expect, it, vi } from "vitest";
import { startDestinations } from "./api-destinations-world.ts";

// A connection with OAuth sends its client's secret to an endpoint that its author names, and keeps what it answers.
// Before: there were no connections.
const destinations = await startDestinations();
const { world, client, seen, origin, answer } = destinations;
const { connect, describeConnection, destination, target, put, over } = destinations;
afterAll(() => destinations.close());
beforeEach(() => destinations.clear());

describe("OAuth", () => {
  const oauth = (more: Partial<eb.CreateConnectionOAuthRequestParameters> = {}) => ({
    AuthorizationType: "OAUTH_CLIENT_CREDENTIALS" as const,
    AuthParameters: {
      OAuthParameters: {
        ClientParameters: { ClientID: "id", ClientSecret: "hidden-secret" },
        AuthorizationEndpoint: `${origin}/token`,
        HttpMethod: "POST" as const,
        OAuthHttpParameters: {
          HeaderParameters: [{ Key: "x-t", Value: "h" }],
          QueryStringParameters: [{ Key: "a", Value: "b" }],
          BodyParameters: [{ Key: "audience", Value: "hidden-audience", IsValueSecret: true }],
        },
        ...more,
      },
    },
  });
  const token = (value: string, seconds = 3_600) => ({
    status: 200,
    body: JSON.stringify({ access_token: value, expires_in: seconds }),
  });
  const state = async (Name: string) => (await describeConnection(Name)).ConnectionState;
  const reach = (Name: string, wanted: eb.ConnectionState) =>
    vi.waitFor(async () => {
      await world.settle(1_000);
      expect(await state(Name)).toBe(wanted);
    }, 5_000);

  it("gets a token, sends it, and gets another when the endpoint refuses it or it ends", async () => {
    answer([token("one")]);
    const arn = await connect("oauth", oauth());
    await reach("oauth", "AUTHORIZED");
    expect(seen[0]).toMatchObject({ method: "POST", url: "/token?a=b", headers: { "x-t": "h" } });
    expect(Object.fromEntries(new URLSearchParams(seen[0]?.body))).toEqual({
      ...{ grant_type: "client_credentials", client_id: "id", client_secret: "hidden-secret" },
      audience: "hidden-audience",
    });
    expect(JSON.stringify(await describeConnection("oauth"))).not.toContain("hidden-");
    await target("oauth", await destination("oauth", arn));
    answer([{ status: 401 }, token("two", 120)]);
    await put("oauth");
    await vi.waitFor(async () => {
      await world.settle(1_000);
      expect(seen.map(({ headers }) => headers.authorization)).toEqual([
        undefined,
        "Bearer one",
        undefined,
        "Bearer two",
      ]);
    }, 5_000);
    await over();
    await world.settle(61_000);
    answer([token("three")]);
    await put("oauth");
    await over();
    expect(seen.at(-1)?.headers.authorization).toBe("Bearer three");
  });

  it("with GET sends the credentials in the query", async () => {
    answer([token("g")]);
    await connect("got", oauth({ HttpMethod: "GET" }));
    await reach("got", "AUTHORIZED");
    expect([seen[0]?.method, new URLSearchParams(seen[0]?.url?.split("?")[1]).get("client_secret")]).toEqual([
      "GET",
      "hidden-secret",
    ]);
    answer([token("p")]);
    const HttpMethod = "PUT";
    const AuthParameters = { OAuthParameters: { HttpMethod } } as const;
    await client.send(new eb.UpdateConnectionCommand({ Name: "got", AuthParameters }));
    await reach("got", "AUTHORIZED");
    expect(seen.at(-1)).toMatchObject({ method: "PUT", url: "/token?a=b" });
  });

  it.each([
    ["is refused", { status: 400 }, "answered 400"],
    ["answers without a token", { status: 200, body: "{}" }, "without an access token"],
    ["answers too much", { status: 200, body: "x".repeat(100_000) }, ""],
  ])("where it %s leaves the connection deauthorized", async (what, given, reason) => {
    answer(Array.from({ length: 9 }, () => given));
    const Name = what.replaceAll(" ", "-");
    await connect(Name, oauth());
    await vi.waitFor(async () => {
      await world.settle(20_000);
      expect(await state(Name)).toBe("DEAUTHORIZED");
    }, 8_000);
    expect((await describeConnection(Name)).StateReason).toContain(reason);
  });

  it("asks no endpoint of the machine or the platform", async () => {
    await connect("inward", oauth({ AuthorizationEndpoint: "http://169.254.169.254/token" }));
    await reach("inward", "DEAUTHORIZED");
    expect((await describeConnection("inward")).StateReason).toBe("The endpoint has no allowed address.");
  });
});
