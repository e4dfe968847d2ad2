/**
 * Milliseconds of processor time that all threads of this process have used. Bounds on what a computation
 * costs are measured by it: on a busy machine it takes longer, and costs the same.
 */
export function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
