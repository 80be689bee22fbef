// The emulator's own endpoints, as the page needs them.

/** Everything there is, or null when nothing changed since revision `known`. */
export async function readState(known) {
  const response = await fetch(`/_emulator/state?known=${known}`, { cache: "no-store" });
  if (response.status === 204) return null;
  if (!response.ok) throw new Error(`the emulator answered ${response.status}`);
  return response.json();
}

/** Do what a person does. Throws an Error with Planner's own words when it is refused. */
export async function act(action, fields) {
  const response = await fetch(`/_emulator/human/${action}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(fields),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error.message);
  return answer;
}
