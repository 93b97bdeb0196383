import type {ComponentChildren} from 'preact';
import {useState} from 'preact/hooks';
import {get, useResource, type Row} from './api';
import {time} from './format';
import {DataView, Empty, Facts, Field, Loaded, Panel, Tree} from './parts';
import {place, to} from './route';
import {t} from './text';

interface Outcome {
  function: string; table: string; outcome: string; rows: Row[];
  dead_letters: {error: string; attempts: number; failed_at: string; state: string}[];
}
interface Followed {
  message_id: string; topic: string; retained: boolean; publish_time?: string; ordering_key?: string;
  attributes?: Record<string, string>; data?: string; sequence?: number; trace_id?: string; outcomes: Outcome[];
}

const WORDS: Record<string, string> = {
  stored: 'stored', dead_letter: 'failed', pending: 'pending', filtered: 'does not match the filter', dropped: 'dropped by the transform',
  unknown: 'no trace of it is left', self_stored: 'left to the function itself',
};

function OutcomeView({of}: {of: Outcome}) {
  const level = of.outcome === 'dead_letter' ? 'bad' : of.outcome === 'pending' ? 'warn' : '';
  return <li class={`step ${level}`}>
    <p><a href={to('functions', of.function)}>{of.function}</a>: <b>{t(WORDS[of.outcome] ?? of.outcome)}</b></p>
    {of.dead_letters.map(letter => <div key={letter.failed_at}>
      <p class={letter.state === 'dead' ? 'failure' : 'quiet'}>{letter.error}</p>
      <p class="quiet">{time(letter.failed_at)} · {t('Attempts')}: {letter.attempts} · {letter.state}</p></div>)}
    {of.rows.map((row, i) => <div key={i} class="stored"><p class="quiet">{t('row in')} <a href={to('warehouse', of.table)}>{of.table}</a></p><Tree value={row} /></div>)}
  </li>;
}

export function MessagePage() {
  const id = place.value.part;
  const [asked, setAsked] = useState(id);
  const followed = useResource<Followed | undefined>(`message ${id}`,
    async signal => (id ? get<Followed>(`/v1/message?id=${encodeURIComponent(id)}`, signal) : undefined), id ? 2_000 : 0);
  return <>
    <h1>{t('Follow a message')}</h1>
    <form class="inline" onSubmit={event => { event.preventDefault(); window.location.hash = to('message', asked.trim()); }}>
      <Field label={t('Message id')}>{field => <input id={field} value={asked} size={28} onInput={event => setAsked(event.currentTarget.value)} />}</Field>
      <button type="submit" class="primary">{t('Follow')}</button>
    </form>
    <Loaded of={followed}>{value => value === undefined ? <Empty>{t('The id is in a topic’s messages, in a publisher’s answer and in each row’s _message_id.')}</Empty>
      : <div class="columns two">
        <Panel title={t('Published')}>
          <Facts facts={[[t('Topic'), <a href={to('topics', value.topic)}>{value.topic}</a>], [t('Published'), value.publish_time ?? '–'],
            ...(value.ordering_key ? [[t('Ordering key'), value.ordering_key] as [string, string]] : []),
            ...(value.trace_id ? [[t('Trace'), <a href={to('system', value.trace_id)}>{value.trace_id}</a>] as [string, ComponentChildren]] : []),
            ...Object.entries(value.attributes ?? {})]} />
          {value.data === undefined ? <Empty>{t('The message itself is no longer retained.')}</Empty> : <DataView base64={value.data} />}
        </Panel>
        <Panel title={t('What became of it')}>{value.outcomes.length === 0 ? <Empty>{t('No function reads this topic.')}</Empty>
          : <ul class="plain steps">{value.outcomes.map(each => <OutcomeView key={each.function} of={each} />)}</ul>}</Panel>
      </div>}</Loaded>
  </>;
}
