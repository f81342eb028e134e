import type { ApiKeyUsage } from '../../../../shared/apiKeyUsage.ts';
import { type CallCounts, OUTCOMES, USAGE_DAYS } from '../../../../shared/callOutcomes.ts';
import { DAY } from './keys.ts';
import { OUTCOME_WORDS, sumOf, utcDay, written } from './outcomes.ts';
import classes from './UsageChart.module.css';

type Day = ApiKeyUsage['keys'][number]['days'][number];

/** Units of the picture: each day has 10 by 120. A count that is not 0 has 3 or more in height. */
const WIDTH = 10;
const HEIGHT = 120;
const LEAST = 3;

interface UsageChartProps {
  /** The first day. */
  from: string;
  /** The days with calls. */
  days: Day[];
}

/** The calls of a key as a bar for each day, from `from` on. The page has the same counts as a table. */
export function UsageChart({ from, days }: UsageChartProps) {
  const most = Math.max(...days.map(sumOf));
  return (
    <svg
      className={classes.chart}
      viewBox={`0 0 ${USAGE_DAYS * WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`Calls a day; at most ${written(most)} on a day`}
    >
      {days.map((day) => (
        <g key={day.date} className={classes.bar} transform={`translate(${daysBetween(from, day.date) * WIDTH} 0)`}>
          <title>{describeDay(day)}</title>
          <rect width={WIDTH} height={HEIGHT} fill="transparent" />
          {segmentsOf(day, most).map(({ outcome, y, height }) => (
            <rect
              key={outcome}
              className={classes[outcome]}
              fill="currentColor"
              x={1}
              width={WIDTH - 2}
              y={y}
              height={height}
            />
          ))}
        </g>
      ))}
    </svg>
  );
}

const daysBetween = (from: string, to: string) => Math.round((Date.parse(to) - Date.parse(from)) / DAY);

/** The parts of a bar, from the bottom up. A bar that would be too high by its least heights is pressed together. */
function segmentsOf(counts: CallCounts, most: number) {
  const parts = OUTCOMES.filter((outcome) => counts[outcome] > 0).map((outcome) => ({
    outcome,
    height: Math.max((counts[outcome] / most) * HEIGHT, LEAST),
  }));
  const scale = Math.min(1, HEIGHT / parts.reduce((sum, { height }) => sum + height, 0));
  let y = HEIGHT;
  return parts.map(({ outcome, height }) => {
    y -= height * scale;
    return { outcome, y, height: height * scale };
  });
}

/** `Nov 24, 2026: 12 answered, 1 failed`. */
const describeDay = (day: Day) =>
  `${utcDay(day.date)}: ${OUTCOMES.filter((outcome) => day[outcome] > 0)
    .map((outcome) => `${written(day[outcome])} ${OUTCOME_WORDS[outcome].label.toLowerCase()}`)
    .join(', ')}`;
