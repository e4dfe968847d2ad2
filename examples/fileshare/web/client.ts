export interface User {
  readonly id: number;
  readonly name: string;
  readonly lastname: string;
  readonly email: string;
  readonly username: string;
}

export interface Attachment {
  readonly id: number;
  readonly file_name: string;
  readonly date: string;
  readonly upload_type: "FS" | "s3";
}

/** One call of the API; what goes wrong is the sentence that the back end says. */
export async function call<T>(method: string, path: string, body?: object | FormData): Promise<T> {
  const isForm = body instanceof FormData;
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      ...(body === undefined
        ? {}
        : isForm
          ? { body }
          : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
  } catch {
    throw new Error("The server does not answer. Please check your connection and try again.");
  }
  const answer: unknown = await response.json().catch(() => ({}));
  if (!response.ok)
    throw new Error((answer as { error?: string }).error ?? `The server answered ${response.status}.`);
  return answer as T; // The back end is ours.
}
