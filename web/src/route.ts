// Where the reader is: #/PAGE/PART.
import {signal} from '@preact/signals';

export interface Place {page: string; part: string}

function read(): Place {
  const [page, ...rest] = window.location.hash.replace(/^#\/?/, '').split('/');
  return {page: page || 'pipeline', part: decodeURIComponent(rest.join('/'))};
}

export const place = signal<Place>(read());
window.addEventListener('hashchange', () => { place.value = read(); });

export function to(page: string, part = ''): string {
  return part ? `#/${page}/${encodeURIComponent(part)}` : `#/${page}`;
}
