import {lazy, Suspense} from './lazy';
import {useState} from 'preact/hooks';
import {get, peek, post, Problem, useResource, type Row} from './api';
import {LiveChart} from './chart';
import {compact, count, decodeBytes, decodeText, duration, encodeText, rate, time} from './format';
import {now, second, values} from './live';
import {Act} from './me';
import {DataView, Empty, Facts, Failure, Field, Loaded, Notice, Panel, Tabs} from './parts';
import {useDeadLetters, usePipeline, type FunctionPart} from './pipeline';
import {place, to} from './route';
import {t} from './text';

const Editor = lazy(() => import('./editor'));

interface Retried {outcomes: {id: string; outcome: string; rows: number; error: string}[]}

interface Balance {
  name: string; published: number; stored: number; dropped: number; dead_lettered: number; pending: number; rows: number;
  balanced: boolean;
}

function FunctionTable({functions, letters}: {functions: FunctionPart[]; letters: Map<string, number>}) {
  void second.value;
  return <div class="scroll" tabIndex={0} role="region" aria-label={t('Functions')}><table class="rows"><thead><tr><th scope="col">{t('Function')}</th><th scope="col">{t('Topic')}</th><th scope="col">{t('Table')}</th>
    <th scope="col" class="n">{t('Stored')}</th><th scope="col" class="n">{t('Dropped')}</th><th scope="col" class="n">{t('Failed')}</th>
    <th scope="col" class="n">{t('Pending')}</th><th scope="col" class="n">{t('Behind')}</th><th scope="col" class="n">{t('Commit p99')}</th>
    <th scope="col" class="n">{t('Dead letters')}</th></tr></thead>
  <tbody>{functions.map(each => {
    const dead = letters.get(each.name) ?? 0;
    const at = `function/${each.name}`;
    const p99 = values.get(`${at}/commit/p99`);
    return <tr key={each.name} aria-current={place.value.part === each.name ? 'true' : undefined}>
      <th scope="row"><a href={to('functions', each.name)}>{each.name}</a></th>
      <td><a href={to('topics', each.topic)}>{each.topic}</a></td><td><a href={to('warehouse', each.table)}>{each.table}</a></td>
      <td class="n">{rate(now(`${at}/stored`))}</td><td class="n">{rate(now(`${at}/dropped`))}</td>
      <td class={now(`${at}/dead_lettered`) > 0 ? 'n bad' : 'n'}>{rate(now(`${at}/dead_lettered`))}</td>
      <td class="n">{compact(now(`${at}/backlog`))}</td>
      <td class={now(`${at}/age`) > 60 ? 'n warn' : 'n'}>{duration(now(`${at}/age`))}</td>
      <td class="n">{p99 === undefined ? '–' : duration(p99)}</td>
      <td class={dead > 0 ? 'n bad' : 'n'}>{count(dead)}</td></tr>;
  })}</tbody></table></div>;
}

function BalancePanel({name}: {name: string}) {
  const [balance, setBalance] = useState<Balance>();
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const check = async () => {
    setBusy(true);
    setProblem(undefined);
    try {
      setBalance((await get<{functions: Balance[]}>('/v1/check')).functions.find(each => each.name === name));
    } catch (error) {
      setProblem(error as Problem);
    }
    setBusy(false);
  };
  return <Panel title={t('Balance')} actions={<button type="button" class="small" disabled={busy} onClick={check}>{busy ? t('Counting…') : t('Count now')}</button>}>
    {problem && <Failure problem={problem} />}
    {!balance ? <Empty>{t('Counts the journal, the table and the counters independently: every published message has one outcome.')}</Empty>
      : <><Facts facts={[[t('Published'), count(balance.published)], [t('Stored'), count(balance.stored)],
        [t('Dropped'), count(balance.dropped)], [t('Dead letters'), count(balance.dead_lettered)],
        [t('Pending'), count(balance.pending)], [t('Rows'), count(balance.rows)]]} />
      <Notice bad={!balance.balanced} text={balance.balanced ? t('Balanced: nothing is lost.') : t('Not balanced: some messages have no outcome or two.')} /></>}
  </Panel>;
}

