import {useEffect, useMemo, useRef, useState} from 'preact/hooks';
import {get, useResource} from './api';
import {LiveChart} from './chart';
import {bytes, compact, count, duration, rate} from './format';
import {now, second, values} from './live';
import {Empty, Failure, Loaded, Panel} from './parts';
import {to} from './route';
import {t} from './text';

export interface FunctionPart {
  name: string;
  topic: string;
  filter: string;
  table: string;
  dead_letter_table: string;
  dead_letter_topic: string;
  transform: string;
  transform_file: string;
  transform_text: string;
}

export interface Pipeline {
  project: string;
  sources: {name: string; kind: string; topics: string[] | null}[];
  topics: {name: string; declared: boolean}[];
  other_topics: number;
  subscriptions: {name: string; topic: string; kind: string; to: string}[];
  functions: FunctionPart[];
  tables: {name: string}[];
  endpoints: {path: string; summary: string; tables: string[]}[];
}

export function usePipeline() {
  return useResource<Pipeline>('pipeline', signal => get('/v1/pipeline', signal), 10_000);
}

// How many dead letters of each function wait for somebody.
export function useDeadLetters(pipeline: Pipeline | undefined) {
  return useResource<Map<string, number>>(`letters ${pipeline?.project}`, async signal =>
    new Map(Object.entries(await get<Record<string, number>>('/v1/dead-letters/counts', signal))), 5_000);
}

type Level = 'bad' | 'warn' | '';
interface Node {id: string; column: number; title: string; line: string; href: string; level: Level; kind: string}
interface Edge {from: string; to: string; label: string; active: boolean; level: Level}
interface Trouble {level: Level; text: string; href: string}

const LATE_SECONDS = 60;
const WAITS_SECONDS = 600;

function functionLevel(name: string, letters: number): Level {
  if (letters > 0 || now(`function/${name}/dead_lettered`) > 0) return 'bad';
  return now(`function/${name}/age`) > LATE_SECONDS ? 'warn' : '';
}

function nodesOf(pipeline: Pipeline, letters: Map<string, number>): Node[] {
  const nodes: Node[] = [];
  for (const source of pipeline.sources) {
    nodes.push({id: `source ${source.name}`, column: 0, title: source.name, kind: t('source'), href: to('topics'), level: '',
      line: rate(now(`source/${source.kind}/rate`))});
  }
  for (const topic of pipeline.topics) {
    nodes.push({id: `topic ${topic.name}`, column: 1, title: topic.name, kind: t('topic'), href: to('topics', topic.name),
      level: '', line: rate(now(`topic/${topic.name}/rate`))});
  }
  if (pipeline.other_topics > 0) {
    nodes.push({id: 'topic others', column: 1, title: `+ ${count(pipeline.other_topics)}`, kind: t('more topics'),
      href: to('topics'), level: '', line: ''});
  }
  for (const each of pipeline.functions) {
    const name = each.name;
    const dead = letters.get(name) ?? 0;
    const late = now(`function/${name}/age`);
    nodes.push({id: `function ${name}`, column: 2, title: name, kind: t('function'), href: to('functions', name),
      level: functionLevel(name, dead),
      line: dead > 0 ? `${compact(dead)} ${t('dead letters')}`
        : `${compact(now(`function/${name}/backlog`))} ${t('pending')} · ${duration(late)}`});
  }
  for (const each of pipeline.subscriptions) {
    const age = now(`subscription/${each.name}/age`);
    const forward = each.kind === 'forward';
    nodes.push({id: `subscription ${each.name}`, column: 2, title: forward ? `→ ${each.to}` : each.name,
      kind: forward ? t('forward') : t('subscription'),
      href: to('topics', each.topic), level: age > WAITS_SECONDS ? 'warn' : '',
      line: forward && age === 0 ? rate(now(`subscription/${each.name}/acked`))
        : `${compact(now(`subscription/${each.name}/backlog`))} ${t('pending')} · ${duration(age)}`});
  }
  for (const table of pipeline.tables) {
    const rows = pipeline.functions.filter(each => each.table === table.name)
      .reduce((sum, each) => sum + now(`function/${each.name}/rows`), 0);
    nodes.push({id: `table ${table.name}`, column: 3, title: table.name, kind: t('table'), href: to('warehouse', table.name),
      level: '', line: `${compact(rows)} ${t('rows/s')}`});
  }
  for (const each of pipeline.endpoints) {
    const slow = values.get(`endpoint/${each.path}/p99`);
    nodes.push({id: `endpoint ${each.path}`, column: 4, title: each.path, kind: t('endpoint'), href: to('api', each.path),
      level: now(`endpoint/${each.path}/errors`) > 0 ? 'bad' : '',
      line: `${rate(now(`endpoint/${each.path}/rate`))}${slow === undefined ? '' : ` · p99 ${duration(slow)}`}`});
  }
  return nodes;
}

