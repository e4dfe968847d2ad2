/**
 * Selects values of a metric. `from` is the start of the first period; times in ms, the period in seconds.
 */
export interface MetricRead {
  /** `keyOf` the metric. */
  readonly key: string;
  /** Undefined: any unit. */
  readonly unit: string | undefined;
  readonly from: number;
  readonly until: number;
  readonly period: number;
  readonly statistics: readonly string[];
  /** Whether each unit has values of its own, or all units are aggregated. */
  readonly perUnit: boolean;
}

/** The periods that have data, in order; an unknown value is NaN. */
export interface MetricValues {
  readonly unit: string | undefined;
  readonly timestamps: Float64Array<ArrayBuffer>;
  /** One array per requested statistic. */
  readonly values: readonly Float64Array<ArrayBuffer>[];
}

/**
 * The values of several reads as they are sent between threads: one transferable array, instead of two for
 * each read.
 */
export interface PackedValues {
  /** For each read its units: the unit, the number of periods and of statistics. */
  readonly units: readonly (readonly (readonly [string | undefined, number, number])[])[];
  readonly numbers: Float64Array<ArrayBuffer>;
}

export function packValues(reads: readonly (readonly MetricValues[])[]): PackedValues {
  const columns = reads.flat().flatMap(({ timestamps, values }) => [timestamps, ...values]);
  const numbers = new Float64Array(columns.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const column of columns) {
    numbers.set(column, at);
    at += column.length;
  }
  const units = reads.map((read) =>
    read.map(({ unit, timestamps, values }) => [unit, timestamps.length, values.length] as const),
  );
  return { units, numbers };
}

/** The counterpart of `packValues`; the arrays are views of the one that was sent. */
export function unpackValues({ units, numbers }: PackedValues): readonly (readonly MetricValues[])[] {
  let at = 0;
  const next = (length: number): Float64Array<ArrayBuffer> => numbers.subarray(at, (at += length));
  return units.map((read) =>
    read.map(([unit, length, statistics]) => ({
      unit,
      timestamps: next(length),
      values: Array.from({ length: statistics }, () => next(length)),
    })),
  );
}
