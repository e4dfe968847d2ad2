import { useEffect, useState, type MouseEvent, type ReactNode } from "react";
import { FilesPage } from "./files-page.tsx";
import { UsersPage } from "./users-page.tsx";

/** The two pages, chosen by the address. */
export function App(): ReactNode {
  const [path, setPath] = useState(window.location.pathname);
  useEffect(() => {
    const onBack = (): void => setPath(window.location.pathname);
    window.addEventListener("popstate", onBack);
    return () => window.removeEventListener("popstate", onBack);
  }, []);
  const open = (target: string) => (event: MouseEvent) => {
    event.preventDefault();
    window.history.pushState(null, "", target);
    setPath(target);
  };
  const username = /^\/user\/([^/]+)\/attachments$/.exec(path)?.[1];
  return (
    <>
      <header>
        <a href="/users" onClick={open("/users")}>
          Fileshare
        </a>
      </header>
      <main>
        {username === undefined ? (
          <UsersPage open={open} />
        ) : (
          <FilesPage username={decodeURIComponent(username)} open={open} />
        )}
      </main>
    </>
  );
}
