// CodeMirror in a shadow root: there it uses constructed style sheets, which the Content-Security-Policy allows.
import {autocompletion, closeBrackets, completionKeymap} from '@codemirror/autocomplete';
import {defaultKeymap, history, historyKeymap, indentWithTab} from '@codemirror/commands';
import {keywordCompletionSource, schemaCompletionSource, sql, SQLDialect, type SQLNamespace} from '@codemirror/lang-sql';
import {bracketMatching, HighlightStyle, syntaxHighlighting} from '@codemirror/language';
import {lintGutter, setDiagnostics, type Diagnostic} from '@codemirror/lint';
import {EditorState, Prec} from '@codemirror/state';
import {drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers} from '@codemirror/view';
import {tags} from '@lezer/highlight';
import {useEffect, useRef} from 'preact/hooks';

const GOOGLE_SQL = SQLDialect.define({
  keywords: 'all and any array as asc assert_rows_modified at between by case cast collate contains create cross cube ' +
    'current default define delete desc distinct else end enum escape except exclude exists extract false fetch following for ' +
    'from full group grouping groups having if ignore in inner insert intersect interval into is join lateral left like ' +
    'limit lookup merge natural new no not null nulls of offset on or order outer over partition preceding proto qualify range ' +
    'recursive respect right rollup rows select set some struct table tablesample then to treat true truncate unbounded ' +
    'union unnest update using values view when where window with within ' +
    'count sum avg min max countif approx_count_distinct array_agg string_agg any_value coalesce ifnull nullif safe_cast ' +
    'json_value json_query json_extract timestamp_trunc date_trunc timestamp_diff date_diff timestamp_add date_add ' +
    'format_timestamp parse_timestamp current_timestamp current_date concat lower upper substr regexp_contains regexp_extract ' +
    'row_number rank dense_rank lag lead safe_divide generate_array generate_date_array',
  types: 'int64 float64 numeric bignumeric string bytes bool date datetime time timestamp json array struct geography',
  doubleQuotedStrings: true, hashComments: true, slashComments: false, spaceAfterDashes: false,
  identifierQuotes: '`', operatorChars: '*+-%<>!=&|^/~', specialVar: '@',
});

const STYLE = HighlightStyle.define([
  {tag: tags.keyword, color: 'var(--syntax-keyword)'},
  {tag: [tags.string, tags.special(tags.string)], color: 'var(--syntax-string)'},
  {tag: [tags.number, tags.bool, tags.null], color: 'var(--syntax-number)'},
  {tag: tags.comment, color: 'var(--quiet)', fontStyle: 'italic'},
  {tag: tags.typeName, color: 'var(--syntax-type)'},
]);

const THEME = EditorView.theme({
  '&': {backgroundColor: 'var(--field)', color: 'var(--text)', fontSize: '13px', border: '1px solid var(--edge)', borderRadius: '5px',
    height: '100%'},
  '&.cm-focused': {outline: '2px solid var(--accent)', outlineOffset: '1px'},
  '.cm-scroller': {fontFamily: 'ui-monospace, SFMono-Regular, Menlo, "DejaVu Sans Mono", monospace', lineHeight: '1.5'},
  '.cm-gutters': {backgroundColor: 'var(--field)', color: 'var(--quiet)', borderRight: '1px solid var(--line)'},
  '.cm-activeLine': {backgroundColor: 'var(--hover)'},
  '.cm-cursor': {borderLeftColor: 'var(--text)'},
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground':
    {backgroundColor: 'var(--selection)'},
  '.cm-tooltip': {backgroundColor: 'var(--panel)', color: 'var(--text)', border: '1px solid var(--edge)'},
  '.cm-tooltip-autocomplete > ul > li[aria-selected]': {backgroundColor: 'var(--accent)', color: 'var(--on-accent)'},
  '.cm-lintRange-error': {backgroundImage: 'none', textDecoration: 'underline wavy var(--bad)'},
  '.cm-lint-marker-error': {content: '"●"', color: 'var(--bad)'},
});

// A browser that replaces a selection itself writes an inline style, which the policy blocks and reports.
const REPLACING = EditorView.domEventHandlers({beforeinput(event, editor) {
  const {main} = editor.state.selection, text = event.data;
  if (event.inputType !== 'insertText' || !text || main.empty || event.isComposing || editor.composing) return false;
  const insert = () => editor.state.update(editor.state.replaceSelection(text), {userEvent: 'input.type', scrollIntoView: true});
  const handled = editor.state.facet(EditorView.inputHandler).some(handle => handle(editor, main.from, main.to, text, insert));
  if (!handled) editor.dispatch(insert());
  return true;
}});

export interface Mark {line: number; column: number; message: string}

// The text is the editor's own once it is there: `value` counts at the start and whenever `turn` changes. Were it
// set at each drawing, a late drawing of an earlier text would undo what was typed since.
export default function Editor({value, turn = 0, change, run, label, schema, mark}: {value: string; turn?: number;
    change: (text: string) => void; run?: () => void; label: string; schema?: Record<string, string[]>; mark?: Mark}) {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | undefined>(undefined);
  const latest = useRef({change, run});
  latest.current = {change, run};
  const tables = JSON.stringify(schema ?? {});
  useEffect(() => {
    const root = box.current!.shadowRoot ?? box.current!.attachShadow({mode: 'open'});
    root.replaceChildren();
    const namespace = schema as SQLNamespace | undefined;
    const editor = new EditorView({
      root, parent: root as unknown as Element,
      state: EditorState.create({doc: view.current?.state.doc ?? value, extensions: [
        lineNumbers(), history(), drawSelection(), highlightActiveLine(), bracketMatching(), closeBrackets(), lintGutter(),
        autocompletion({icons: false, override: [
          ...(namespace ? [schemaCompletionSource({dialect: GOOGLE_SQL, schema: namespace})] : []),
          keywordCompletionSource(GOOGLE_SQL, true)]}),
        sql({dialect: GOOGLE_SQL, schema: namespace, upperCaseKeywords: true}),
        syntaxHighlighting(STYLE), THEME, REPLACING,
        Prec.highest(keymap.of([{key: 'Mod-Enter', run: () => { latest.current.run?.(); return true; }}])),
        keymap.of([...completionKeymap, ...defaultKeymap, ...historyKeymap, indentWithTab]),
        EditorView.contentAttributes.of({'aria-label': label, spellcheck: 'false'}),
        EditorView.updateListener.of(update => { if (update.docChanged) latest.current.change(update.state.doc.toString()); }),
      ]}),
    });
    view.current = editor;
    return () => editor.destroy();
  }, [tables, label]);
  useEffect(() => {
    const editor = view.current!;
    if (editor.state.doc.toString() === value) return;
    editor.dispatch({changes: {from: 0, to: editor.state.doc.length, insert: value}});
  }, [turn]);
  useEffect(() => {
    const editor = view.current!;
    const marks: Diagnostic[] = [];
    if (mark && mark.line <= editor.state.doc.lines) {
      const line = editor.state.doc.line(mark.line);
      const from = Math.min(line.from + mark.column - 1, line.to);
      const word = /^[\w`.]+/.exec(editor.state.sliceDoc(from, line.to))?.[0].length ?? 1;
      marks.push({from, to: Math.min(from + Math.max(word, 1), editor.state.doc.length), severity: 'error', message: mark.message});
    }
    editor.dispatch(setDiagnostics(editor.state, marks));
  }, [mark]);
  return <div class="editor" ref={box} />;
}
