// What all pages are made of.
import type {ComponentChildren} from 'preact';
import {useEffect, useId, useRef, useState} from 'preact/hooks';
import type {Problem, Resource} from './api';
import {decodeBytes, decodeText, hexDump} from './format';
import {t} from './text';

export function Panel({title, actions, children, className = ''}:
    {title?: ComponentChildren; actions?: ComponentChildren; children: ComponentChildren; className?: string}) {
  return <section class={`panel ${className}`}>
    {(title || actions) && <header><h2>{title}</h2><div class="actions">{actions}</div></header>}
    {children}
  </section>;
}

export function Facts({facts}: {facts: [string, ComponentChildren][]}) {
  return <dl class="facts">{facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>;
}

export function Failure({problem}: {problem: Problem}) {
  const denied = problem.status === 401 || problem.status === 403;
  const text = problem.status === 0 ? t('The instance does not answer.') : problem.message;
  return <p class="failure" role="alert">{denied && <strong>{t('Not allowed')}: </strong>}{text}</p>;
}

// What a resource gives, or that it loads or failed.
export function Loaded<T>({of, children}: {of: Resource<T>; children: (value: T) => ComponentChildren}) {
  return <>
    {of.problem && <Failure problem={of.problem} />}
    {of.value !== undefined ? children(of.value) : of.loading && <p class="quiet" role="status">{t('Loading…')}</p>}
  </>;
}

export function Empty({children}: {children: ComponentChildren}) {
  return <p class="quiet">{children}</p>;
}

export function Field({label, hint, children}:
    {label: string; hint?: string; children: (id: string) => ComponentChildren}) {
  const id = useId();
  return <div class="field"><label for={id}>{label}{hint && <span class="hint"> {hint}</span>}</label>{children(id)}</div>;
}

// A list of thousands of rows of one height, of which only those in view are in the page.
export function VirtualList<T>({items, height, label, render, className = ''}:
    {items: T[]; height: number; label: string; render: (item: T, index: number) => ComponentChildren; className?: string}) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({top: 0, height: 600});
  useEffect(() => {
    const element = box.current!;
    const read = () => setView({top: element.scrollTop, height: element.clientHeight});
    const observer = new ResizeObserver(read);
    observer.observe(element);
    element.addEventListener('scroll', read, {passive: true});
    return () => { observer.disconnect(); element.removeEventListener('scroll', read); };
  }, []);
  const first = Math.max(0, Math.floor(view.top / height) - 8);
  const last = Math.min(items.length, Math.ceil((view.top + view.height) / height) + 8);
  return <div ref={box} class={`virtual ${className}`} role="region" aria-label={label} tabIndex={0}>
    <ul style={{height: `${items.length * height}px`}}>
      {items.slice(first, last).map((item, i) =>
        <li key={first + i} style={{top: `${(first + i) * height}px`, height: `${height}px`}}
            aria-setsize={items.length} aria-posinset={first + i + 1}>{render(item, first + i)}</li>)}
    </ul>
  </div>;
}

export function Tabs({tabs, chosen, choose, label}:
    {tabs: [string, string][]; chosen: string; choose: (tab: string) => void; label: string}) {
  const move = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (!step) return;
    const at = tabs.findIndex(([id]) => id === chosen);
    const next = tabs[(at + step + tabs.length) % tabs.length][0];
    choose(next);
    (event.currentTarget as HTMLElement).querySelector<HTMLElement>(`[data-tab="${next}"]`)?.focus();
  };
  return <div class="tabs" role="tablist" aria-label={label} onKeyDown={move}>
    {tabs.map(([id, name]) => <button key={id} type="button" role="tab" data-tab={id} aria-selected={id === chosen}
      tabIndex={id === chosen ? 0 : -1} onClick={() => choose(id)}>{name}</button>)}
  </div>;
}

export function Tree({value, name}: {value: unknown; name?: string}) {
  const label = name === undefined ? null : <span class="key">{name}: </span>;
  if (value === null || typeof value !== 'object')
    return <div class="leaf">{label}<span class={`v-${value === null ? 'null' : typeof value}`}>{JSON.stringify(value)}</span></div>;
  const entries = Object.entries(value);
  const shape = Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`;
  return <details class="tree" open><summary>{label}<span class="quiet">{shape}</span></summary>
    {entries.slice(0, 500).map(([key, each]) => <Tree key={key} name={key} value={each} />)}
  </details>;
}

// A message's data: JSON as a tree, text as text, other bytes as hex.
export function DataView({base64}: {base64: string}) {
  const [raw, setRaw] = useState(false);
  const data = decodeBytes(base64);
  const text = decodeText(data);
  let json: unknown;
  try {
    json = text === undefined ? undefined : JSON.parse(text);
  } catch {
    json = undefined;
  }
  const structured = json !== undefined && json !== null && typeof json === 'object';
  return <div class="data">
    {(structured || text !== undefined) && <label class="switch"><input type="checkbox" checked={raw}
      onChange={event => setRaw(event.currentTarget.checked)} /> {t('bytes')}</label>}
    {raw || text === undefined ? <pre tabIndex={0} aria-label={t('bytes')}>{hexDump(data)}</pre>
      : structured ? <Tree value={json} /> : <pre tabIndex={0} aria-label={t('text')}>{text}</pre>}
  </div>;
}

// Asks before it acts; says what came of it.
export function Dialog({title, open, close, children}:
    {title: string; open: boolean; close: () => void; children: ComponentChildren}) {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (open && !box.current!.open) box.current!.showModal();
    if (!open && box.current!.open) box.current!.close();
  }, [open]);
  return <dialog ref={box} onClose={close} aria-label={title}><h2>{title}</h2>{open && children}</dialog>;
}

export function download(name: string, type: string, text: string) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], {type}));
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

export function Notice({text, bad = false}: {text: string; bad?: boolean}) {
  return <p class={bad ? 'failure' : 'notice'} role={bad ? 'alert' : 'status'}>{text}</p>;
}
