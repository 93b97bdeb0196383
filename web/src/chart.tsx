import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import {useEffect, useRef, useState} from 'preact/hooks';
import {get} from './api';
import {bytes} from './format';
import {onEvent} from './live';
import {language, t, theme} from './text';

export interface Line {
  name: string; // of the history's series
  label: string;
  color: string; // a variable of style.css
}

// The colour that a variable of style.css has now, for the canvas.
export function colorOf(variable: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${variable})`;
  document.body.append(probe);
  const color = getComputedStyle(probe).color;
  probe.remove();
  return color;
}

const POWERS = Array.from({length: 44}, (_, i) => 2 ** i);

// `powers`: bytes, whose steps are powers of two.
export function axes(format: (value: number) => string, powers = false): uPlot.Axis[] {
  const axis = {stroke: colorOf('--quiet'), font: '11px system-ui, sans-serif',
    grid: {stroke: colorOf('--line'), width: 1}, ticks: {show: false}};
  const clock: uPlot.Axis = {...axis, size: 24, space: 70, incrs: [60, 300, 600, 900, 1800, 3600],
    values: (_, splits) => splits.map(second => new Date(second * 1000).toISOString().slice(11, 16))};
  return [clock, {...axis, size: 58, space: 34, ...(powers ? {incrs: POWERS} : {}), values: (_: uPlot, splits: number[]) => splits.map(format)}];
}

type History = {series: Record<string, {first_second: number; step_seconds: number; values: (number | null)[]}>};

// The history's points of all lines on one axis of time.
function toData(history: History, lines: Line[]): uPlot.AlignedData {
  const known = lines.map(line => history.series[line.name]).find(points => points?.values.length);
  if (!known) return [[], ...lines.map(() => [])] as unknown as uPlot.AlignedData;
  const x = known.values.map((_, i) => known.first_second + i * known.step_seconds);
  return [x, ...lines.map(line => {
    const points = history.series[line.name];
    if (!points?.values.length) return x.map(() => null);
    return points.values;
  })];
}

// Lines of the last five minutes or the last hour, which go on by themselves.
export function LiveChart({title, lines, format}: {title: string; lines: Line[]; format: (value: number) => string}) {
  const box = useRef<HTMLDivElement>(null);
  const [hour, setHour] = useState(false);
  const key = lines.map(line => line.name).join('\n');
  const [latest, setLatest] = useState<(number | null)[]>([]);
  useEffect(() => {
    let plot: uPlot | undefined;
    let leave = () => {};
    let gone = false;
    const current: Record<string, number> = {};
    const element = box.current!;
    const draw = (history: History) => {
      if (gone) return;
      const data = toData(history, lines);
      plot?.destroy();
      plot = new uPlot({
        width: Math.max(element.clientWidth, 120), height: 132, padding: [8, 6, 0, 0],
        legend: {show: false}, cursor: {points: {size: 6}, drag: {x: false, y: false}},
        scales: {y: {range: (_, __, max) => [0, max > 0 ? max * 1.12 : 1]}},
        series: [{}, ...lines.map(line => ({label: line.label, stroke: colorOf(line.color), width: 1.5,
          spanGaps: true, points: {show: false}}))],
        axes: axes(format, format === bytes),
        hooks: {setCursor: [u => {
          const at = u.cursor.idx;
          setLatest(at === null || at === undefined ? [] : lines.map((_, i) => (u.data[i + 1][at] as number | null) ?? null));
        }]},
      }, data, element);
    };
    const load = () => get<History>(`/v1/history?window=${hour ? 3600 : 300}&series=${encodeURIComponent(key)}`)
      .then(draw).catch(() => {});
    load();
    if (hour) {
      const timer = window.setInterval(load, 10_000);
      leave = () => window.clearInterval(timer);
    } else {
      leave = onEvent((second, values) => {
        for (const line of lines) if (line.name in values) current[line.name] = values[line.name];
        if (!plot || document.hidden) return;
        const x = plot.data[0] as number[];
        if (x.length && x[x.length - 1] >= second) return;
        // Only what changed is sent: what was not stays as it was, but a latency is of its own second alone.
        const next = lines.map((line, i) => {
          if (line.name in values) return values[line.name];
          if (/\/p\d\d$/.test(line.name)) return null;
          const column = plot!.data[i + 1];
          return current[line.name] ?? column[column.length - 1] ?? 0;
        });
        const data = [[...x, second], ...next.map((value, i) => [...(plot!.data[i + 1] as number[]), value])];
        const cut = Math.max(0, data[0].length - 300);
        plot.setData(data.map(column => column.slice(cut)) as uPlot.AlignedData);
      });
    }
    const observer = new ResizeObserver(() => plot?.setSize({width: Math.max(element.clientWidth, 120), height: 132}));
    observer.observe(element);
    return () => { gone = true; leave(); observer.disconnect(); plot?.destroy(); };
  }, [key, hour, theme.value, language.value]);
  return <figure class="chart">
    <figcaption>
      <h3>{title}</h3>
      <span class="legend">{lines.map((line, i) => <span key={line.name}>
        <i class="swatch" style={{background: `var(${line.color})`}} />{line.label}
        {latest[i] !== undefined && latest[i] !== null && <b> {format(latest[i]!)}</b>}</span>)}</span>
      <button type="button" class="small" aria-pressed={hour} onClick={() => setHour(!hour)}>
        {hour ? t('1 h') : t('5 min')}<span class="sr"> {title}</span></button>
    </figcaption>
    <div ref={box} role="img" aria-label={`${title}: ${lines.map(line => line.label).join(', ')}`} />
  </figure>;
}

// Rows of a query: the first column that can be an axis, and its numbers.
export function RowsChart({x, labels, series, bars}:
    {x: number[]; labels: string[] | null; series: {label: string; values: (number | null)[]}[]; bars: boolean}) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = box.current!;
    const colors = ['--c1', '--c2', '--c3', '--c4', '--c5'];
    const [bottom, left] = axes(value => new Intl.NumberFormat(language.value, {notation: 'compact', maximumFractionDigits: 2}).format(value));
    bottom.incrs = undefined;
    bottom.values = (_, splits) => splits.map(String);
    if (labels) {
      bottom.values = (_, splits) => splits.map(at => (Number.isInteger(at) ? labels[at] ?? '' : ''));
    }
    const plot = new uPlot({
      width: element.clientWidth, height: 320, padding: [10, 10, 0, 0],
      legend: {show: false},
      scales: {x: {time: false, range: labels ? () => [-0.6, labels.length - 0.4] : undefined},
        // A bar's length says how much only when it begins at nothing.
        y: bars ? {range: (_, low, high) => [Math.min(0, low * 1.08), Math.max(0, high * 1.08) || 1]} : {}},
      series: [{label: labels ? '' : 'x'}, ...series.map((each, i) => ({
        label: each.label, stroke: colorOf(colors[i % colors.length]), width: 1.5,
        fill: bars ? colorOf(colors[i % colors.length]) : undefined,
        paths: bars ? uPlot.paths.bars!({size: [0.7, 60]}) : undefined, points: {show: false}}))],
      axes: [bottom, left],
    }, [x, ...series.map(each => each.values)] as uPlot.AlignedData, element);
    const observer = new ResizeObserver(() => plot.setSize({width: element.clientWidth, height: 320}));
    observer.observe(element);
    return () => { observer.disconnect(); plot.destroy(); };
  }, [x, labels, series, bars, theme.value, language.value]);
  return <div ref={box} class="rows-chart" role="img" aria-label={series.map(each => each.label).join(', ')} />;
}
