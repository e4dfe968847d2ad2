import type { ErrorCode } from "./error-codes.ts";

/** The caller's mistake, or what AWS would refuse, with AWS's code and, where it is known, AWS's message. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code: string;
  /** Overrides the status that the service's model gives for this code. */
  readonly status: number | undefined;
  /** Further members of the error's shape. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Further headers of the response. */
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

/** The class `ApiError` for some codes: with another one, `new` does not compile. */
export interface ApiErrorOf<Code extends ErrorCode> {
  readonly prototype: ApiError;
  new (code: Code, message: string, options?: ConstructorParameters<typeof ApiError>[2]): ApiError;
}

/** The body does not match the operation's input shape. */
export function serializationError(message: string): ApiError {
  return new ApiError("SerializationException", message, { status: 400 });
}
