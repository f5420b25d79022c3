// Sliding windows: layers of some families attend to the last positions only. Keys stand in the order of their positions
// (slot p of a prefix is position p), so a mask follows from the masks that the graphs have anyway.

import type { Graph, Value } from '../graph/graph.ts'
import type { ModelConfig } from './config.ts'

/** Added to the scores of what may not be attended to. */
export const MASKED = -1e9

export const isSliding = (c: ModelConfig, layer: number): boolean => c.layerTypes?.[layer] === 'sliding'

/** The masks of a model's sliding layers; undefined where it has none. */
export function slidingMasks<T>(c: ModelConfig, make: (window: number) => T): T | undefined {
  return c.window !== undefined && c.layerTypes?.includes('sliding') ? make(c.window) : undefined
}

/** 0, 1, … below `length` [1], as a vector. */
export function upTo(g: Graph, length: Value): Value {
  return g.op('Range', [g.ints(0), g.op('Squeeze', [length]), g.ints(1)])
}

/** How many slots of the last axis an additive mask leaves open, kept as an axis of 1. */
export function maskedLength(g: Graph, mask: Value): Value {
  const open = g.op('Cast', [g.op('GreaterOrEqual', [mask, g.scalar(0)])], { to: 7 })
  return g.op('ReduceSum', [open, g.ints([-1])], { keepdims: 1 })
}

/** The additive mask, and MASKED where `distance` (from a key back to it) is not below the window. */
export function withinWindow(g: Graph, mask: Value, distance: Value, window: number): Value {
  return g.op('Where', [g.op('Less', [distance, g.ints(window)]), mask, g.scalar(MASKED)])
}