function Letter({letter, name, done}: {letter: Row; name: string; done: (said: string) => void}) {
  const [open, setOpen] = useState(false);
  const bytes = decodeBytes(String(letter.data));
  const text = decodeText(bytes);
  const [edited, setEdited] = useState(text ?? '');
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const id = String(letter.message_id);
  const retry = async () => {
    setBusy(true);
    setProblem(undefined);
    try {
      const changed = text !== undefined && edited !== text;
      const answer = await post<Retried>(`/v1/functions/${encodeURIComponent(name)}/dead-letters/retry`,
        {messages: [{id, ...(changed ? {data: btoa(encodeText(edited))} : {})}]});
      const [outcome] = answer.outcomes;
      if (outcome?.error) setProblem(new Problem(409, outcome.error));
      else done(`${id}: ${t('retried')}, ${t(outcome?.outcome ?? '')}`);
    } catch (error) {
      setProblem(error as Problem);
    }
    setBusy(false);
  };
  return <li class="message">
    <button type="button" class="line" aria-expanded={open} onClick={() => setOpen(!open)}>
      <time>{time(String(letter.failed_at))}</time><span class="tags"><i>{id}</i></span><code>{String(letter.error)}</code></button>
    {open && <div class="opened">
      <Facts facts={[[t('Message'), <a href={to('message', id)}>{id}</a>], [t('Published'), String(letter.publish_time)],
        [t('Attempts'), String(letter.attempts)], [t('Attributes'), <code>{String(letter.attributes)}</code>]]} />
      <p class="failure">{String(letter.error)}</p>
      {text === undefined ? <DataView base64={String(letter.data)} />
        : <Field label={t('Data')} hint={t('change it, then retry')}>{field => <textarea id={field} rows={6} spellcheck={false} value={edited}
          onInput={event => setEdited(event.currentTarget.value)} />}</Field>}
      {problem && <Failure problem={problem.status === 404 ? new Problem(404, t('This instance cannot retry dead letters.')) : problem} />}
      <div class="inline"><Act role="operate" primary busy={busy} act={retry}>
        {edited !== text && text !== undefined ? t('Retry with this data') : t('Retry')}</Act></div>
    </div>}
  </li>;
}

function DeadLetters({of}: {of: FunctionPart}) {
  const of_function = `function=${encodeURIComponent(of.name)}`;
  const groups = useResource(`groups ${of.name}`, signal => get<{rows: Row[]}>(`/v1/dead-letters/reasons?${of_function}`, signal), 4_000);
  const [reason, setReason] = useState<string>();
  const letters = useResource(`letters ${of.name} ${reason}`, async signal => (reason === undefined ? undefined
    : get<{rows: Row[]}>(`/v1/dead-letters?${of_function}&reason=${encodeURIComponent(reason)}`, signal)));
  const [said, setSaid] = useState('');
  const [problem, setProblem] = useState<Problem>();
  const done = (text: string) => { setSaid(text); letters.reload(); groups.reload(); };
  const retryAll = async (ids: string[]) => {
    setProblem(undefined);
    try {
      const answer = await post<Retried>(`/v1/functions/${encodeURIComponent(of.name)}/dead-letters/retry`,
        {messages: ids.map(id => ({id}))});
      const failed = answer.outcomes.filter(each => each.error !== '').length;
      done(`${count(ids.length)} ${t('retried')}, ${count(failed)} ${t('failed again')}`);
    } catch (error) {
      const failed = error as Problem;
      setProblem(failed.status === 404 ? new Problem(404, t('This instance cannot retry dead letters.')) : failed);
    }
  };
  return <>
    {said && <Notice text={said} />}
    {problem && <Failure problem={problem} />}
    <Loaded of={groups}>{value => value.rows.length === 0 ? <Empty>{t('No dead letter waits.')}</Empty>
      : <ul class="reasons">{value.rows.map(row => <li key={String(row.reason)}>
        <button type="button" aria-expanded={reason === row.reason} onClick={() => setReason(reason === row.reason ? undefined : String(row.reason))}>
          <b>{count(Number(row.n))}</b><span>{String(row.reason)}</span><time>{t('last')} {time(String(row.last))}</time></button>
        {reason === row.reason && <Loaded of={letters}>{found => found === undefined ? null : <>
          <div class="inline"><Act role="operate" act={() => retryAll(found.rows.map(each => String(each.message_id)))}>
            {t('Retry these')} ({count(found.rows.length)})</Act></div>
          <ul class="messages">{found.rows.map(each =>
            <Letter key={String(each.message_id)} letter={each} name={of.name} done={done} />)}</ul></>}</Loaded>}
      </li>)}</ul>}</Loaded>
  </>;
}

