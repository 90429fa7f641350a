// `POST /v1/sql` and `GET /v1/sql/tables`.

export type Row = Readonly<Record<string, unknown>>;

export interface Column {
  name: string;
  type: string;
  about: string;
  unit?: string | null;
}

export interface Table {
  name: string;
  about: string;
  columns: Column[];
}

/** The result of a query. */
export interface Answer {
  rows: Row[];
  /** From sending it to receiving all of it, ms. */
  took: number;
  /** The number of rows that the answer was cut to; null when it is complete. */
  truncated: number | null;
  /** Tables of which rows that are not in a history file yet are missing. */
  filesAlone: readonly string[];
}

/** Why a query has no answer, and where in its text the error is. */
export class SqlError extends Error {
  constructor(
    message: string,
    /** Line and column from 1; null when the answer does not say. */
    readonly at: { line: number; column: number } | null,
    readonly status: number,
    /** How long to wait before trying again, s; null when the answer does not say. */
    readonly retryAfter: number | null = null,
  ) {
    super(message);
  }
}

export const FORMATS = [
  { name: "CSV", type: "text/csv", suffix: "csv" },
  { name: "Parquet", type: "application/vnd.apache.parquet", suffix: "parquet" },
  { name: "Arrow", type: "application/vnd.apache.arrow.stream", suffix: "arrows" },
] as const;

/**
 * The server cuts off any request after this time, and a query earlier (`dashboard.sql.deadline_s`,
 * 270 s at most), so it is the server that says when a query took too long.
 */
export const PATIENCE_MS = 300_000;

async function ask(sql: string, accept: string, signal: AbortSignal | null): Promise<Response> {
  const limit = AbortSignal.timeout(PATIENCE_MS);
  let answer: Response;
  try {
    answer = await fetch("/v1/sql", { method: "POST", headers: { "Content-Type": "application/json", Accept: accept }, body: JSON.stringify({ sql }), signal: signal ? AbortSignal.any([signal, limit]) : limit });
  } catch (error) {
    if (signal?.aborted) throw new SqlError("Stopped.", null, 0);
    throw new SqlError(limit.aborted ? `No answer within ${PATIENCE_MS / 1_000} s.` : `The dashboard does not answer (${error instanceof Error ? error.message : String(error)}).`, null, 0);
  }
  if (!answer.ok) throw await problem(answer);
  return answer;
}

async function problem(answer: Response): Promise<SqlError> {
  const text = await answer.text();
  const after = answer.headers.get("Retry-After");
  const retry = after !== null && /^\d+$/.test(after) ? Number(after) : null;
  try {
    const { title, detail, line, column } = JSON.parse(text) as { title?: string; detail?: string; line?: number; column?: number };
    const message = detail ?? title ?? text;
    return new SqlError(message, line && column ? { line, column } : placeIn(message), answer.status, retry);
  } catch {
    return new SqlError(text.slice(0, 400) || `The dashboard answers ${answer.status}.`, null, answer.status, retry);
  }
}

/** The parser's own wording: `… at Line: 1, Column: 8`. */
export function placeIn(message: string): { line: number; column: number } | null {
  const found = /line:?\s*(\d+),?\s*column:?\s*(\d+)/i.exec(message);
  return found ? { line: Number(found[1]), column: Number(found[2]) } : null;
}

export async function query(sql: string, signal: AbortSignal | null = null): Promise<Answer> {
  const from = performance.now();
  const answer = await ask(sql, "application/json", signal);
  const rows = (await answer.json()) as Row[];
  const cut = /rows=(\d+)/.exec(answer.headers.get("Tallylight-Truncated") ?? "");
  return { rows, took: performance.now() - from, truncated: cut ? Number(cut[1]) : null, filesAlone: filesAlone(answer) };
}

function filesAlone(answer: Response): string[] {
  const tables = /tables=([\w,]+)/.exec(answer.headers.get("Tallylight-Files-Alone") ?? "")?.[1];
  return tables?.split(",") ?? [];
}

/** What is missing in an answer from files alone; null where nothing is. */
export function staleness(tables: readonly string[]): string | null {
  return tables.length === 0 ? null : `${tables.join(", ")}: without rows that are not in a file yet, because a processor does not answer`;
}

/** How often a page retries by itself. */
const TRIES = 4;
const LONGEST_WAIT_S = 10;

/**
 * The same for a page's own queries: when the server is busy, they wait as long as it says and are
 * sent again.
 */
export async function queryPatiently(sql: string, signal: AbortSignal | null = null): Promise<Answer> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await query(sql, signal);
    } catch (error) {
      if (!(error instanceof SqlError) || error.status !== 503 || error.retryAfter === null || tried === TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1_000 * Math.min(error.retryAfter ?? 1, LONGEST_WAIT_S)));
      if (signal?.aborted) throw error;
    }
  }
}

/** The answer as a file, made by the server: nothing is lost on the way through this page. */
export async function download(sql: string, type: string): Promise<{ file: Blob; truncated: boolean; filesAlone: readonly string[] }> {
  const answer = await ask(sql, type, null);
  return { file: await answer.blob(), truncated: answer.headers.has("Tallylight-Truncated"), filesAlone: filesAlone(answer) };
}

export async function tables(): Promise<Table[]> {
  const answer = await fetch("/v1/sql/tables", { signal: AbortSignal.timeout(5_000) });
  if (!answer.ok) throw await problem(answer);
  return (await answer.json()) as Table[];
}

/** A text literal in a query. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
