import type { HttpRequest, MiddlewareStack } from "@smithy/types";

/** A signed request, good for five minutes. */
export interface Captured {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** Sends a command, and returns the request that the SDK made of it. */
export async function captured<Input extends object, Output extends object>(
  stack: MiddlewareStack<Input, Output>,
  send: () => Promise<unknown>,
): Promise<Captured> {
  let seen: HttpRequest | undefined;
  stack.add(
    (next) => async (call) => {
      seen = call.request as HttpRequest; // What the SDK is about to send.
      return next(call);
    },
    { step: "finalizeRequest", priority: "low", name: "capture" },
  );
  await send();
  if (seen === undefined) throw new Error("The SDK sent nothing.");
  const { host: _host, "content-length": _length, ...headers } = seen.headers;
  const given = seen.body as string | Uint8Array; // The SDK's bytes, or their text.
  return {
    path: seen.path,
    headers,
    body: typeof given === "string" ? given : new TextDecoder().decode(given),
  };
}
