import type {FunctionComponent} from 'preact';
import {useEffect} from 'preact/hooks';
import {reachable} from './api';
import {me} from './me';
import {place, to} from './route';
import {language, setLanguage, setTheme, t, theme} from './text';
import {PipelinePage} from './pipeline';
import {TopicsPage} from './topics';
import {FunctionsPage} from './functions';
import {WarehousePage} from './warehouse';
import {ApiPage} from './endpoints';
import {IdentityPage} from './identity';
import {SystemPage} from './system';
import {MessagePage} from './message';

const PAGES: [string, string, FunctionComponent][] = [
  ['pipeline', 'Pipeline', PipelinePage],
  ['topics', 'Topics', TopicsPage],
  ['functions', 'Functions', FunctionsPage],
  ['warehouse', 'Warehouse', WarehousePage],
  ['api', 'API', ApiPage],
  ['message', 'Message', MessagePage],
  ['identity', 'Identity', IdentityPage],
  ['system', 'System', SystemPage],
];

export function App() {
  const {page} = place.value;
  const [id, name, Page] = PAGES.find(([each]) => each === page) ?? PAGES[0];
  useEffect(() => { document.title = `${t(name)} · Afluente`; }, [name, language.value]);
  return <>
    <a class="skip" href="#main" onClick={event => { event.preventDefault(); document.getElementById('main')!.focus(); }}>
      {t('Skip to the content')}</a>
    <header class="bar">
      <a class="brand" href={to('pipeline')}>afluente</a>
      <nav aria-label={t('Parts')}>{PAGES.map(([each, title]) =>
        <a key={each} href={to(each)} aria-current={each === id ? 'page' : undefined}>{t(title)}</a>)}</nav>
      <div class="choices">
        {me.value?.email && <span class="who">{me.value.email} <a href="/_afluente/logout">{t('Sign out')}</a></span>}
        <span class={reachable.value ? 'pulse' : 'pulse gone'} role="status">
          {reachable.value ? t('live') : t('no answer')}</span>
        <button type="button" class="small" onClick={() => setLanguage(language.value === 'en' ? 'es' : 'en')}>
          {language.value === 'en' ? 'ES' : 'EN'}<span class="sr"> {language.value === 'en' ? 'Español' : 'English'}</span></button>
        <button type="button" class="small" onClick={() => setTheme(theme.value === 'dark' ? 'light' : 'dark')}
          aria-label={t('Light or dark')}>{theme.value === 'dark' ? '☀' : '☾'}</button>
      </div>
    </header>
    {!reachable.value && <p class="banner" role="alert">
      {t('The instance does not answer. What is shown is as of its last answer; it is asked again by itself.')}</p>}
    <main id="main" tabIndex={-1}><Page key={id} /></main>
  </>;
}
