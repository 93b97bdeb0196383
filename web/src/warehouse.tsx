import {lazy, Suspense} from './lazy';
import type {Mark} from './editor';
import {useEffect, useMemo, useRef, useState} from 'preact/hooks';
import {get, Problem, query, useResource, type Result} from './api';
import {RowsChart} from './chart';
import {bytes, count, toCsv} from './format';
import {Act} from './me';
import {download, Empty, Facts, Failure, Field, Loaded, Notice, Tabs, VirtualList} from './parts';
import {place, to} from './route';
import {t} from './text';

const Editor = lazy(() => import('./editor'));

interface Column {name: string; type: string; required: boolean; description?: string}
interface Table {
  name: string; columns: Column[]; partition_unit: string; partition_field: string; clustering: string[]; description: string;
  fed_by_function: boolean; rows?: number; partitions?: {partition_value: string; row_count: number}[];
}
interface Warehouse {project: string; bytes: number; datasets: {name: string; tables: Table[]}[]}
interface Saved {name: string; sql: string}

const SAVED = 'afluente.queries';
const LAST = 'afluente.sql';
const LIMIT = 10_000;

function loadSaved(): Saved[] {
  try {
    return JSON.parse(localStorage.getItem(SAVED) ?? '[]');
  } catch {
    return [];
  }
}

