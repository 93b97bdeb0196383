import {language} from './text';

export function count(value: number): string {
  return new Intl.NumberFormat(language.value, {maximumFractionDigits: 0}).format(value);
}

export function compact(value: number): string {
  if (value !== 0 && Math.abs(value) < 10) return new Intl.NumberFormat(language.value, {maximumFractionDigits: 1}).format(value);
  return new Intl.NumberFormat(language.value, {notation: 'compact', maximumFractionDigits: 1}).format(value);
}

export function rate(value: number): string {
  return `${compact(value)}/s`;
}

export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) { value /= 1024; unit++; }
  return `${new Intl.NumberFormat(language.value, {maximumFractionDigits: value < 10 && unit > 0 ? 1 : 0}).format(value)} ${units[unit]}`;
}

// Of seconds, in the unit that reads best.
export function duration(seconds: number): string {
  if (seconds === 0) return '0 s';
  if (seconds < 0.001) return `${(seconds * 1e6).toFixed(0)} µs`;
  if (seconds < 1) return `${(seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0)} ms`;
  if (seconds < 120) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 7200) return `${(seconds / 60).toFixed(0)} min`;
  if (seconds < 172_800) return `${(seconds / 3600).toFixed(0)} h`;
  return `${(seconds / 86_400).toFixed(0)} d`;
}

// The latencies' histogram ends at 10 s, and its buckets are upper bounds.
export function latency(seconds: number | undefined): string {
  if (seconds === undefined) return '–';
  return `≤ ${duration(seconds)}`;
}

export function time(text: string): string {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return text;
  const day = date.toISOString().slice(0, 10);
  const clock = date.toISOString().slice(11, 23);
  return day === new Date().toISOString().slice(0, 10) ? clock : `${day} ${clock.slice(0, 8)}`;
}

export function decodeBytes(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), c => c.charCodeAt(0));
}

// The text of UTF-8 bytes, or undefined.
export function decodeText(data: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', {fatal: true}).decode(data);
  } catch {
    return undefined;
  }
}

export function encodeText(text: string): string {
  return Array.from(new TextEncoder().encode(text), byte => String.fromCharCode(byte)).join('');
}

export function hexDump(data: Uint8Array, max = 4096): string {
  const lines: string[] = [];
  for (let at = 0; at < Math.min(data.length, max); at += 16) {
    const part = Array.from(data.slice(at, at + 16));
    const hex = part.map(byte => byte.toString(16).padStart(2, '0')).join(' ').padEnd(47);
    const text = part.map(byte => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')).join('');
    lines.push(`${at.toString(16).padStart(6, '0')}  ${hex}  ${text}`);
  }
  if (data.length > max) lines.push('…');
  return lines.join('\n');
}

// RFC 4180, a header and a line a row.
export function toCsv(columns: string[], rows: Record<string, unknown>[]): string {
  const cell = (value: unknown) => {
    if (value === null || value === undefined) return '';
    const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [columns.map(cell).join(','), ...rows.map(row => columns.map(name => cell(row[name])).join(','))].join('\r\n') + '\r\n';
}
