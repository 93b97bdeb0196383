import {useState} from 'preact/hooks';
import {get, post, Problem, useResource} from './api';
import {LiveChart} from './chart';
import {count, duration, rate, time} from './format';
import {now, second, values} from './live';
import {Empty, Facts, Failure, Field, Loaded, Panel, Tree} from './parts';
import {place, to} from './route';
import {t} from './text';

interface Parameter {name: string; type: string; in_path: boolean; optional: boolean; description: string}
interface Endpoint {
  path: string; summary: string; description: string; sql: string; sql_file: string; parameters: Parameter[];
  statuses: Record<string, number>;
}
interface Api {address: string; endpoints: Endpoint[]; slow: Record<string, string>[]}
interface Answer {status: number; headers: Record<string, string>; body: string; truncated: boolean; milliseconds: number}

function Statuses({statuses}: {statuses: Record<string, number>}) {
  return <>{Object.entries(statuses).map(([status, n]) =>
    <span key={status} class={`status ${status.startsWith('5') ? 'bad' : ''}`}>{status} <b>{count(n)}</b></span>)}</>;
}

function EndpointTable({endpoints}: {endpoints: Endpoint[]}) {
  void second.value;
  return <div class="scroll" tabIndex={0} role="region" aria-label={t('Endpoints')}><table class="rows"><thead><tr><th scope="col">{t('Endpoint')}</th><th scope="col">{t('About')}</th>
    <th scope="col" class="n">{t('Rate')}</th><th scope="col" class="n">p50</th><th scope="col" class="n">p99</th>
    <th scope="col" class="n">{t('Errors')}</th><th scope="col">{t('Answers')}</th></tr></thead>
  <tbody>{endpoints.map(each => {
    const at = `endpoint/${each.path}`;
    const p50 = values.get(`${at}/p50`);
    const p99 = values.get(`${at}/p99`);
    return <tr key={each.path} aria-current={place.value.part === each.path ? 'true' : undefined}>
      <th scope="row"><a href={to('api', each.path)}><code>{each.path}</code></a></th><td>{each.summary}</td>
      <td class="n">{rate(now(`${at}/rate`))}</td><td class="n">{p50 === undefined ? '–' : duration(p50)}</td>
      <td class="n">{p99 === undefined ? '–' : duration(p99)}</td>
      <td class={now(`${at}/errors`) > 0 ? 'n bad' : 'n'}>{rate(now(`${at}/errors`))}</td>
      <td><Statuses statuses={each.statuses} /></td></tr>;
  })}</tbody></table></div>;
}

function TryIt({endpoint, address, done}: {endpoint: Endpoint; address: string; done: () => void}) {
  const [given, setGiven] = useState<Record<string, string>>({});
  const [answer, setAnswer] = useState<{value?: Answer; problem?: Problem; busy?: boolean}>({});
  let path = endpoint.path;
  const search = new URLSearchParams();
  for (const parameter of endpoint.parameters) {
    const value = given[parameter.name] ?? '';
    if (parameter.in_path) path = path.replace(`{${parameter.name}}`, encodeURIComponent(value) || `{${parameter.name}}`);
    else if (value !== '') search.set(parameter.name, value);
  }
  if (search.size > 0) path += `?${search}`;
  const send = async (event: Event) => {
    event.preventDefault();
    setAnswer({busy: true});
    try {
      setAnswer({value: await post<Answer>('/v1/api/try', {path})});
    } catch (error) {
      setAnswer({problem: error as Problem});
    }
    done();
  };
  let json: unknown;
  try {
    json = answer.value && JSON.parse(answer.value.body);
  } catch {
    json = undefined;
  }
  return <Panel title={t('Try it')}>
    <form class="stack" onSubmit={send}>
      <div class="inline">{endpoint.parameters.map(parameter => <Field key={parameter.name} label={parameter.name}
        hint={parameter.type + (parameter.optional ? `, ${t('optional')}` : '')}>{id => <input id={id} value={given[parameter.name] ?? ''} required={!parameter.optional}
          onInput={event => setGiven({...given, [parameter.name]: event.currentTarget.value})} />}</Field>)}
        <button type="submit" class="primary" disabled={answer.busy}>{answer.busy ? t('Running…') : t('Ask')}</button></div>
      <p><code class="url">GET {address}{path}</code></p>
    </form>
    {answer.problem && <Failure problem={answer.problem} />}
    {answer.value && <div role="status"><p><span class={answer.value.status >= 500 ? 'status bad' : 'status'}>{answer.value.status}</span>{' '}
      {answer.value.milliseconds.toFixed(1)} ms · {answer.value.headers['Content-Type']}</p></div>}
    {answer.value && <div class="answer" tabIndex={0} role="region" aria-label={t('Answer')}>
      {json !== undefined ? <Tree value={json} /> : <pre>{answer.value.body}</pre>}
      {answer.value.truncated && <p class="quiet">{t('The rest is left out.')}</p>}</div>}
  </Panel>;
}

export function ApiPage() {
  const api = useResource<Api>('api', signal => get('/v1/api', signal), 5_000);
  return <>
    <h1>API {api.value && <small>{api.value.address}</small>}</h1>
    <Loaded of={api}>{value => {
      const chosen = value.endpoints.find(each => each.path === place.value.part);
      return value.endpoints.length === 0 ? <Empty>{t('The specification has no endpoint.')}</Empty> : <>
        <EndpointTable endpoints={value.endpoints} />
        {chosen && <>
          <h2 class="name"><code>{chosen.path}</code></h2>
          <p>{chosen.description || chosen.summary}</p>
          <div class="columns two">
            <LiveChart title={t('Requests')} format={rate} lines={[
              {name: `endpoint/${chosen.path}/rate`, label: t('requests'), color: '--c1'},
              {name: `endpoint/${chosen.path}/errors`, label: t('errors'), color: '--bad'}]} />
            <LiveChart title={t('Latency')} format={duration} lines={[
              {name: `endpoint/${chosen.path}/p50`, label: 'p50', color: '--c1'},
              {name: `endpoint/${chosen.path}/p99`, label: 'p99', color: '--c2'}]} />
          </div>
          <TryIt key={chosen.path} endpoint={chosen} address={value.address} done={api.reload} />
          <Panel title={t('Statement')}><Facts facts={[[t('File'), chosen.sql_file]]} /><pre tabIndex={0} aria-label={t('Statement')}>{chosen.sql}</pre></Panel>
        </>}
        <Panel title={t('Slow requests')}>{value.slow.length === 0 ? <Empty>{t('None took half a second or more.')}</Empty>
          : <table><thead><tr><th scope="col">{t('When')}</th><th scope="col">{t('Endpoint')}</th><th scope="col">{t('Status')}</th><th scope="col" class="n">ms</th></tr></thead>
            <tbody>{value.slow.map(each => <tr key={each.time}><td>{time(each.time)}</td><td><code>{each.endpoint}</code></td>
              <td>{each.status}</td><td class="n">{each.milliseconds}</td></tr>)}</tbody></table>}</Panel></>;
    }}</Loaded>
  </>;
}
