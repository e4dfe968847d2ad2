import { useCallback, useState } from "react";

/** Runs what may fail: whether it is under way, and what to tell the person where it failed. */
export function useAttempt(): {
  busy: boolean;
  problem: string | undefined;
  attempt: (work: () => Promise<void>) => Promise<void>;
} {
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);
  const attempt = useCallback(async (work: () => Promise<void>) => {
    setBusy(true);
    setProblem(undefined);
    await work().catch((thrown: Error) => setProblem(thrown.message));
    setBusy(false);
  }, []);
  return { busy, problem, attempt };
}
