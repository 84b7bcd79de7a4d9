/** Costs and sizes that lie between two numbers, as 64 bits hold them: they end at the greatest. Source: cel-go checker/cost.go. */

export interface Range {
  readonly min: number
  readonly max: number
}

export const GREATEST = 2 ** 64

const bounded = (value: number) => Math.min(value, GREATEST)

export const exactly = (value: number): Range => ({ min: value, max: value })
export const ZERO = exactly(0)
export const UNKNOWN: Range = { min: 0, max: GREATEST }

export const add = (a: Range, b: Range): Range => ({
  min: bounded(a.min + b.min),
  max: bounded(a.max + b.max),
})

export const multiply = (a: Range, b: Range): Range => ({
  min: bounded(a.min * b.min),
  max: bounded(a.max * b.max),
})

/** By a fraction, rounded up. */
export const scale = (a: Range, factor: number): Range => ({
  min: bounded(Math.ceil(a.min * factor)),
  max: bounded(Math.ceil(a.max * factor)),
})

export const union = (a: Range, b: Range): Range => ({
  min: Math.min(a.min, b.min),
  max: Math.max(a.max, b.max),
})

export const sum = (ranges: readonly Range[]): Range => ranges.reduce(add, ZERO)
