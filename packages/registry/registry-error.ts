/** An error in the distribution specification's form. Source: OCI distribution-spec 1.1, "Error Codes". */
export class RegistryError extends Error {
  override readonly name: string = "RegistryError";
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;
  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.headers = headers;
    this.status = status;
    this.code = code;
  }
}
