import type { FastifyInstance } from "fastify";
import type { AppDeps } from "./app-deps.ts";
import { RequestError } from "./request-error.ts";

interface NewUser {
  readonly name: string;
  readonly lastname: string;
  readonly email: string;
  readonly username: string;
}

/** Listing, registering and deleting users. */
export function userRoutes(app: FastifyInstance, { database }: AppDeps): void {
  const columns = ["id", "name", "lastname", "email", "username"] as const;
  app.get("/user-api/users", async () => database.selectFrom("user").select(columns).orderBy("id").execute());
  app.get<{ Params: { id: string } }>("/user-api/user/:id", async (request) => {
    const user = await database
      .selectFrom("user")
      .select(columns)
      .where("id", "=", Number(request.params.id))
      .executeTakeFirst();
    if (user === undefined) throw new RequestError(404, "User not found!");
    return user;
  });
  app.get<{ Params: { username: string } }>("/user-api/username/:username", async (request) => {
    const user = await database
      .selectFrom("user")
      .select(columns)
      .where("username", "=", request.params.username)
      .executeTakeFirst();
    if (user === undefined) throw new RequestError(404, "User not found!");
    return user;
  });
  app.post("/user-api/user", async (request) => {
    const user = checkUser(request.body);
    try {
      const { insertId } = await database.insertInto("user").values(user).executeTakeFirstOrThrow();
      return { id: Number(insertId), ...user };
    } catch (thrown) {
      if ((thrown as { code?: string }).code === "ER_DUP_ENTRY")
        throw new RequestError(400, "Duplicate username and/or email!"); // mysql2's code.
      throw thrown;
    }
  });
  app.delete<{ Params: { id: string } }>("/user-api/user/:id", async (request) => {
    const id = Number(request.params.id);
    try {
      const { numDeletedRows } = await database.deleteFrom("user").where("id", "=", id).executeTakeFirst();
      if (numDeletedRows === 0n) throw new RequestError(404, "User not found!");
      return { id, deleted: true };
    } catch (thrown) {
      if ((thrown as { code?: string }).code === "ER_ROW_IS_REFERENCED_2")
        throw new RequestError(400, "User has dependencies!"); // As above.
      throw thrown;
    }
  });
}

/**
 * A user name is also a folder's name and a key's first part: letters, digits, and a few signs that mean
 * nothing there.
 */
export const USERNAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?$/;

function checkUser(body: unknown): NewUser {
  // Each field is checked below.
  const given = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const text = (name: string, max: number): string => {
    const value = given[name];
    if (typeof value !== "string" || value.trim() === "" || value.length > max)
      throw new RequestError(400, `Please give a ${name} of at most ${max} characters.`);
    return value.trim();
  };
  const user = {
    name: text("name", 100),
    lastname: text("lastname", 100),
    email: text("email", 190),
    username: text("username", 64),
  };
  if (!/^[^\s@]+@[^\s@]+$/.test(user.email)) throw new RequestError(400, "Please give an email address.");
  if (!USERNAME.test(user.username) || user.username.includes(".."))
    throw new RequestError(400, "A username may have letters, digits, dots, hyphens and underscores.");
  return user;
}
