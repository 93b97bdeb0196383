// The charts' values as the instance sends them each second.
import {signal} from '@preact/signals';
import {here, reachable} from './api';

export const values = new Map<string, number>();
// The second of the last event; components that read it are drawn again each second.
export const second = signal(0);

type Listener = (second: number, values: Record<string, number>) => void;
const listeners = new Set<Listener>();

export function onEvent(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

const BEGINNINGS = ['source/', 'pubsub/', 'topic/', 'subscription/', 'function/', 'endpoint/', 'system/'];

export function connect() {
  const source = new EventSource(here(`/v1/events?match=${encodeURIComponent(BEGINNINGS.join('\n'))}`));
  source.onopen = () => { reachable.value = true; };
  source.onmessage = event => {
    const message = JSON.parse(event.data);
    for (const [name, value] of Object.entries(message.values)) values.set(name, value as number);
    second.value = message.second;
    reachable.value = true;
    for (const listener of listeners) listener(message.second, message.values);
  };
  source.onerror = () => {
    reachable.value = false;
    if (source.readyState !== EventSource.CLOSED) return;
    window.setTimeout(connect, 2000);
  };
}

// As of the last second, 0 for what never happened.
export function now(name: string): number {
  void second.value;
  return values.get(name) ?? 0;
}
