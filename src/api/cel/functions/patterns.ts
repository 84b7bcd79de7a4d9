/** Regular expressions. Source: cel-go common/stdlib/standard.go (matches), apiserver pkg/cel/library/regex.go. */
import { compilePattern, isCompiled, type Pattern } from '../../custom-resource/pattern.ts'
import { type Functions, member, overload } from '../functions.ts'
import { spend } from '../meter.ts'
import { BOOL, INT, listOf, STRING } from '../types.ts'
import { Failure, fail, strings, type Value } from '../values.ts'

/** RE2 needs time for each character in each state; ours needs more of it. */
const WORK_PER_STATE = 1 / 8
/** A rule may make a pattern of each item of a list. */
const WORK_PER_PATTERN = 500
const MAX_LENGTH = 100_000

function compile(source: string, before = ''): Pattern | Failure {
  if (source.length > MAX_LENGTH) return fail(`${before}error parsing regexp: expression too large`)
  try {
    if (!isCompiled(source)) spend(WORK_PER_PATTERN + source.length * 8)
    return compilePattern(source)
  } catch (error) {
    if (!(error instanceof Error) || error.name === 'LimitExceeded') throw error
    return fail(`${before}${error.message}`)
  }
}

const work = (text: string, source: string) =>
  spend((text.length + 1) * (source.length + 8) * WORK_PER_STATE)

function matches(text: string, source: string): Value {
  const pattern = compile(source)
  if (pattern instanceof Failure) return pattern
  work(text, source)
  return pattern.test(text)
}

const ILLEGAL = 'Illegal regex: '

function findAll(text: string, source: string, count = -1n): Value {
  const pattern = compile(source, ILLEGAL)
  if (pattern instanceof Failure) return pattern
  work(text, source)
  const limit = count < 0n ? Number.POSITIVE_INFINITY : Number(count)
  return strings(pattern.findAll(text, limit))
}

function find(text: string, source: string): Value {
  const pattern = compile(source, ILLEGAL)
  if (pattern instanceof Failure) return pattern
  work(text, source)
  return pattern.findAll(text, 1)[0] ?? ''
}

const TEXTS = [STRING, STRING] as const

export const patternFunctions: Functions = {
  matches: [
    overload('matches', TEXTS, BOOL, matches),
    member('matches_string', TEXTS, BOOL, matches),
  ],
  find: [member('string_find_string', TEXTS, STRING, find)],
  findAll: [
    member('string_find_all_string', TEXTS, listOf(STRING), (text, source) =>
      findAll(text, source),
    ),
    member('string_find_all_string_int', [STRING, STRING, INT], listOf(STRING), findAll),
  ],
}
