import {get, useResource} from './api';
import {time} from './format';
import {Empty, Facts, Loaded, Panel} from './parts';
import {t} from './text';

interface Identity {
  on: boolean; members?: string[]; roles?: Record<string, string[]>; groups?: Record<string, string[]>;
  endpoints?: {pattern: string; members: string[]}[]; datasets?: Record<string, string[]>; issuer?: string; login?: string;
  decisions: Record<string, string>[];
}

function Grants({title, grants}: {title: string; grants: [string, string[]][]}) {
  return <Panel title={title}>{grants.length === 0 ? <Empty>–</Empty> : <table><tbody>{grants.map(([name, members]) =>
    <tr key={name}><th scope="row">{name}</th><td>{members.length ? members.map(each => <code key={each} class="tag">{each}</code>) : '–'}</td></tr>)}</tbody></table>}</Panel>;
}

export function IdentityPage() {
  const identity = useResource<Identity>('identity', signal => get('/v1/identity', signal), 5_000);
  return <>
    <h1>{t('Identity')}</h1>
    <Loaded of={identity}>{value => <>
      {!value.on ? <p class="notice">{t('Identity is off: the specification has no access:, so every door stays on loopback and whoever uses this machine may do everything.')}</p>
        : <>
          <Facts facts={[[t('Assertions from'), value.issuer], [t('People sign in at'), value.login]]} />
          <div class="columns two">
            <Grants title={t('Who may use the API')} grants={[[t('Members'), value.members ?? []]]} />
            <Grants title={t('Roles')} grants={Object.entries(value.roles ?? {})} />
            <Grants title={t('Endpoints')} grants={(value.endpoints ?? []).map(each => [each.pattern, each.members])} />
            <Grants title={t('Datasets')} grants={Object.entries(value.datasets ?? {})} />
            <Grants title={t('Groups')} grants={Object.entries(value.groups ?? {})} />
          </div></>}
      <Panel title={t('Recent decisions')}>{value.decisions.length === 0 ? <Empty>{t('None yet.')}</Empty>
        : <div class="scroll" tabIndex={0} role="region" aria-label={t('Recent decisions')}><table><thead><tr><th scope="col">{t('When')}</th><th scope="col">{t('Decision')}</th><th scope="col">{t('Who')}</th>
          <th scope="col">{t('What')}</th><th scope="col">{t('Why')}</th></tr></thead><tbody>{value.decisions.map((each, i) => <tr key={i}>
            <td>{time(each.time)}</td><td class={each.decision === 'deny' ? 'warn' : ''}>{each.decision}</td><td>{each.email || '–'}</td>
            <td><code>{each.method} {each.path}</code></td><td>{each.reason}</td></tr>)}</tbody></table></div>}</Panel>
    </>}</Loaded>
  </>;
}
