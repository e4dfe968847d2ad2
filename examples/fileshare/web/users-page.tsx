import { useCallback, useEffect, useState, type FormEvent, type MouseEvent, type ReactNode } from "react";
import { call, type User } from "./client.ts";
import { useAttempt } from "./use-attempt.ts";

const FIELDS = [
  { name: "name", label: "First name", type: "text" },
  { name: "lastname", label: "Last name", type: "text" },
  { name: "email", label: "Email", type: "email" },
  { name: "username", label: "Username", type: "text" },
] as const;

/** Lists users, registers and deletes them. */
export function UsersPage({ open }: { open: (path: string) => (event: MouseEvent) => void }): ReactNode {
  const [users, setUsers] = useState<readonly User[]>();
  const { busy, problem, attempt } = useAttempt();
  const load = useCallback(async () => setUsers(await call<User[]>("GET", "/user-api/users")), []);
  useEffect(() => void attempt(load), [attempt, load]);
  const register = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = event.currentTarget;
    void attempt(async () => {
      await call("POST", "/user-api/user", Object.fromEntries(new FormData(form)));
      form.reset();
      await load();
    });
  };
  const remove = (user: User) => () =>
    void attempt(async () => {
      await call("DELETE", `/user-api/user/${user.id}`);
      await load();
    });
  return (
    <>
      <h1>Users</h1>
      {problem !== undefined && <p role="alert">{problem}</p>}
      <form onSubmit={register}>
        {FIELDS.map((field) => (
          <label key={field.name}>
            {field.label}
            <input name={field.name} type={field.type} required autoComplete="off" />
          </label>
        ))}
        <button disabled={busy}>Register</button>
      </form>
      {users === undefined ? <p>Loading…</p> : users.length === 0 ? <p>Nobody is registered yet.</p> : null}
      <ul>
        {users?.map((user) => (
          <li key={user.id}>
            <a
              href={`/user/${user.username}/attachments`}
              onClick={open(`/user/${user.username}/attachments`)}
            >
              {user.name} {user.lastname}
            </a>
            <small>
              {user.username} · {user.email}
            </small>
            <button
              className="quiet"
              disabled={busy}
              onClick={remove(user)}
              aria-label={`Delete ${user.username}`}
            >
              Delete
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}
