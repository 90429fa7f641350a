// Who acts: a name for the log, kept by this browser. There is no sign-in yet, so it is whatever
// the operator enters.

import { keep, kept } from "../ui/kept";

const KEY = "tallylight-operator";
const NOBODY = "operator";

let name: string | null = null;
let asker: (() => Promise<boolean>) | null = null;

function stored(): string | null {
  name ??= kept(KEY);
  return name;
}

/** Whether the operator was asked for a name. */
export function named(): boolean {
  return stored() !== null;
}

/** The operator's name. */
export function operator(): string {
  return stored() ?? NOBODY;
}

/**
 * How to ask for a name: false when the dialog was closed. Where asking is not possible, the actor
 * is "operator".
 */
export function setAsker(ask: () => Promise<boolean>): void {
  asker = ask;
}

/** Who acts; asks for the name at the first action. */
export async function acting(): Promise<string> {
  if (!named() && asker && !(await asker())) throw new Error("you closed the question for your name");
  return operator();
}

export function setOperator(given: string): void {
  name = given.trim().slice(0, 40) || NOBODY;
  keep(KEY, name);
}