function edgesOf(pipeline: Pipeline, letters: Map<string, number>): Edge[] {
  const edges: Edge[] = [];
  const add = (from: string, target: string, label: string, active: boolean, level: Level = '') =>
    edges.push({from, to: target, label, active, level});
  for (const topic of pipeline.topics) {
    const speed = now(`topic/${topic.name}/rate`);
    for (const source of pipeline.sources.filter(each => each.topics === null || each.topics.includes(topic.name))) {
      const active = speed > 0 && now(`source/${source.kind}/rate`) > 0;
      add(`source ${source.name}`, `topic ${topic.name}`, active ? rate(speed) : '', active);
    }
  }
  for (const each of pipeline.functions) {
    const stored = now(`function/${each.name}/stored`);
    const failed = now(`function/${each.name}/dead_lettered`);
    const all = stored + failed + now(`function/${each.name}/dropped`);
    add(`topic ${each.topic}`, `function ${each.name}`, all > 0 ? rate(all) : '', all > 0,
      functionLevel(each.name, letters.get(each.name) ?? 0) === 'warn' ? 'warn' : '');
    if (each.table) add(`function ${each.name}`, `table ${each.table}`, stored > 0 ? rate(stored) : '', stored > 0,
      failed > 0 ? 'bad' : '');
  }
  for (const each of pipeline.subscriptions) {
    const sent = now(`subscription/${each.name}/sent`);
    add(`topic ${each.topic}`, `subscription ${each.name}`, sent > 0 ? rate(sent) : '', sent > 0);
  }
  for (const each of pipeline.endpoints) {
    const speed = now(`endpoint/${each.path}/rate`);
    for (const table of each.tables)
      add(`table ${table}`, `endpoint ${each.path}`, speed > 0 ? rate(speed) : '', speed > 0,
        now(`endpoint/${each.path}/errors`) > 0 ? 'bad' : '');
  }
  return edges;
}

const NODE_HEIGHT = 46;
const NODE_GAP = 10;
const HEAD = 26;

// Each column in the order of what feeds it, so that few arrows cross.
function arrange(nodes: Node[], edges: Edge[]): Map<string, {column: number; y: number}> {
  const places = new Map<string, {column: number; y: number}>();
  const columns = [0, 1, 2, 3, 4].map(column => nodes.filter(node => node.column === column));
  const tallest = Math.max(...columns.map(column => column.length));
  const pitch = NODE_HEIGHT + NODE_GAP;
  for (const column of columns) {
    const weight = (node: Node) => {
      const from = edges.filter(edge => edge.to === node.id).map(edge => places.get(edge.from)?.y).filter(y => y !== undefined);
      return from.length ? from.reduce((sum, y) => sum + y, 0) / from.length : Number.MAX_SAFE_INTEGER;
    };
    const ordered = column.map(node => ({node, weight: weight(node)})).sort((a, b) => a.weight - b.weight);
    const offset = HEAD + ((tallest - column.length) * pitch) / 2;
    ordered.forEach(({node}, i) => places.set(node.id, {column: node.column, y: offset + i * pitch}));
  }
  return places;
}

