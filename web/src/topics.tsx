import {useState} from 'preact/hooks';
import {get, peek, post, Problem, useResource, type Message} from './api';
import {LiveChart} from './chart';
import {compact, count, decodeBytes, decodeText, duration, rate, time} from './format';
import {second, values} from './live';
import {Act} from './me';
import {DataView, Dialog, Empty, Facts, Failure, Field, Loaded, Notice, Panel, Tabs, VirtualList} from './parts';
import {place, to} from './route';
import {t} from './text';

interface TopicLine {name: string; published: number; retained: number}
interface Subscription {
  name: string; kind: string; filter: string; backlog: number; outstanding: number; oldest_age_seconds: number;
  ack_deadline_seconds: number; ordered: boolean; exactly_once: boolean; detached: boolean; to?: string;
}
interface Topic {
  name: string; published: number; retained: number; schema?: string; message_retention_seconds?: number;
  subscriptions: Subscription[]; snapshots: {name: string; expire_time: string}[]; functions: string[];
}

const PAGE = 50;

function TopicList({chosen}: {chosen: string}) {
  const list = useResource<{topics: TopicLine[]; all: number}>('topics', signal => get('/v1/topics', signal), 5_000);
  const [search, setSearch] = useState('');
  void second.value;
  return <aside class="side">
    <Field label={t('Topics')} hint={list.value ? count(list.value.all) : ''}>{id =>
      <input id={id} type="search" value={search} placeholder={t('Search')} onInput={event => setSearch(event.currentTarget.value)} />}</Field>
    <Loaded of={list}>{value => {
      const shown = value.topics.filter(topic => topic.name.toLowerCase().includes(search.toLowerCase()));
      return shown.length === 0 ? <Empty>{t('No topic of that name.')}</Empty>
        : <VirtualList items={shown} height={36} label={t('Topics')} render={topic =>
          <a class="row" href={to('topics', topic.name)} aria-current={topic.name === chosen ? 'true' : undefined}>
            <b>{topic.name}</b><span>{rate(values.get(`topic/${topic.name}/rate`) ?? 0)} · {compact(topic.retained)}</span></a>} />;
    }}</Loaded>
  </aside>;
}

export function preview(base64: string): string {
  const data = decodeBytes(base64.slice(0, 400));
  const text = decodeText(data) ?? decodeText(data.slice(0, data.length - 3));
  return text?.replace(/\s+/g, ' ') ?? `${data.length} ${t('bytes')}`;
}

function MessageRow({message}: {message: Message}) {
  const [open, setOpen] = useState(false);
  const attributes = Object.entries(message.attributes);
  return <li class="message">
    <button type="button" class="line" aria-expanded={open} onClick={() => setOpen(!open)}>
      <time>{time(message.publish_time)}</time>
      <span class="tags">{attributes.slice(0, 3).map(([key, value]) => <i key={key}>{key}={value}</i>)}</span>
      <code>{preview(message.data)}</code>
    </button>
    {open && <div class="opened">
      <Facts facts={[[t('Message'), <a href={to('message', message.message_id)}>{message.message_id}</a>],
        [t('Published'), message.publish_time], ...(message.ordering_key ? [[t('Ordering key'), message.ordering_key] as [string, string]] : []),
        ...attributes.map(([key, value]) => [key, value] as [string, string])]} />
      <DataView base64={message.data} />
    </div>}
  </li>;
}

// Messages newest first, page by page back.
function Messages({topic}: {topic: Topic}) {
  const [filter, setFilter] = useState('');
  const [asked, setAsked] = useState('');
  const [since, setSince] = useState('');
  const [contains, setContains] = useState('');
  const [back, setBack] = useState(0);
  const after = Math.max(0, topic.published - PAGE * (back + 1));
  const found = useResource(`peek ${topic.name} ${asked} ${since} ${after}`, () => peek(topic.name,
    since ? {limit: PAGE, since: new Date(since + 'Z').toISOString(), filter: asked}
      : {limit: asked ? 1000 : PAGE, after: asked ? 0 : after, filter: asked}));
  return <>
    <form class="inline" onSubmit={event => { event.preventDefault(); setAsked(filter); found.reload(); }}>
      <Field label={t('Attribute filter')}>{id => <input id={id} value={filter} placeholder='attributes.kind = "flight"'
        onInput={event => setFilter(event.currentTarget.value)} />}</Field>
      <Field label={t('Since (UTC)')}>{id => <input id={id} type="datetime-local" value={since}
        onInput={event => setSince(event.currentTarget.value)} />}</Field>
      <Field label={t('Contains')}>{id => <input id={id} value={contains} onInput={event => setContains(event.currentTarget.value)} />}</Field>
      <button type="submit">{t('Look')}</button>
    </form>
    <Loaded of={found}>{value => {
      const shown = value.messages.filter(message => contains === '' || preview(message.data).includes(contains)
        || message.message_id.includes(contains)).reverse();
      return shown.length === 0 ? <Empty>{t('No retained message here.')}</Empty>
        : <ul class="messages">{shown.map(message => <MessageRow key={message.message_id} message={message} />)}</ul>;
    }}</Loaded>
    {!asked && !since && <div class="inline">
      <button type="button" disabled={after === 0} onClick={() => setBack(back + 1)}>{t('Older')}</button>
      <button type="button" disabled={back === 0} onClick={() => setBack(back - 1)}>{t('Newer')}</button>
      <span class="quiet">{t('None of them is consumed by looking.')}</span></div>}
  </>;
}