interface DryRun {
  messages: {message_id: string; outcome: string; error: string; rows: Row[]; stored: Row[]; changed: boolean}[];
  changed: number;
}

// A column's value before and after, where they differ.
function RowsDiff({before, after}: {before: Row[]; after: Row[]}) {
  const rows = Array.from({length: Math.max(before.length, after.length)}, (_, i) => i);
  return <table class="diff"><thead><tr><th scope="col">{t('Column')}</th><th scope="col">{t('Stored now')}</th>
    <th scope="col">{t('It would be')}</th></tr></thead><tbody>{rows.flatMap(i =>
    [...new Set([...Object.keys(before[i] ?? {}), ...Object.keys(after[i] ?? {})])].map(name => {
      const old = before[i] === undefined ? '–' : JSON.stringify(before[i][name]);
      const next = after[i] === undefined ? '–' : JSON.stringify(after[i][name]);
      return old === next ? null : <tr key={`${i} ${name}`}><th scope="row"><code>{name}</code></th><td><code>{old}</code></td>
        <td><code class="changed">{next}</code></td></tr>;
    }))}</tbody></table>;
}

// What another transform would make of retained messages; nothing is stored.
function TryTransform({of}: {of: FunctionPart}) {
  const [text, setText] = useState(of.transform_text);
  const [script, setScript] = useState(false);
  const [answer, setAnswer] = useState<{value?: DryRun; problem?: Problem; busy?: boolean}>({});
  const run = async () => {
    setAnswer({busy: true});
    try {
      const topic = await get<{published: number; retained: number}>(`/v1/topic?name=${encodeURIComponent(of.topic)}`);
      const first = Math.max(1, topic.published - Math.min(topic.retained, 200) + 1);
      const body = {...(text.trim() ? {[script ? 'javascript' : 'sql']: text} : {}), from: first, limit: 200};
      setAnswer({value: await post<DryRun>(`/v1/functions/${encodeURIComponent(of.name)}/dry-run`, body)});
    } catch (error) {
      const failed = error as Problem;
      setAnswer({problem: failed.status === 404 ? new Problem(404, t('This instance cannot try a transform.')) : failed});
    }
  };
  const changed = answer.value?.messages.filter(each => each.changed) ?? [];
  return <div class="stack">
    <p class="quiet">{of.transform_file || t('Messages are stored by column name; a transform can be tried all the same.')}</p>
    <div class="editor-box"><Suspense fallback={<p class="quiet">{t('Loading…')}</p>}>
      <Editor label={t('Transform')} value={text} change={setText} run={run} /></Suspense></div>
    <div class="inline"><Act role="operate" primary busy={answer.busy} act={run}>{t('Try on retained messages')}</Act>
      <label class="switch"><input type="checkbox" checked={script} onChange={event => setScript(event.currentTarget.checked)} /> JavaScript</label>
      <span class="quiet">{t('Nothing is stored.')}</span></div>
    {answer.problem && <Failure problem={answer.problem} />}
    {answer.value && <p role="status">{count(answer.value.changed)} {t('of')} {count(answer.value.messages.length)} {t('messages would change')}</p>}
    {changed.length > 0 && <ul class="plain steps">{changed.slice(0, 50).map(each => <li key={each.message_id} class={`step ${each.outcome === 'failed' ? 'bad' : ''}`}>
      <p><a href={to('message', each.message_id)}>{each.message_id}</a> {t(each.outcome)}</p>
      {each.error && <p class="failure">{each.error}</p>}
      {(each.rows.length > 0 || each.stored.length > 0) && <RowsDiff before={each.stored} after={each.rows} />}</li>)}</ul>}
  </div>;
}