function TableDetail({name}: {name: string}) {
  const table = useResource<Table>(`table ${name}`, signal => get(`/v1/warehouse/table?name=${encodeURIComponent(name)}`, signal));
  return <Loaded of={table}>{value => <details class="about" open>
    <summary><b>{value.name}</b> <span class="quiet">{count(value.rows ?? 0)} {t('rows')}</span></summary>
    {value.description && <p>{value.description}</p>}
    <Facts facts={[[t('Partitions'), value.partition_unit ? `${value.partition_unit} ${value.partition_field || '_PARTITIONTIME'}` : '–'],
      [t('Clustering'), value.clustering.join(', ') || '–']]} />
    <div class="pair">
      <div class="scroll short" tabIndex={0} role="region" aria-label={t('Columns')}><table><thead><tr><th scope="col">{t('Column')}</th><th scope="col">{t('Type')}</th><th scope="col">{t('About')}</th></tr></thead>
        <tbody>{value.columns.map(column => <tr key={column.name}><th scope="row"><code>{column.name}</code></th>
          <td>{column.type}{column.required && <span class="quiet"> {t('required')}</span>}</td><td>{column.description}</td></tr>)}</tbody></table></div>
      {(value.partitions?.length ?? 0) > 0 && <div class="scroll short" tabIndex={0} role="region" aria-label={t('Partitions')}><table><thead><tr><th scope="col">{t('Partition')}</th>
        <th scope="col" class="n">{t('Rows')}</th></tr></thead><tbody>{value.partitions!.map(each => <tr key={String(each.partition_value)}>
          <th scope="row">{String(each.partition_value ?? 'NULL')}</th><td class="n">{count(each.row_count)}</td></tr>)}</tbody></table></div>}
    </div></details>}</Loaded>;
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function ResultTable({result}: {result: Result}) {
  const numeric = result.columns.map(column => /^(INT64|FLOAT64|NUMERIC|BIGNUMERIC)$/.test(column.type));
  const widths = result.columns.map((column, i) => Math.min(36, Math.max(column.name.length, column.type.length,
    ...result.rows.slice(0, 50).map(row => cell(row[result.columns[i].name]).length)) + 2));
  const template = widths.map(width => `minmax(${width}ch, ${width}fr)`).join(' ');
  const minimum = `${widths.reduce((sum, width) => sum + width, 0) + 2}ch`;
  return <div class="result" style={{'--template': template, '--minimum': minimum}}>
    <div class="head line" role="presentation">{result.columns.map((column, i) => <span key={column.name} class={numeric[i] ? 'n' : ''}>
      {column.name}<small>{column.type}</small></span>)}</div>
    <VirtualList items={result.rows} height={26} label={t('Result')} className="grid" render={row =>
      <div class="line">{result.columns.map((column, i) => <span key={column.name} class={numeric[i] ? 'n' : row[column.name] === null ? 'quiet' : ''}
        title={cell(row[column.name])}>{cell(row[column.name])}</span>)}</div>} />
  </div>;
}

function ResultChart({result}: {result: Result}) {
  const numbers = result.columns.filter(column => /^(INT64|FLOAT64|NUMERIC|BIGNUMERIC)$/.test(column.type)).map(column => column.name);
  const [axis, setAxis] = useState(result.columns.find(column => !numbers.includes(column.name))?.name ?? result.columns[0]?.name ?? '');
  const shown = numbers.filter(name => name !== axis);
  const [chosen, setChosen] = useState(shown[0] ?? '');
  const [bars, setBars] = useState(result.rows.length <= 60);
  const data = useMemo(() => {
    const rows = result.rows.slice(0, 5000);
    const numericAxis = numbers.includes(axis);
    return {x: rows.map((row, i) => (numericAxis ? Number(row[axis]) : i)),
      labels: numericAxis ? null : rows.map(row => cell(row[axis])),
      series: [{label: chosen, values: rows.map(row => (row[chosen] === null ? null : Number(row[chosen])))}]};
  }, [result, axis, chosen]);
  if (shown.length === 0) return <Empty>{t('No column of numbers to draw.')}</Empty>;
  return <><div class="inline">
    <Field label={t('Across')}>{id => <select id={id} value={axis} onChange={event => setAxis(event.currentTarget.value)}>
      {result.columns.map(column => <option key={column.name}>{column.name}</option>)}</select>}</Field>
    <Field label={t('Up')}>{id => <select id={id} value={chosen} onChange={event => setChosen(event.currentTarget.value)}>
      {shown.map(name => <option key={name}>{name}</option>)}</select>}</Field>
    <label class="switch"><input type="checkbox" checked={bars} onChange={event => setBars(event.currentTarget.checked)} /> {t('bars')}</label></div>
    <RowsChart x={data.x} labels={data.labels} series={data.series} bars={bars} /></>;
}

function Results({result}: {result: Result}) {
  const [view, setView] = useState('table');
  const summary = result.affected_rows !== undefined ? `${count(result.affected_rows)} ${t('rows changed')}`
    : `${count(result.rows.length)} ${t('rows')}${result.truncated ? ` (${t('more were left out')})` : ''}`;
  return <section class="results" aria-label={t('Result')}>
    <div class="inline"><span role="status">{summary} · {result.milliseconds.toFixed(1)} ms</span>
      {result.columns.length > 0 && <><Tabs label={t('Result')} chosen={view} choose={setView} tabs={[['table', t('Table')], ['chart', t('Chart')]]} />
        <button type="button" class="small" onClick={() => download('result.csv', 'text/csv',
          toCsv(result.columns.map(column => column.name), result.rows))}>{t('Export CSV')}</button></>}</div>
    {result.columns.length > 0 && (view === 'table' ? <ResultTable result={result} /> : <ResultChart result={result} />)}
  </section>;
}

// GoogleSQL's errors end in "at [line:column]".
export function markOf(message: string): Mark | undefined {
  const found = /\[(\d+):(\d+)\]/.exec(message);
  return found ? {line: Number(found[1]), column: Number(found[2]), message} : undefined;
}

interface DryRun {statement_type: string; bytes: number; tables: string[]}

const PAUSE = 600;
const DRY_RUN_MAX = 8_000;  // characters; more does not fit a request's head

// What the statement would read, once its writer pauses; undefined while it is none that can be read.
function useDryRun(sql: string): DryRun | undefined {
  const [found, setFound] = useState<DryRun>();
  useEffect(() => {
    setFound(undefined);
    if (sql.trim() === '' || encodeURIComponent(sql).length > DRY_RUN_MAX) return undefined;
    const abort = new AbortController();
    const timer = window.setTimeout(() => get<DryRun>(`/v1/warehouse/dry-run?sql=${encodeURIComponent(sql)}`, abort.signal)
      .then(setFound, () => undefined), PAUSE);
    return () => { window.clearTimeout(timer); abort.abort(); };
  }, [sql]);
  return found;
}

function Query({schema}: {schema: Record<string, string[]>}) {
  const [sql, setSql] = useState(() => localStorage.getItem(LAST) ?? '');
  const [turn, setTurn] = useState(0);
  const replace = (next: string) => { setSql(next); setTurn(before => before + 1); };
  const [state, setState] = useState<{result?: Result; problem?: Problem; running?: AbortController; cancelled?: boolean}>({});
  const [saved, setSaved] = useState(loadSaved);
  const [name, setName] = useState('');
  const text = useRef(sql);
  text.current = sql;
  const chosen = place.value.part;
  useEffect(() => { if (chosen) replace(`SELECT *\nFROM \`${chosen}\`\nLIMIT 100`); }, [chosen]);
  const scan = useDryRun(sql);
  const run = async () => {
    const abort = new AbortController();
    localStorage.setItem(LAST, text.current);
    setState({running: abort});
    try {
      setState({result: await query(text.current, [], LIMIT, abort.signal)});
    } catch (error) {
      if (abort.signal.aborted) setState({cancelled: true});
      else setState({problem: error as Problem});
    }
  };
  const keep = (queries: Saved[]) => { setSaved(queries); localStorage.setItem(SAVED, JSON.stringify(queries)); };
  const mark = useMemo(() => (state.problem ? markOf(state.problem.message) : undefined), [state.problem]);
  const reads = scan === undefined ? '' : scan.tables.length === 0 ? t('reads no table')
    : `${t('reads at most')} ${bytes(scan.bytes)}`;
  return <>
    <div class="editor-box"><Suspense fallback={<p class="quiet">{t('Loading…')}</p>}>
      <Editor label={t('Statement')} value={sql} turn={turn} change={setSql} run={run} schema={schema} mark={mark} /></Suspense></div>
    <div class="inline">
      {state.running ? <button type="button" class="primary" onClick={() => state.running!.abort()}>{t('Cancel')}</button>
        : <Act role="operate" primary act={run}>{t('Run')} <kbd>Ctrl ↵</kbd></Act>}
      {reads && <span class="quiet scan" role="status">{reads}</span>}
      {saved.length > 0 && <Field label={t('Saved')}>{id => <select id={id} value="" onChange={event => {
        const found = saved.find(each => each.name === event.currentTarget.value);
        if (found) { replace(found.sql); setName(found.name); }
      }}><option value="">{count(saved.length)} {t('saved')}</option>{saved.map(each => <option key={each.name}>{each.name}</option>)}</select>}</Field>}
      <Field label={t('Save as')}>{id => <input id={id} value={name} onInput={event => setName(event.currentTarget.value)} />}</Field>
      <button type="button" disabled={name.trim() === ''} onClick={() =>
        keep([...saved.filter(each => each.name !== name.trim()), {name: name.trim(), sql}].slice(-100))}>{t('Save')}</button>
      {saved.some(each => each.name === name.trim()) && <button type="button" onClick={() => keep(saved.filter(each => each.name !== name.trim()))}>{t('Forget')}</button>}
    </div>
    {state.running && <p class="quiet" role="status">{t('Running…')}</p>}
    {state.cancelled && <Notice text={t('Cancelled.')} />}
    {state.problem && <Failure problem={state.problem} />}
    {state.result && <Results result={state.result} />}
  </>;
}

export function WarehousePage() {
  const warehouse = useResource<Warehouse>('warehouse', signal => get('/v1/warehouse', signal), 30_000);
  const chosen = place.value.part;
  const schema = useMemo(() => {
    const names: Record<string, string[]> = {};
    for (const dataset of warehouse.value?.datasets ?? [])
      for (const table of dataset.tables) names[table.name] = table.columns.map(column => column.name);
    return names;
  }, [warehouse.value && JSON.stringify(warehouse.value.datasets)]);
  return <div class="split">
    <aside class="side"><Loaded of={warehouse}>{value => <>
      <p class="quiet">{value.project} · {bytes(value.bytes)}</p>
      {value.datasets.map(dataset => <div key={dataset.name} class="dataset"><h2>{dataset.name}</h2>
        <ul class="plain">{dataset.tables.map(table => <li key={table.name}>
          <a class="row" href={to('warehouse', table.name)} aria-current={table.name === chosen ? 'true' : undefined}>
            <b>{table.name.split('.')[1]}</b><span>{count(table.columns.length)} {t('columns')}</span></a></li>)}</ul></div>)}
    </>}</Loaded></aside>
    <div class="detail">
      <h1>{t('Warehouse')}</h1>
      {chosen && <TableDetail key={chosen} name={chosen} />}
      <Query schema={schema} />
    </div>
  </div>;
}