function Publish({topic, done}: {topic: string; done: () => void}) {
  const [data, setData] = useState('{\n  \n}');
  const [attributes, setAttributes] = useState('');
  const [key, setKey] = useState('');
  const [answer, setAnswer] = useState<{id?: string; problem?: Problem}>({});
  const send = async (event: Event) => {
    event.preventDefault();
    const pairs: Record<string, string> = {};
    for (const line of attributes.split('\n')) {
      const [name, ...value] = line.split('=');
      if (name.trim()) pairs[name.trim()] = value.join('=').trim();
    }
    try {
      const body = {topic, data, attributes: pairs, ...(key ? {ordering_key: key} : {})};
      setAnswer({id: (await post<{message_id: string}>('/v1/topic/publish', body)).message_id});
      done();
    } catch (problem) {
      setAnswer({problem: problem as Problem});
    }
  };
  return <form class="stack" onSubmit={send}>
    <Field label={t('Data')}>{id => <textarea id={id} rows={8} value={data} spellcheck={false}
      onInput={event => setData(event.currentTarget.value)} />}</Field>
    <div class="pair">
      <Field label={t('Attributes')} hint={t('key=value, one a line')}>{id => <textarea id={id} rows={3} value={attributes} spellcheck={false}
        onInput={event => setAttributes(event.currentTarget.value)} />}</Field>
      <Field label={t('Ordering key')}>{id => <input id={id} value={key} onInput={event => setKey(event.currentTarget.value)} />}</Field>
    </div>
    <div class="inline"><Act role="publish" primary>{t('Publish')}</Act>
      {answer.id && <p class="notice" role="status">{t('Published as')} <a href={to('message', answer.id)}>{answer.id}</a></p>}
      {answer.problem && <Failure problem={answer.problem} />}</div>
  </form>;
}

function SubscriptionActions({subscription, snapshots, done}:
    {subscription: Subscription; snapshots: Topic['snapshots']; done: () => void}) {
  const [action, setAction] = useState<'' | 'seek' | 'snapshot'>('');
  const [when, setWhen] = useState('');
  const [snapshot, setSnapshot] = useState('');
  const [name, setName] = useState('');
  const [problem, setProblem] = useState<Problem>();
  const act = async (event: Event) => {
    event.preventDefault();
    setProblem(undefined);
    try {
      if (action === 'seek') {
        await post('/v1/subscription/seek', {subscription: subscription.name,
          ...(snapshot ? {snapshot} : {time: new Date(when + 'Z').toISOString()})});
      } else {
        await post('/v1/subscription/snapshot', {subscription: subscription.name, name});
      }
      setAction('');
      done();
    } catch (error) {
      setProblem(error instanceof Problem ? error : new Problem(400, t('That is no time.')));
    }
  };
  const title = action === 'seek' ? `${t('Seek')} ${subscription.name}` : `${t('Snapshot of')} ${subscription.name}`;
  return <>
    <Act role="operate" small act={() => setAction('seek')} label={`${t('Seek')} ${subscription.name}`}>{t('Seek')}</Act>
    <Act role="operate" small act={() => setAction('snapshot')} label={`${t('Snapshot of')} ${subscription.name}`}>{t('Snapshot')}</Act>
    <Dialog title={title} open={action !== ''} close={() => setAction('')}>
      <form class="stack" onSubmit={act}>
        {action === 'seek' ? <>
          <p>{t('Messages before that moment count as acknowledged, later ones are delivered again.')}</p>
          <Field label={t('To a moment (UTC)')}>{id => <input id={id} type="datetime-local" step="1" value={when}
            onInput={event => setWhen(event.currentTarget.value)} />}</Field>
          {snapshots.length > 0 && <Field label={t('Or to a snapshot')}>{id => <select id={id} value={snapshot}
            onChange={event => setSnapshot(event.currentTarget.value)}><option value="" />
            {snapshots.map(each => <option key={each.name}>{each.name}</option>)}</select>}</Field>}
        </> : <Field label={t('Name')} hint={t('empty: one is given')}>{id => <input id={id} value={name}
          onInput={event => setName(event.currentTarget.value)} />}</Field>}
        {problem && <Failure problem={problem} />}
        <div class="inline"><button type="submit" class="primary">{action === 'seek' ? t('Seek') : t('Take snapshot')}</button>
          <button type="button" onClick={() => setAction('')}>{t('Leave')}</button></div>
      </form>
    </Dialog>
  </>;
}