function Recent({of}: {of: FunctionPart}) {
  const topic = useResource<{published: number}>(`topic ${of.topic}`, signal => get(`/v1/topic?name=${encodeURIComponent(of.topic)}`, signal));
  const messages = useResource(`recent ${of.topic} ${topic.value?.published}`, async () => (topic.value === undefined ? undefined
    : peek(of.topic, {limit: 50, after: Math.max(0, topic.value.published - 50), filter: of.filter})));
  return <Loaded of={messages}>{value => value === undefined || value.messages.length === 0 ? <Empty>{t('No retained message here.')}</Empty>
    : <ul class="plain">{value.messages.toReversed().map(each => <li key={each.message_id}>
      <a href={to('message', each.message_id)}>{each.message_id}</a> <span class="quiet">{time(each.publish_time)}</span></li>)}</ul>}</Loaded>;
}

function FunctionDetail({of}: {of: FunctionPart}) {
  const [tab, setTab] = useState('letters');
  return <>
    <h2 class="name">{of.name}</h2>
    <Facts facts={[[t('Topic'), <a href={to('topics', of.topic)}>{of.topic}</a>], [t('Filter'), of.filter ? <code>{of.filter}</code> : '–'],
      [t('Transform'), of.transform], [t('Table'), <a href={to('warehouse', of.table)}>{of.table}</a>],
      [t('Dead letters'), of.dead_letter_topic ? `${of.dead_letter_table}, ${of.dead_letter_topic}` : of.dead_letter_table]]} />
    <div class="columns">
      <LiveChart title={t('Outcomes')} format={rate} lines={[
        {name: `function/${of.name}/stored`, label: t('stored'), color: '--c1'},
        {name: `function/${of.name}/dropped`, label: t('dropped'), color: '--c2'},
        {name: `function/${of.name}/dead_lettered`, label: t('failed'), color: '--bad'}]} />
      <LiveChart title={t('Pending')} format={compact} lines={[{name: `function/${of.name}/backlog`, label: t('messages'), color: '--c1'}]} />
      <BalancePanel name={of.name} />
    </div>
    <Tabs label={of.name} chosen={tab} choose={setTab}
      tabs={[['letters', t('Dead letters')], ['transform', t('Transform')], ['recent', t('Follow a message')]]} />
    <div role="tabpanel" aria-label={tab}>
      {tab === 'letters' && <DeadLetters of={of} />}
      {tab === 'transform' && <TryTransform of={of} />}
      {tab === 'recent' && <Recent of={of} />}
    </div>
  </>;
}

export function FunctionsPage() {
  const pipeline = usePipeline();
  const letters = useDeadLetters(pipeline.value);
  return <>
    <h1>{t('Functions')}</h1>
    <Loaded of={pipeline}>{value => {
      const chosen = value.functions.find(each => each.name === place.value.part)
        ?? (value.functions.length === 1 ? value.functions[0] : undefined);
      return value.functions.length === 0 ? <Empty>{t('The specification has no function.')}</Empty> : <>
        <FunctionTable functions={value.functions} letters={letters.value ?? new Map()} />
        {chosen ? <FunctionDetail key={chosen.name} of={chosen} /> : <Empty>{t('Choose a function to see its outcomes and dead letters.')}</Empty>}</>;
    }}</Loaded>
  </>;
}