function Picture({pipeline, letters}: {pipeline: Pipeline; letters: Map<string, number>}) {
  void second.value;
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(1000);
  useEffect(() => {
    const element = box.current!;
    const padding = 28;
    const observer = new ResizeObserver(() => setWidth(Math.max(760, element.clientWidth - padding)));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const nodes = nodesOf(pipeline, letters);
  const edges = edgesOf(pipeline, letters);
  const shape = nodes.map(node => node.id).join('\n');
  const places = useMemo(() => arrange(nodes, edges), [shape]);
  const gap = Math.max(46, width * 0.07);
  // Endpoints have the longest names.
  const unit = (width - 4 * gap) / 5.5;
  const widthOf = (column: number) => (column === 4 ? unit * 1.5 : unit);
  const left = (column: number) => column * (unit + gap);
  const height = Math.max(...[...places.values()].map(each => each.y)) + NODE_HEIGHT + 4;
  const heads = [t('Sources'), t('Topics'), t('Functions'), t('Tables'), t('Endpoints')];
  return <div class="picture" ref={box}><div class="canvas" style={{height: `${height}px`, width: `${width}px`}}>
    {heads.map((head, i) => <h3 key={head} style={{left: `${left(i)}px`}}>{head}</h3>)}
    <svg width={width} height={height} aria-hidden="true">
      {edges.map(edge => {
        const from = places.get(edge.from);
        const target = places.get(edge.to);
        if (!from || !target) return null;
        const x1 = left(from.column) + widthOf(from.column);
        const x2 = left(target.column);
        const y1 = from.y + NODE_HEIGHT / 2;
        const y2 = target.y + NODE_HEIGHT / 2;
        const bend = (x2 - x1) * 0.5;
        return <path key={`${edge.from}>${edge.to}`} class={`edge ${edge.active ? 'active' : ''} ${edge.level}`}
          d={`M${x1},${y1} C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2 - 2},${y2}`} />;
      })}
    </svg>
    {nodes.map(node => {
      const at = places.get(node.id);
      if (!at) return null;
      return <a key={node.id} class={`node ${node.level}`} href={node.href} title={node.title}
        style={{left: `${left(at.column)}px`, top: `${at.y}px`, width: `${widthOf(at.column)}px`, height: `${NODE_HEIGHT}px`}}>
        <span class="sr">{node.kind} </span><b>{node.title}</b><span>{node.line || ' '}</span></a>;
    })}
  </div></div>;
}

function troublesOf(pipeline: Pipeline, letters: Map<string, number>): Trouble[] {
  const troubles: Trouble[] = [];
  for (const each of pipeline.functions) {
    const dead = letters.get(each.name) ?? 0;
    if (dead > 0)
      troubles.push({level: 'bad', href: to('functions', each.name),
        text: `${each.name}: ${count(dead)} ${dead === 1 ? t('message failed and waits') : t('messages failed and wait')}`});
    const late = now(`function/${each.name}/age`);
    if (late > LATE_SECONDS)
      troubles.push({level: 'warn', href: to('functions', each.name),
        text: `${each.name}: ${t('behind by')} ${duration(late)}, ${count(now(`function/${each.name}/backlog`))} ${t('pending')}`});
  }
  for (const each of pipeline.subscriptions) {
    const age = now(`subscription/${each.name}/age`);
    if (age > WAITS_SECONDS)
      troubles.push({level: 'warn', href: to('topics', each.topic),
        text: `${each.name}: ${t('nobody took a message for')} ${duration(age)}`});
  }
  for (const each of pipeline.endpoints) {
    const errors = now(`endpoint/${each.path}/errors`);
    if (errors > 0)
      troubles.push({level: 'bad', href: to('api', each.path), text: `${each.path}: ${rate(errors)} ${t('errors')}`});
  }
  const free = values.get('system/disk_free');
  if (free !== undefined && free < 2 ** 30)
    troubles.push({level: 'bad', href: to('system'), text: `${t('Free disk')}: ${bytes(free)}`});
  return troubles;
}

function Troubles({pipeline, letters}: {pipeline: Pipeline; letters: Map<string, number>}) {
  void second.value;
  const troubles = troublesOf(pipeline, letters);
  return <Panel title={t('What needs you')} className="troubles">
    {troubles.length === 0 ? <Empty>{t('Nothing: every part keeps up and nothing failed.')}</Empty>
      : <ul>{troubles.map(each => <li key={each.text} class={each.level}><a href={each.href}>{each.text}</a></li>)}</ul>}
  </Panel>;
}

export function PipelinePage() {
  const pipeline = usePipeline();
  const letters = useDeadLetters(pipeline.value);
  return <>
    <h1>{t('Pipeline')} {pipeline.value && <small>{pipeline.value.project}</small>}</h1>
    <Loaded of={pipeline}>{value => <>
      <Picture pipeline={value} letters={letters.value ?? new Map()} />
      <div class="columns">
        <Troubles pipeline={value} letters={letters.value ?? new Map()} />
        <LiveChart title={t('Published')} format={rate}
          lines={[{name: 'pubsub/rate', label: t('messages'), color: '--c1'}]} />
        <LiveChart title={t('Rows')} format={rate} lines={value.functions.slice(0, 5).map((each, i) =>
          ({name: `function/${each.name}/rows`, label: each.name, color: `--c${i + 1}`}))} />
        <LiveChart title={t('Commit p99')} format={duration} lines={value.functions.slice(0, 5).map((each, i) =>
          ({name: `function/${each.name}/commit/p99`, label: each.name, color: `--c${i + 1}`}))} />
      </div>
    </>}</Loaded>
    {letters.problem && letters.problem.status !== 0 && <Failure problem={letters.problem} />}
  </>;
}
