/**
 * Regular expressions that users bring. Go's are RE2: they need time in proportion to their input, whatever they are,
 * and refuse what JavaScript's would take.
 */
import { createRequire } from 'node:module'

export interface Pattern {
  /** Whether it matches anywhere in `text`. */
  test(text: string): boolean
  /** What it matches, from left to right, as Go finds it: nothing is matched right behind a match. */
  findAll(text: string, limit: number): string[]
}

type Engine = typeof import('re2js')

let engine: Engine | undefined
/** Loaded with the first pattern: most clusters have none, and no server waits for it at its start. */
function loadEngine(): Engine {
  engine ??= createRequire(import.meta.url)('re2js') as Engine
  return engine
}

const MAX_KEPT = 1_000
const kept = new Map<string, Pattern>()

/** Whether it need not be compiled any more. */
export const isCompiled = (source: string): boolean => kept.has(source)

/** @throws Error in the words of Go's regexp package */
export function compilePattern(source: string): Pattern {
  return kept.get(source) ?? compileWith(loadEngine(), source)
}

function compileWith({ RE2JS }: Engine, source: string): Pattern {
  const compiled = RE2JS.compile(source)
  const pattern: Pattern = {
    test: (text) => compiled.matcher(text).find(),
    findAll(text, limit) {
      const found: string[] = []
      const matcher = compiled.matcher(text)
      for (let last = -1; found.length < limit && matcher.find(); last = matcher.end())
        if (matcher.start() !== matcher.end() || matcher.start() !== last)
          found.push(matcher.group() ?? '')
      return found
    },
  }
  if (kept.size >= MAX_KEPT) kept.clear()
  kept.set(source, pattern)
  return pattern
}

/** Why the pattern is none, in the words of Go's regexp package; undefined where it is one. */
export function whyNoPattern(source: string): string | undefined {
  if (kept.has(source)) return undefined
  const known = loadEngine() // a package that is missing makes no pattern wrong
  try {
    compileWith(known, source)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
