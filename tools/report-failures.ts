import { relative, resolve } from 'node:path'
import type { TestEvent } from 'node:test/reporters'
import { endHungFiles } from './end-hung-files.ts'

/** A test that failed, for the summary at the end of `npm test`. */
export interface Failure {
  /** `src/x.test.ts:12`, from the folder that the tests run in. */
  readonly where: string
  /** Its suites' and its own, outermost first. */
  readonly names: readonly string[]
  readonly seconds: number
  /** What went wrong: the message with expected and actual, its causes, and where in the file. */
  readonly text: string
}

/** Of what a file printed, where the failure itself says nothing. */
const LAST_LINES = 20
/** The beginning and the end of a longer text. */
const FIRST = 17
const LAST = 11
const MAX_LINE = 400
/** Nothing, and calls inside Node. */
const NOISE = /^\s*$|^ +at .*\(node:/
/** Of all failures together: who reads them has the last two hundred lines. */
const MAX_SUMMARY_LINES = 150

/** A reporter of `node --test`: one {@link Failure} a line, as JSON. It also ends files that hang. */
export default async function* reportFailures(
  events: AsyncIterable<TestEvent>,
): AsyncGenerator<string> {
  const started = new Map<string, { readonly name: string; readonly parent: string }>()
  const printed = new Map<string, string[]>()
  using hung = endHungFiles()
  for await (const event of events) {
    hung.see(event)
    const { type, data } = event
    if (type === 'test:start') {
      const { name, testId, parentId } = data as Started
      started.set(keyOf(data, testId), { name, parent: keyOf(data, parentId) })
    } else if (type === 'test:stdout' || type === 'test:stderr') {
      const lines = printed.get(fileOf(data)) ?? []
      lines.push(...data.message.split('\n').filter((line) => !NOISE.test(line)))
      printed.set(fileOf(data), lines.slice(-LAST_LINES))
    } else if (type === 'test:fail') {
      const error = data.details.error as TestError
      // A suite fails with its tests, and tests with the hook before them: those are told.
      if (['subtestsFailed', 'cancelledByParent'].includes(error.failureType ?? '')) continue
      const names: string[] = []
      let key = keyOf(data, (data as Started).testId)
      for (let it = started.get(key); it; it = started.get(key)) {
        names.unshift(it.name)
        key = it.parent
      }
      const failure: Failure = {
        where: `${fileOf(data)}:${data.line ?? 1}`,
        names: names.length > 0 ? names : [data.name],
        seconds: data.details.duration_ms / 1000,
        text: describe(error, printed.get(fileOf(data)) ?? []),
      }
      yield `${JSON.stringify(failure)}\n`
    }
  }
}

/** What {@link reportFailures} wrote. */
export function parseFailures(text: string): readonly Failure[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Failure)
}

/** At most 30 lines a failure; those that there is no room for are named. */
export function summarizeFailures(failures: readonly Failure[]): string {
  const lines: string[] = []
  for (const { where, names, seconds, text } of failures) {
    const body = text.split('\n').map((line) => line.slice(0, MAX_LINE))
    const left = body.length - FIRST - LAST
    const cut =
      left > 0 ? [...body.slice(0, FIRST), `… ${left} lines …`, ...body.slice(-LAST)] : body
    lines.push(`✘ ${where} · ${names.join(' > ')} (${seconds.toFixed(1)} s)`)
    if (lines.length + cut.length <= MAX_SUMMARY_LINES)
      lines.push(...cut.map((line) => `    ${line}`))
  }
  return lines.join('\n')
}

interface Started {
  readonly name: string
  readonly testId: number
  readonly parentId: number
}

interface TestError extends Error {
  readonly failureType?: string
  readonly exitCode?: number | null
  readonly signal?: string | null
}

interface Place {
  readonly file?: string | undefined
  readonly entryFile?: string | undefined
}

function fileOf({ file, entryFile }: Place): string {
  return relative('.', resolve(entryFile ?? file ?? '?'))
}

function keyOf(place: Place, id: number): string {
  return `${id} ${fileOf(place)}`
}

function describe(error: TestError, printed: readonly string[]): string {
  const { cause, exitCode, signal } = error
  if (cause instanceof Error) {
    const hook = error.failureType === 'hookFailed' ? [error.message] : []
    return [...hook, ...causesOf(cause), ...framesOf(cause)].join('\n')
  }
  // A file that ended by itself, a timeout, or something else than an Error was thrown.
  const ended = exitCode ?? signal
  const what = ended === undefined || ended === null ? '' : ` (the process ended with ${ended})`
  const output = printed.length > 0 ? ['its file printed:', ...printed] : []
  return [`${error.message}${what}`, ...output].join('\n')
}

/** Its message and those of its causes, outermost first. */
function causesOf(error: Error): readonly string[] {
  const causes: string[] = []
  for (let it: unknown = error; it instanceof Error && causes.length < 5; it = it.cause)
    causes.push(`${causes.length > 0 ? 'caused by ' : ''}${it.name}: ${it.message.trim()}`)
  return causes
}

/** The calls in files of ours, innermost first. */
function framesOf({ stack = '' }: Error): readonly string[] {
  const own = stack.split('\n').filter((line) => /^ +at .*file:\/\//.test(line))
  return own
    .filter((line) => !line.includes('/node_modules/'))
    .slice(0, 3)
    .map((line) => line.trim().replace(/file:\/\/([^)]*)/, (_, path) => relative('.', path)))
}
