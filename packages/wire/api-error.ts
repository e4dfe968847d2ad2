import type { ErrorCode } from "./error-codes.ts";

/** What the caller got wrong, or what AWS would refuse: AWS's code and, where it is known, AWS's sentence. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code: string;
  /** Overrides the status that the service's model gives for this code. */
  readonly status: number | undefined;
  /** Further members of the error's shape. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Further headers of the answer. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: {
      status?: number;
      fields?: Readonly<Record<string, unknown>>;
      headers?: Readonly<Record<string, string>>;
    } = {},
  ) {
    super(message);
    this.code = code;
    this.status = options.status;
    this.fields = options.fields ?? {};
    this.headers = options.headers ?? {};
  }
}

/** The request's bytes do not say what the operation's shape asks for. */
export function serializationError(message: string): ApiError {
  return new ApiError("SerializationException", message, { status: 400 });
}
