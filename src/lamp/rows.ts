// The rows of a LaMP table: a condition each, on the backbone as it is or after LoRA-SFT.
import { CONDITION_LABELS, type Condition } from './conditions.ts'

/** One line of the table. */
export interface LampRow {
  /** `bump`, or `bump+sft` after LoRA-SFT. */
  key: string
  label: string
  condition: Condition
  /** Folder of the adapter, for a row after LoRA-SFT. */
  adapter?: string
}

export interface AnsweredRow extends LampRow {
  /** [question] as the backbone gave them. */
  predictions: string[]
  /** Identity of the backbone that answered. */
  model: string
}

export interface AnsweredRows {
  rows: AnsweredRow[]
  /** Name of the backbone. */
  backbone: string
  /** Items that a prompt with items showed, at most. */
  items: number
  /** Tokens of a prompt, at most. */
  budget: number
  /** 'choice': the likeliest label; 'greedy': free text. */
  decoding: 'choice' | 'greedy'
}

/** Rows of `conditions`, then those after LoRA-SFT, in the order given. */
export function lampRows(
  conditions: readonly Condition[],
  adapted: readonly { condition: Condition; adapter: string }[],
): LampRow[] {
  return [
    ...conditions.map((condition) => ({ key: condition, label: CONDITION_LABELS[condition], condition })),
    ...adapted.map(({ condition, adapter }) => ({
      key: `${condition}+sft`,
      label: `${CONDITION_LABELS[condition]}, after SFT`,
      condition,
      adapter,
    })),
  ]
}
