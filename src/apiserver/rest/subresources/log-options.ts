import { type FieldError, forbidden, invalid, notSupported } from '#api/field-error.ts'
import { badRequest, invalid as invalidStatus } from '#api/status.ts'
import { flag } from './query-flag.ts'

const STREAMS = ['All', 'Stderr', 'Stdout']

/**
 * PodLogOptions of a query as the agent's parameters; `container` is part of the path there.
 * Source: core/validation v1.36, ValidatePodLogOptions(). @throws StatusError 400, 422
 */
export function logParameters(query: URLSearchParams, podName: string): URLSearchParams {
  const numbers = new Map(
    (['sinceSeconds', 'tailLines', 'limitBytes'] as const).map((name) => [
      name,
      integer(query, name),
    ]),
  )
  const sinceTime = time(query)
  const stream = query.get('stream') ?? 'All'
  const errors = validate({ ...Object.fromEntries(numbers), sinceTime, stream })
  if (errors.length > 0) throw invalidStatus({ group: '', kind: 'PodLogOptions' }, podName, errors)
  const parameters = new URLSearchParams()
  for (const name of ['follow', 'previous', 'timestamps'])
    if (flag(query, name)) parameters.set(name, 'true')
  for (const [name, value] of numbers) if (value !== undefined) parameters.set(name, String(value))
  if (sinceTime !== undefined) parameters.set('sinceTime', sinceTime)
  if (stream !== 'All') parameters.set('stream', stream)
  return parameters
}

interface LogOptions {
  readonly sinceSeconds?: number | undefined
  readonly tailLines?: number | undefined
  readonly limitBytes?: number | undefined
  readonly sinceTime?: string | undefined
  readonly stream: string
}

function validate(options: LogOptions): FieldError[] {
  const { sinceSeconds, tailLines, limitBytes, sinceTime, stream } = options
  const positive = 'must be greater than 0'
  return [
    ...(tailLines !== undefined && tailLines < 0
      ? [invalid('tailLines', tailLines, 'must be greater than or equal to 0')]
      : []),
    ...(limitBytes !== undefined && limitBytes < 1
      ? [invalid('limitBytes', limitBytes, positive)]
      : []),
    ...(sinceSeconds !== undefined && sinceTime !== undefined
      ? [forbidden('', 'at most one of `sinceTime` or `sinceSeconds` may be specified')]
      : sinceSeconds !== undefined && sinceSeconds < 1
        ? [invalid('sinceSeconds', sinceSeconds, positive)]
        : []),
    ...(STREAMS.includes(stream) ? [] : [notSupported('stream', stream, STREAMS)]),
    ...(stream !== 'All' && tailLines !== undefined
      ? [forbidden('', '`tailLines` and specific `stream` are mutually exclusive for now')]
      : []),
  ]
}

/** As strconv.ParseInt() refuses it. */
function integer(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null || text === '') return undefined
  if (/^[-+]?\d{1,15}$/.test(text)) return Number(text)
  throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
}

function time(query: URLSearchParams): string | undefined {
  const text = query.get('sinceTime')
  if (text === null || text === '') return undefined
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/.test(text) || Number.isNaN(Date.parse(text)))
    throw badRequest(
      `parsing time ${JSON.stringify(text)} as "2006-01-02T15:04:05Z07:00": cannot parse`,
    )
  return text
}
