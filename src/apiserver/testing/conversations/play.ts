import type { Conversation, Step } from './conversation.ts'
import { normalizer } from './normalize.ts'

export interface Transport {
  request(
    method: string,
    path: string,
    options: { readonly body?: unknown; readonly headers: Readonly<Record<string, string>> },
  ): Promise<{
    readonly code: number
    readonly headers: Readonly<Record<string, string | string[] | undefined>>
    readonly text: string
  }>
  watch(path: string, headers: Readonly<Record<string, string>>): AsyncGenerator<unknown>
}

export interface Played {
  readonly request: string
  readonly code?: number
  readonly type?: string
  readonly warning?: string | readonly string[]
  readonly allow?: string
  readonly body?: unknown
  readonly events?: readonly unknown[]
}

const HEADERS = { 'user-agent': 'conversation/1.0' }

/** Plays a conversation in a namespace of its name, which it makes; what differs from run to run is made equal. */
export async function play(
  name: string,
  conversation: Conversation,
  transport: Transport,
): Promise<Played[]> {
  const namespace = { metadata: { name } }
  await transport.request('POST', '/api/v1/namespaces', { body: namespace, headers: HEADERS })
  const normalize = normalizer()
  const answers: unknown[] = []
  const played: Played[] = []
  const say = (request: string) =>
    request
      .replace(/(?<=continue=)[-\w]{30,}/, 'TOKEN')
      .replace(/(?<=resourceVersion=)[1-9]\d{0,7}(?=&|$)/, 'REVISION')
  for (const step of conversation) {
    const { request, body, headers } = fillIn(step, name, answers)
    if (request.startsWith('WATCH ')) {
      const { count } = step as { readonly count: number }
      const events = await Promise.race([
        take(transport.watch(request.slice(6), headers), count),
        noAnswer(`Cannot play ${request}: not enough events come`),
      ])
      answers.push(undefined)
      played.push({ request: say(request), events: events.map(normalize) })
      continue
    }
    const [method, path] = request.split(' ') as [string, string]
    const answer = await Promise.race([
      transport.request(method, path, { body, headers }),
      noAnswer(`Cannot play ${request}: no answer comes`),
    ])
    const type = String(answer.headers['content-type'] ?? '')
    const { warning, allow } = answer.headers
    const isBinary = type.endsWith('protobuf')
    const content = isBinary
      ? 'BYTES'
      : type === 'application/json'
        ? parse(answer.text)
        : answer.text
    answers.push(content)
    played.push({
      request: say(request),
      code: answer.code,
      type,
      ...(warning === undefined ? {} : { warning }),
      ...(allow === undefined ? {} : { allow: String(allow) }),
      body: normalize(content),
    })
  }
  return played
}

const DEADLINE_MS = 15_000

function noAnswer(why: string): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>()
  setTimeout(() => reject(new Error(why)), DEADLINE_MS).unref()
  return promise
}

function fillIn(step: Step, namespace: string, answers: readonly unknown[]) {
  const [request, body, more = {}] =
    typeof step === 'string'
      ? [step]
      : 'watch' in step
        ? [`WATCH ${step.watch}`, undefined, step.headers]
        : step
  const fill = (text: string) =>
    text
      .replaceAll('%7Bns%7D', '{ns}')
      .replaceAll('%7Brv', '{rv')
      .replaceAll(/(\{rv\d+)%7D/g, '$1}')
      .replaceAll('{ns}', namespace)
      .replaceAll(/\{(rv|uid|continue)(\d+)\}/g, (_, what: string, step: string) => {
        const { metadata } = answers[Number(step) - 1] as { metadata: Record<string, string> }
        return String(metadata[what === 'rv' ? 'resourceVersion' : what])
      })
  return {
    request: fill(request as string),
    body:
      body === undefined
        ? undefined
        : typeof body === 'string'
          ? fill(body)
          : JSON.parse(fill(JSON.stringify(body))),
    headers: { ...HEADERS, ...(more as Record<string, string>) },
  }
}

async function take(events: AsyncGenerator<unknown>, count: number): Promise<unknown[]> {
  const taken: unknown[] = []
  for await (const event of events) {
    taken.push(event)
    if (taken.length === count) break
  }
  return taken
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
