// Requests to the steering service and `up`, through the dashboard. An answer that is not JSON is
// not valid: a server without the route answers with the page itself.

const PATIENCE_MS = 5_000;

/** GET of JSON; throws with a sentence that can be shown. */
export async function ask(path: string): Promise<unknown> {
  return read(await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) }));
}

/** POST of JSON; throws with a sentence that can be shown. */
export async function tell(path: string, body: object): Promise<unknown> {
  const answer = fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body), signal: AbortSignal.timeout(PATIENCE_MS) });
  return read(await answer);
}

/** Whether a server simply does not have this route. */
export class Absent extends Error {}

async function read(answer: Response): Promise<unknown> {
  const type = answer.headers.get("content-type") ?? "";
  if (answer.ok && type.includes("json")) return answer.json();
  if (answer.ok || answer.status === 404) throw new Absent(await detail(answer, type, "This server has no such thing"));
  throw new Error(await detail(answer, type, `The server answered ${answer.status}`));
}

async function detail(answer: Response, type: string, otherwise: string): Promise<string> {
  if (!type.includes("json")) return otherwise;
  const problem: unknown = await answer.json().catch(() => null);
  const text = typeof problem === "object" && problem !== null && "detail" in problem ? problem.detail : null;
  return typeof text === "string" && text !== "" ? text : otherwise;
}

const isLate = (error: unknown): boolean => error instanceof DOMException && error.name === "TimeoutError";

/**
 * Whether no answer came, in time or at all (fetch reports a broken connection as a `TypeError`):
 * the request may have been carried out nevertheless.
 */
export function isUnanswered(error: unknown): boolean {
  return isLate(error) || error instanceof TypeError;
}

/**
 * The text for a request that failed; `done` is the word for what it does. Without an answer it is
 * unknown whether it was carried out.
 */
export function failure(error: unknown, done = "done"): string {
  if (isUnanswered(error)) return `No answer: look in the log whether it was ${done} before you do it again.`;
  return `Not ${done}: ${reason(error)}`;
}

/** The error as text for people. */
export function reason(error: unknown): string {
  if (isLate(error)) return `no answer within ${PATIENCE_MS / 1000} s`;
  return error instanceof Error ? error.message : String(error);
}
