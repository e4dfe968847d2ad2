/** Elements of a list that are decoded before the event loop serves other requests. */
export const ELEMENTS_A_TURN = 500;

/** Maps a list, with a turn of the event loop for other requests after every 500 elements. */
export async function mapInTurns<In, Out>(
  elements: readonly In[],
  read: (element: In, index: number) => Out | Promise<Out>,
  nextTurn: () => Promise<void>,
): Promise<Out[]> {
  const all: Out[] = [];
  for (const [index, element] of elements.entries()) {
    if (index > 0 && index % ELEMENTS_A_TURN === 0) await nextTurn();
    const value = read(element, index);
    all.push(value instanceof Promise ? await value : value);
  }
  return all;
}
