/** The key that the servers of an instance ask the platform with whether a user may log in. No record holds it. */
export function databaseLoginKey(secretId: (text: string) => string, resourceId: string): string {
  return secretId(`database-login/${resourceId}`);
}
