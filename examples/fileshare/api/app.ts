import { existsSync } from "node:fs";
import multipart from "@fastify/multipart";
import staticFiles from "@fastify/static";
import fastify, { type FastifyInstance } from "fastify";
import type { AppDeps } from "./app-deps.ts";
import { fileRoutes } from "./file-routes.ts";
import { RequestError } from "./request-error.ts";
import { userRoutes } from "./user-routes.ts";

export const UPLOAD_MAX_BYTES = 100 * 1024 * 1024;

/** The web application: the API under /user-api and /user-files, the React pages everywhere else. */
export async function createApp(deps: AppDeps): Promise<FastifyInstance> {
  const app = fastify({ logger: { level: "info" }, bodyLimit: 64 * 1024, forceCloseConnections: "idle" });
  await app.register(multipart, { limits: { fileSize: UPLOAD_MAX_BYTES, files: 1, fields: 5 } });
  app.setErrorHandler((thrown, request, reply) => {
    const { status, message } = explain(thrown);
    if (status >= 500) request.log.error(thrown);
    return reply.status(status).send({ error: message });
  });
  app.get("/health", { logLevel: "silent" }, async () => ({ status: "healthy" }));
  app.get("/version", { logLevel: "silent" }, async () => ({ version: deps.version }));
  userRoutes(app, deps);
  fileRoutes(app, deps);
  if (existsSync(deps.webFolder)) {
    await app.register(staticFiles, { root: deps.webFolder });
    // Addresses of pages are the front end's: /users, /user/NAME/attachments.
    app.setNotFoundHandler((request, reply) =>
      request.method === "GET" && request.headers.accept?.includes("text/html")
        ? reply.sendFile("index.html")
        : reply.status(404).send({ error: "There is nothing at this address." }),
    );
  }
  return app;
}

function explain(thrown: unknown): { status: number; message: string } {
  if (thrown instanceof RequestError) return { status: thrown.status, message: thrown.message };
  // Errors of fastify and mysql2 carry these.
  const { code = "", statusCode } = thrown as { code?: string; statusCode?: number };
  if (code === "FST_REQ_FILE_TOO_LARGE") return { status: 413, message: "The file is larger than 100 MB." };
  if (
    /^(ECONNREFUSED|ENOTFOUND|ETIMEDOUT|EAI_AGAIN|PROTOCOL_CONNECTION_LOST|ER_NO_SUCH_TABLE|EHOSTUNREACH)$/.test(
      code,
    )
  )
    return { status: 503, message: "The database does not answer right now. Please try again in a moment." };
  if (statusCode !== undefined && statusCode < 500)
    return {
      status: statusCode,
      message: thrown instanceof Error ? thrown.message : "The request has the wrong form.",
    };
  return { status: 500, message: "Something went wrong on our side. Please try again." };
}
