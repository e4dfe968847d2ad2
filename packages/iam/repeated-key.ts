/**
 * Whether an object in a JSON text has the same key twice, in any escaped spelling. `JSON.parse` keeps the
 * last one and silently drops a value that the author may rely on. The text must be valid JSON.
 */
export function hasRepeatedKey(text: string): boolean {
  const open: (Set<string> | undefined)[] = [];
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"(?:\s*:)?|[{}[\]]/g)) {
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(undefined);
    else if (token === "}" || token === "]") open.pop();
    else if (token.endsWith(":")) {
      const key = JSON.parse(token.slice(0, -1)) as string; // A key is a string.
      const keys = open.at(-1);
      if (keys?.has(key) === true) return true;
      keys?.add(key);
    }
  }
  return false;
}