function Subscriptions({topic, done}: {topic: Topic; done: () => void}) {
  const [said, setSaid] = useState('');
  return <>
    {topic.subscriptions.length === 0 ? <Empty>{t('No subscription; the functions read the topic by themselves.')}</Empty>
      : <div class="scroll" tabIndex={0} role="region" aria-label={t('Subscriptions')}><table><thead><tr><th scope="col">{t('Subscription')}</th><th scope="col">{t('Kind')}</th>
        <th scope="col" class="n">{t('Backlog')}</th><th scope="col" class="n">{t('Oldest')}</th>
        <th scope="col" class="n">{t('Leased')}</th><th scope="col">{t('Filter')}</th><th scope="col"><span class="sr">{t('Actions')}</span></th></tr></thead>
      <tbody>{topic.subscriptions.map(each => <tr key={each.name}>
        <th scope="row">{each.name}</th>
        <td>{t(each.kind)}{each.to && <span class="quiet"> → {each.to}</span>}{each.exactly_once && ` · ${t('exactly once')}`}{each.ordered && ` · ${t('ordered')}`}{each.detached && ` · ${t('detached')}`}</td>
        <td class="n">{count(each.backlog)}</td><td class="n">{each.backlog ? duration(each.oldest_age_seconds) : '–'}</td>
        <td class="n">{count(each.outstanding)}</td><td><code>{each.filter}</code></td>
        <td class="n"><SubscriptionActions subscription={each} snapshots={topic.snapshots}
          done={() => { setSaid(t('Done.')); done(); }} /></td></tr>)}</tbody></table></div>}
    {said && <Notice text={said} />}
    {topic.snapshots.length > 0 && <><h3>{t('Snapshots')}</h3><ul class="plain">{topic.snapshots.map(each => <li key={each.name}>
      <b>{each.name}</b> <span class="quiet">{t('until')} {time(each.expire_time)}</span>{' '}
      <Act role="operate" small label={`${t('Delete')} ${each.name}`}
        act={() => post('/v1/snapshot/delete', {name: each.name}).then(done)}>{t('Delete')}</Act></li>)}</ul></>}
  </>;
}

function TopicDetail({name}: {name: string}) {
  const topic = useResource<Topic>(`topic ${name}`, signal => get(`/v1/topic?name=${encodeURIComponent(name)}`, signal), 3_000);
  const [tab, setTab] = useState('messages');
  return <div class="detail"><Loaded of={topic}>{value => <>
    <h1>{value.name}</h1>
    <Facts facts={[[t('Published ever'), count(value.published)], [t('Retained'), count(value.retained)],
      [t('Subscriptions'), count(value.subscriptions.length)],
      [t('Functions'), value.functions.length ? value.functions.map((each, i) => <>{i > 0 && ', '}<a href={to('functions', each)}>{each}</a></>) : '–'],
      ...(value.schema ? [[t('Schema'), value.schema] as [string, string]] : [])]} />
    <LiveChart title={t('Published')} format={rate}
      lines={[{name: `topic/${name}/rate`, label: t('messages'), color: '--c1'}]} />
    <Tabs label={value.name} chosen={tab} choose={setTab}
      tabs={[['messages', t('Messages')], ['publish', t('Publish')], ['subscriptions', t('Subscriptions')]]} />
    <div role="tabpanel" aria-label={tab}>
      {tab === 'messages' && <Messages topic={value} />}
      {tab === 'publish' && <Publish topic={value.name} done={topic.reload} />}
      {tab === 'subscriptions' && <Subscriptions topic={value} done={topic.reload} />}
    </div>
  </>}</Loaded></div>;
}

export function TopicsPage() {
  const chosen = place.value.part;
  return <div class="split">
    <TopicList chosen={chosen} />
    {chosen ? <TopicDetail key={chosen} name={chosen} />
      : <Panel className="detail"><h1>{t('Topics')}</h1><Empty>{t('Choose a topic to look at its messages, publish one or move a subscription.')}</Empty></Panel>}
  </div>;
}
