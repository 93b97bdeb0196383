import {useState} from 'preact/hooks';
import {get, useResource} from './api';
import {LiveChart} from './chart';
import {bytes, compact, duration, time} from './format';
import {Empty, Facts, Field, Loaded, Panel} from './parts';
import {place} from './route';
import {t} from './text';

interface System {
  uptime_seconds: number; memory_bytes: number; cpu_seconds: number; cores: number; threads: number; descriptors: number;
  disk_free_bytes: number | null; journal_bytes: number; warehouse_bytes: number; data_dir: string; spec_file: string;
  spec_text: string; limits: string[];
}

function Logs() {
  const [contains, setContains] = useState(place.value.part);  // a link may name an id
  const logs = useResource<{lines: Record<string, string>[]}>(`logs ${contains}`,
    signal => get(`/v1/logs?max=200&contains=${encodeURIComponent(contains)}`, signal), 3_000);
  return <Panel title={t('Log')} actions={<Field label={t('Contains')} hint={t('a request, message or trace id, for example')}>{id =>
    <input id={id} type="search" value={contains} onInput={event => setContains(event.currentTarget.value)} />}</Field>}>
    <Loaded of={logs}>{value => value.lines.length === 0 ? <Empty>{t('No line.')}</Empty>
      : <div class="scroll" tabIndex={0} role="region" aria-label={t('Log')}><table class="log"><tbody>{value.lines.map((line, i) => {
        const {time: at, severity, message, ...fields} = line;
        return <tr key={i}><td><time>{time(at)}</time></td><td class={severity === 'ERROR' ? 'bad' : severity === 'WARNING' ? 'warn' : ''}>{severity}</td>
          <td>{message} {Object.entries(fields).filter(([, each]) => each !== '').map(([name, each]) =>
            <code key={name} class="tag">{name}={each}</code>)}</td></tr>;
      })}</tbody></table></div>}</Loaded>
  </Panel>;
}

export function SystemPage() {
  const system = useResource<System>('system', signal => get('/v1/system', signal), 5_000);
  return <>
    <h1>{t('System')}</h1>
    <Loaded of={system}>{value => <>
      <Facts facts={[[t('Up for'), duration(value.uptime_seconds)], [t('Memory'), bytes(value.memory_bytes)],
        [t('Cores'), String(value.cores)], [t('Threads'), String(value.threads)], [t('Open files'), String(value.descriptors)],
        [t('Free disk'), value.disk_free_bytes === null ? '–' : bytes(value.disk_free_bytes)], [t('Journal'), bytes(value.journal_bytes)],
        [t('Warehouse'), bytes(value.warehouse_bytes)], [t('Data directory'), <code>{value.data_dir}</code>]]} />
      <div class="columns">
        <LiveChart title="CPU" format={value2 => `${(value2 * 100).toFixed(0)} %`} lines={[{name: 'system/cpu', label: t('of one core'), color: '--c1'}]} />
        <LiveChart title={t('Memory')} format={bytes} lines={[{name: 'system/memory', label: t('resident'), color: '--c1'}]} />
        <LiveChart title={t('Journal sync')} format={duration} lines={[
          {name: 'system/sync/p50', label: 'p50', color: '--c1'}, {name: 'system/sync/p99', label: 'p99', color: '--c2'}]} />
        <LiveChart title={t('Journal')} format={bytes} lines={[{name: 'system/journal', label: t('on disk'), color: '--c1'}]} />
        <LiveChart title={t('Published')} format={compact} lines={[{name: 'pubsub/bytes', label: 'B/s', color: '--c1'}]} />
        <LiveChart title={t('Free disk')} format={bytes} lines={[{name: 'system/disk_free', label: t('free'), color: '--c1'}]} />
      </div>
      <Logs />
      <div class="columns two">
        <Panel title={t('Limits')}><pre tabIndex={0} aria-label={t('Limits')}>{value.limits.join('\n')}</pre></Panel>
        <Panel title={t('Configuration')}><p class="quiet"><code>{value.spec_file}</code></p><pre class="tall" tabIndex={0} aria-label={t('Configuration')}>{value.spec_text}</pre></Panel>
      </div>
    </>}</Loaded>
  </>;
}
