// Who uses the console and what they may do there (access.roles).
import {signal} from '@preact/signals';
import type {ComponentChildren} from 'preact';
import {useId} from 'preact/hooks';
import {get} from './api';
import {t} from './text';

type May = 'view' | 'publish' | 'operate' | 'administer';
export type Me = {identity: boolean; email?: string} & Record<May, boolean>;

// undefined until the instance has said it.
export const me = signal<Me | undefined>(undefined);

export async function learnMe() {
  try {
    me.value = await get<Me>('/v1/me');
  } catch {
    window.setTimeout(learnMe, 2000);
  }
}

const ROLES: Record<May, string> = {view: 'viewer', publish: 'publisher', operate: 'operator', administer: 'admin'};

// A button for those who have the role; others see it disabled, and why.
export function Act({role, act, busy = false, primary = false, small = false, label, children}:
    {role: May; act?: () => void; busy?: boolean; primary?: boolean; small?: boolean; label?: string; children: ComponentChildren}) {
  const reason = useId();
  const denied = me.value !== undefined && !me.value[role];
  const button = <button type={act ? 'button' : 'submit'} class={primary ? 'primary' : small ? 'small' : undefined}
    disabled={busy || denied} onClick={act} aria-label={label} aria-describedby={denied ? reason : undefined}>{children}</button>;
  return denied ? <span class="denied" title={why(role)}>{button}<span id={reason} class="sr">{why(role)}</span></span> : button;
}

function why(role: May): string {
  return `${t('This needs the role')} ${ROLES[role]}${me.value?.email ? `; ${t('you are')} ${me.value.email}` : ''}`;
}
