import type { Handler } from "@gantry/wire";
import { ApiError } from "./api-error.ts";

/**
 * The operations, refusing a registry other than the caller's own.
 * Errors: RepositoryNotFoundException, InvalidParameterException.
 */
export function inOwnRegistry(
  operations: Readonly<Record<string, unknown>>,
): Readonly<Record<string, Handler>> {
  return Object.fromEntries(
    Object.entries(operations).map(([name, operation]) => {
      const handler = operation as Handler; // Typed by Implementation where it is declared.
      const checked: Handler = (input, context) => {
        checkRegistry(input, context.account);
        return handler(input, context);
      };
      return [name, checked];
    }),
  );
}

interface References {
  readonly registryId?: string;
  readonly registryIds?: readonly string[];
  readonly repositoryName?: string;
  readonly repositoryNames?: readonly string[];
}

function checkRegistry(input: References, account: string): void {
  const { registryId = account, registryIds = [] } = input;
  const other = [registryId, ...registryIds].find((id) => id !== account);
  if (other === undefined) return;
  const name = input.repositoryName ?? input.repositoryNames?.[0];
  if (name !== undefined)
    throw new ApiError(
      "RepositoryNotFoundException",
      `The repository with name '${name}' does not exist in the registry with id '${other}'`,
    );
  throw new ApiError(
    "InvalidParameterException",
    `Gantry does not share registries between accounts: leave out the registry id '${other}'.`,
  );
}
