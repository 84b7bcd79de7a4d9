import type { WholeAnswer } from './answer.ts'

/** One thing that must hold for the server to be well. Throws or rejects when it does not. */
export interface HealthCheck {
  readonly name: string
  readonly check: () => unknown
}

export interface HealthChecks {
  /** Asked by /healthz and /livez. */
  readonly live: readonly HealthCheck[]
  /** Asked by /readyz, besides those of `live`. */
  readonly ready: readonly HealthCheck[]
}

const PATIENCE_MS = 2_000

/**
 * Answers /healthz, /livez, /readyz, and one check of each (`/readyz/storage`); `?verbose` lists them, `?exclude=NAME` leaves one
 * out. Undefined for other paths. Why a check failed is for the log alone. Source: apiserver pkg/server/healthz/healthz.go.
 */
export async function answerHealth(
  path: string,
  query: URLSearchParams,
  { live, ready }: HealthChecks,
): Promise<WholeAnswer | undefined> {
  const [root, one, ...more] = path.slice(1).split('/')
  if (more.length > 0 || !(root === 'healthz' || root === 'livez' || root === 'readyz'))
    return undefined
  const checks = root === 'readyz' ? [...live, ...ready] : live
  const isVerbose = query.has('verbose')
  if (one !== undefined) {
    const found = checks.find(({ name }) => name === one)
    return found && report(root, [await lineOf(found)], isVerbose)
  }
  const excluded = new Set(query.getAll('exclude'))
  const lines = await Promise.all(
    checks.map((each) =>
      excluded.has(each.name)
        ? { holds: true, text: `[+]${each.name} excluded: ok\n` }
        : lineOf(each),
    ),
  )
  const unknown = [...excluded].filter((name) => !checks.some((each) => each.name === name))
  const warning = {
    holds: true,
    text: `warn: some health checks cannot be excluded: no matches for ${unknown.map((name) => JSON.stringify(name)).join(',')}\n`,
  }
  return report(root, unknown.length > 0 ? [...lines, warning] : lines, isVerbose)
}

interface Line {
  readonly holds: boolean
  readonly text: string
}

async function lineOf({ name, check }: HealthCheck): Promise<Line> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error('it took too long')), PATIENCE_MS)
  try {
    await Promise.race([check(), late.promise])
    return { holds: true, text: `[+]${name} ok\n` }
  } catch {
    return { holds: false, text: `[-]${name} failed: reason withheld\n` }
  } finally {
    clearTimeout(timer)
  }
}

function report(root: string, lines: readonly Line[], isVerbose: boolean): WholeAnswer {
  const holds = lines.every((line) => line.holds)
  const text = lines.map((line) => line.text).join('')
  return {
    code: holds ? 200 : 500,
    contentType: 'text/plain; charset=utf-8',
    headers: { 'cache-control': 'no-cache, private', 'x-content-type-options': 'nosniff' },
    body: holds && !isVerbose ? 'ok' : `${text}${root} check ${holds ? 'passed' : 'failed'}\n`,
  }
}
