import { useCallback, useEffect, useState, type FormEvent, type MouseEvent, type ReactNode } from "react";
import { call, type Attachment } from "./client.ts";
import { useAttempt } from "./use-attempt.ts";

/** A user's files: uploads them to S3 or to the filesystem, downloads and deletes them. */
export function FilesPage({
  username,
  open,
}: {
  username: string;
  open: (path: string) => (event: MouseEvent) => void;
}): ReactNode {
  const [files, setFiles] = useState<readonly Attachment[]>();
  const { busy, problem, attempt } = useAttempt();
  const load = useCallback(
    async () =>
      setFiles(await call<Attachment[]>("GET", `/user-files/attachments/${encodeURIComponent(username)}`)),
    [username],
  );
  useEffect(() => void attempt(load), [attempt, load]);
  const upload = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = event.currentTarget;
    const data = new FormData(form);
    const place = String(data.get("place"));
    const body = new FormData();
    const file = data.get("file");
    if (file !== null) body.append("file", file);
    void attempt(async () => {
      await call("POST", `/user-files/attachment/${encodeURIComponent(username)}/${place}`, body);
      form.reset();
      await load();
    });
  };
  const remove = (file: Attachment) => () =>
    void attempt(async () => {
      await call("DELETE", `/user-files/attachment/${file.id}`);
      await load();
    });
  return (
    <>
      <p>
        <a href="/users" onClick={open("/users")}>
          ← All users
        </a>
      </p>
      <h1>Files of {username}</h1>
      {problem !== undefined && <p role="alert">{problem}</p>}
      <UploadForm busy={busy} onSubmit={upload} />
      {files === undefined ? <p>Loading…</p> : files.length === 0 ? <p>There are no files yet.</p> : null}
      <ul>
        {files?.map((file) => (
          <FileItem key={file.id} file={file} busy={busy} onRemove={remove(file)} />
        ))}
      </ul>
    </>
  );
}

function UploadForm({
  busy,
  onSubmit,
}: {
  busy: boolean;
  onSubmit: (event: FormEvent<HTMLFormElement>) => void;
}): ReactNode {
  return (
    <form onSubmit={onSubmit}>
      <label>
        File (100 MB at most)
        <input name="file" type="file" required />
      </label>
      <fieldset>
        <legend>Store it in</legend>
        <label>
          <input type="radio" name="place" value="s3" defaultChecked /> S3
        </label>
        <label>
          <input type="radio" name="place" value="FS" /> Filesystem
        </label>
      </fieldset>
      <button disabled={busy}>{busy ? "Working…" : "Upload"}</button>
    </form>
  );
}

/** A file of the list: a link that downloads it, and a button that deletes it. */
function FileItem({
  file,
  busy,
  onRemove,
}: {
  file: Attachment;
  busy: boolean;
  onRemove: () => void;
}): ReactNode {
  return (
    <li>
      <a href={`/user-files/attachment/${file.id}/get`} download>
        {file.file_name}
      </a>
      <small>
        {file.upload_type === "s3" ? "S3" : "Filesystem"} · {new Date(file.date).toLocaleString()}
      </small>
      <button className="quiet" disabled={busy} onClick={onRemove} aria-label={`Delete ${file.file_name}`}>
        Delete
      </button>
    </li>
  );
}
