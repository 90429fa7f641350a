// The editor: CodeMirror, loaded when the page is opened. It completes tables and columns and marks
// the position of an error.

import { autocompletion, closeBrackets, closeCompletion, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { PostgreSQL, sql, type SQLNamespace } from "@codemirror/lang-sql";
import { HighlightStyle, bracketMatching, syntaxHighlighting } from "@codemirror/language";
import { Compartment, EditorState, StateEffect, StateField, type Extension } from "@codemirror/state";
import { Decoration, EditorView, drawSelection, highlightActiveLine, keymap, lineNumbers, placeholder, type DecorationSet } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import type { Table } from "./api";

const setMark = StateEffect.define<number | null>();

/** A wavy line under the word where the error is. */
const mark = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, transaction) {
    // Once the text is changed, the mark no longer applies.
    let next = transaction.docChanged ? Decoration.none : marks;
    for (const effect of transaction.effects) {
      if (!effect.is(setMark)) continue;
      const at = effect.value;
      next = at === null ? Decoration.none : Decoration.set([Decoration.mark({ class: "cm-wrong" }).range(...wordAt(transaction.state, at))]);
    }
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});

function wordAt(state: EditorState, at: number): [number, number] {
  const word = state.wordAt(at);
  if (word) return [word.from, word.to];
  const end = Math.min(state.doc.length, at + 1);
  return [Math.max(0, end - 1), Math.max(1, end)];
}

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--data)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--series2)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--series4)" },
  { tag: tags.comment, color: "var(--text3)" },
  { tag: [tags.typeName, tags.standard(tags.name)], color: "var(--series3)" },
  { tag: [tags.operator, tags.punctuation], color: "var(--text2)" },
]);

export interface EditorOptions {
  text: string;
  run: () => void;
  changed: (text: string) => void;
}

export class Editor {
  readonly view: EditorView;
  private readonly language = new Compartment();

  constructor(parent: HTMLElement, options: EditorOptions) {
    const extensions: Extension[] = [
      keymap.of([{ key: "Mod-Enter", preventDefault: true, run: (view) => (closeCompletion(view), options.run(), true) }, ...completionKeymap, ...defaultKeymap, ...historyKeymap]),
      lineNumbers(),
      history(),
      drawSelection(),
      bracketMatching(),
      closeBrackets(),
      autocompletion({ icons: false }),
      highlightActiveLine(),
      placeholder("SELECT …"),
      syntaxHighlighting(colours),
      this.language.of(sql({ dialect: PostgreSQL, upperCaseKeywords: true })),
      mark,
      EditorView.lineWrapping,
      EditorView.contentAttributes.of({ "aria-label": "SQL query" }),
      EditorView.updateListener.of((update) => update.docChanged && options.changed(update.state.doc.toString())),
    ];
    this.view = new EditorView({ parent, state: EditorState.create({ doc: options.text, extensions }) });
  }

  /** The names to complete. */
  know(tables: readonly Table[]): void {
    const schema: Record<string, SQLNamespace> = {};
    for (const table of tables) {
      const columns = table.columns.map(({ name, type, unit, about }) => ({ label: name, detail: unit ? `${type}, ${unit}` : type, info: about, type: "property" }));
      schema[table.name] = { self: { label: table.name, detail: "table", info: table.about, type: "type" }, children: columns };
    }
    // Columns complete without their table too: most queries name one table.
    this.view.dispatch({ effects: this.language.reconfigure(sql({ dialect: PostgreSQL, upperCaseKeywords: true, schema })) });
  }

  get text(): string {
    return this.view.state.doc.toString();
  }

  set text(text: string) {
    this.view.dispatch({ changes: { from: 0, to: this.view.state.doc.length, insert: text } });
  }

  insert(text: string): void {
    this.view.dispatch(this.view.state.replaceSelection(text));
    this.view.focus();
  }

  /** Marks line and column (from 1), or removes the mark. */
  wrong(at: { line: number; column: number } | null): void {
    const { doc } = this.view.state;
    if (at === null || at.line > doc.lines || doc.length === 0) {
      this.view.dispatch({ effects: setMark.of(null) });
      return;
    }
    const line = doc.line(at.line);
    this.view.dispatch({ effects: setMark.of(Math.min(line.to, line.from + at.column - 1)) });
  }

  focus(): void {
    this.view.focus();
  }

  close(): void {
    this.view.destroy();
  }
}
