// Asks the admin door. Every answer is JSON or problem+json.
import {signal} from '@preact/signals';
import {useCallback, useEffect, useRef, useState} from 'preact/hooks';

export class Problem extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

// False while the instance does not answer at all.
export const reachable = signal(true);

// The console may stand below another path, as the proxy has it.
export function here(path: string): string {
  return `.${path}`;
}

async function ask(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(here(path), init);
  } catch (error) {
    if ((error as Error).name === 'AbortError') throw error;
    reachable.value = false;
    throw new Problem(0, 'unreachable');
  }
  reachable.value = true;
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Problem(response.status, problem.detail ?? `HTTP ${response.status}`);
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await ask(path, {signal})).json();
}

export async function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const init = {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(body), signal};
  return (await ask(path, init)).json();
}

export interface Message {
  sequence: number;
  message_id: string;
  publish_time: string;
  ordering_key: string;
  attributes: Record<string, string>;
  data: string; // base64
}

// Retained messages of a topic, none consumed, and the sequence to go on after.
export async function peek(topic: string, options: Record<string, string | number>):
    Promise<{messages: Message[]; last: number}> {
  const query = new URLSearchParams({topic});
  for (const [key, value] of Object.entries(options)) if (value !== '') query.set(key, String(value));
  const response = await ask(`/v1/peek?${query}`, {});
  const lines = (await response.text()).split('\n').filter(line => line !== '');
  return {messages: lines.map(line => JSON.parse(line)),
    last: Number(response.headers.get('Afluente-Last-Sequence') ?? 0)};
}

export interface Column {name: string; type: string}
export type Row = Record<string, unknown>;
export interface Result {
  columns: Column[];
  rows: Row[];
  truncated: boolean;
  milliseconds: number;
  affected_rows?: number;
}

export function query(sql: string, parameters: {name: string; type: string; value: string}[] = [], limit = 1000,
    signal?: AbortSignal): Promise<Result> {
  return post('/v1/query', {sql, parameters, limit}, signal);
}

export interface Resource<T> {
  value?: T;
  problem?: Problem;
  loading: boolean;
  reload: () => void;
}

// Loads by `load` now, whenever `key` changes, and every `every` milliseconds. The last good value stays while a
// later one fails.
export function useResource<T>(key: string, load: (signal: AbortSignal) => Promise<T>, every = 0): Resource<T> {
  const [state, setState] = useState<{key: string; value?: T; problem?: Problem; loading: boolean}>(
    {key, loading: true});
  const latest = useRef(load);
  latest.current = load;
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    let timer = 0;
    const run = async () => {
      try {
        const value = await latest.current(abort.signal);
        if (!abort.signal.aborted) setState({key, value, loading: false});
      } catch (error) {
        if (abort.signal.aborted) return;
        const problem = error instanceof Problem ? error : new Problem(0, String(error));
        setState(before => ({key, value: before.key === key ? before.value : undefined, problem, loading: false}));
      }
      const again = every || 0;
      if (again && !abort.signal.aborted) timer = window.setTimeout(run, again);
    };
    run();
    return () => { abort.abort(); window.clearTimeout(timer); };
  }, [key, every, turn]);
  const reload = useCallback(() => setTurn(before => before + 1), []);
  const current = state.key === key ? state : {value: undefined, problem: undefined, loading: true};
  return {value: current.value, problem: current.problem, loading: current.loading, reload};
}
