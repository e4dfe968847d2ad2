/** The key of a task set's record. */
export function taskSetKeyOf(serviceArn: string, id: string): string {
  return `${serviceArn}|${id}`;
}
