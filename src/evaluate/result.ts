// What every evaluation writes as result.json and the report draws: conditions side by side, each metric with its
// bootstrap 95% interval, and paired differences between conditions.
import { z } from 'zod'

const intervalSchema = z.object({ mean: z.number(), low: z.number(), high: z.number() })

const metricSchema = z.object({
  /** Key in `values`. */
  key: z.string(),
  /** As shown: 'NDCG forward', 'ROUGE-L', 'MAE'. */
  label: z.string(),
  higherIsBetter: z.boolean(),
  /** What guessing scores, where that is known. */
  chance: z.number().nullable(),
})

const rowSchema = z.object({
  /** Key of the condition, unique in a table. */
  condition: z.string(),
  /** As shown: 'BUMP profile', 'raw history'. */
  label: z.string(),
  n: z.number(),
  values: z.record(z.string(), intervalSchema),
})

const differenceSchema = z.object({
  /** Keys of conditions: `a` minus `b`, paired by user or question. */
  a: z.string(),
  b: z.string(),
  values: z.record(z.string(), intervalSchema),
})

/**
 * How the conditions of a table belong together, where a list of them does not show it. Conditions are named by their
 * keys, differences by `a` and `b`.
 */
const layoutSchema = z.discriminatedUnion('type', [
  /** Lines over the levels of something, drawn as a chart. */
  z.object({
    type: z.literal('lines'),
    /** What the levels are of. */
    axis: z.string(),
    levels: z.array(z.string()),
    /** [level] */
    lines: z.array(z.object({ label: z.string(), conditions: z.array(z.string()) })),
    differences: z.array(z.object({ label: z.string(), pairs: z.array(z.object({ a: z.string(), b: z.string() })) })),
  }),
  /** Differences as a grid, drawn as a heat map. */
  z.object({
    type: z.literal('grid'),
    rowsTitle: z.string(),
    columnsTitle: z.string(),
    columns: z.array(z.string()),
    /** [column]; `marked`: not like the others in its row, as `markedMeans` says. */
    rows: z.array(
      z.object({
        label: z.string(),
        cells: z.array(z.object({ a: z.string(), b: z.string(), marked: z.boolean() })),
      }),
    ),
    markedMeans: z.string(),
    /** Conditions to compare with, [column]. */
    references: z.array(z.object({ label: z.string(), conditions: z.array(z.string()) })),
  }),
])

const plotSchema = z.object({
  title: z.string(),
  /** What is shown and how to read it. */
  caption: z.string(),
  /** Titles of the axes, with their units. */
  x: z.string(),
  y: z.string(),
  /** Points by ascending x; `reference`: a line to compare with, such as chance. */
  lines: z
    .array(
      z.object({
        label: z.string(),
        points: z.array(z.tuple([z.number(), z.number()])).min(1),
        reference: z.boolean().optional(),
      }),
    )
    .min(1),
})

export const resultTableSchema = z.object({
  /** 'LaMP-5: paper titles', 'K = 32'. */
  title: z.string(),
  /** What must be known to read the numbers; shown under the table. */
  notes: z.array(z.string()),
  metrics: z.array(metricSchema),
  rows: z.array(rowSchema),
  differences: z.array(differenceSchema),
  layout: layoutSchema.optional(),
  /** Drawn with the table. */
  plots: z.array(plotSchema).optional(),
})

export const evaluationResultSchema = z.object({
  kind: z.enum([
    'profiles',
    'incremental',
    'robustness',
    'transfer',
    'population',
    'privacy',
    'claims',
    'lamp',
    'ablation',
    'sft',
  ]),
  /** ISO time. */
  createdAt: z.string(),
  /** The command line that made it, as the user would type it. */
  command: z.string(),
  seconds: z.number(),
  tables: z.array(resultTableSchema),
  /** Everything that decided the numbers: models with digests, seeds, sizes. */
  settings: z.record(z.string(), z.unknown()),
})

export type ResultMetric = z.infer<typeof metricSchema>
export type ResultRow = z.infer<typeof rowSchema>
export type ResultDifference = z.infer<typeof differenceSchema>
export type ResultLayout = z.infer<typeof layoutSchema>
export type ResultPlot = z.infer<typeof plotSchema>
export type ResultTable = z.infer<typeof resultTableSchema>
export type EvaluationResult = z.infer<typeof evaluationResultSchema>
