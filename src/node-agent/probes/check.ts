import { connect } from 'node:net'
import type { Container, Probe } from '#api/core.ts'
import type { ExecResult } from '../runtimes/runtime.ts'
import type { ProbeOutcome } from './probe-state.ts'

export interface ProbeTarget {
  readonly container: Container
  readonly podIP: string
  exec(command: readonly string[], timeoutMs: number): Promise<ExecResult>
}

/** Looks once. HTTP and TCP go from this process, in the node's network, to the pod's address. Never rejects. */
export async function checkProbe(
  probe: Probe,
  target: ProbeTarget,
  timeoutMs: number,
): Promise<ProbeOutcome> {
  try {
    if (probe.exec) return await checkExec(probe.exec.command ?? [], target, timeoutMs)
    if (probe.httpGet) return await checkHTTP(probe.httpGet, target, timeoutMs)
    if (probe.tcpSocket) return await checkTCP(probe.tcpSocket, target, timeoutMs)
    return failure('missing probe handler')
  } catch (error) {
    return failure(error instanceof Error ? error.message : String(error))
  }
}

async function checkExec(
  command: readonly string[],
  target: ProbeTarget,
  timeoutMs: number,
): Promise<ProbeOutcome> {
  const { exitCode, output, timedOut } = await target.exec(command, timeoutMs)
  if (timedOut)
    return failure(
      `command timed out: ${JSON.stringify(command.join(' '))} timed out after ${timeoutMs / 1000}s`,
    )
  return exitCode === 0 ? { kind: 'success' } : failure(output)
}

function checkTCP(
  { port, host }: NonNullable<Probe['tcpSocket']>,
  target: ProbeTarget,
  timeoutMs: number,
): Promise<ProbeOutcome> {
  const address = { host: host || target.podIP, port: portNumber(port, target.container) }
  const { promise, resolve } = Promise.withResolvers<ProbeOutcome>()
  const socket = connect(address)
  const timer = setTimeout(
    () => resolve(failure(`dial tcp ${joinHostPort(address)}: i/o timeout`)),
    timeoutMs,
  )
  socket.once('connect', () => resolve({ kind: 'success' }))
  socket.once('error', (error) => resolve(failure(dialError(address, error))))
  return promise.finally(() => {
    clearTimeout(timer)
    socket.destroy()
  })
}

const MAX_BODY = 10 * 1024
const MAX_REDIRECTS = 10

async function checkHTTP(
  { path, port, host, scheme, httpHeaders }: NonNullable<Probe['httpGet']>,
  target: ProbeTarget,
  timeoutMs: number,
): Promise<ProbeOutcome> {
  const secure = scheme === 'HTTPS'
  const address = { host: host || target.podIP, port: portNumber(port, target.container) }
  const given = (httpHeaders ?? []).map(({ name, value }) => [name.toLowerCase(), value] as const)
  const headers = { 'user-agent': 'kube-probe/1.36', accept: '*/*', ...Object.fromEntries(given) }
  const origin = `${secure ? 'https' : 'http'}://${joinHostPort(address)}`
  let url = new URL(`${(path ?? '/').startsWith('/') ? '' : '/'}${path ?? '/'}`, origin)
  const signal = AbortSignal.timeout(timeoutMs)
  for (let redirects = 0; ; redirects++) {
    const answer = await get(url, headers, signal)
    if (answer.kind === 'error') return failure(httpError(url, address, answer.error, signal))
    const { status, location } = answer
    if (status < 200 || status >= 400)
      return failure(`HTTP probe failed with statuscode: ${status}`)
    const next = location === undefined ? undefined : new URL(location, url)
    // As the kubelet: a redirect to another host is as good as an answer.
    if (status < 300 || !next || next.hostname !== url.hostname) return { kind: 'success' }
    if (redirects >= MAX_REDIRECTS)
      return failure(`Get "${next}": stopped after ${MAX_REDIRECTS} redirects`)
    url = next
  }
}

type Answer =
  | { readonly kind: 'answer'; readonly status: number; readonly location: string | undefined }
  | { readonly kind: 'error'; readonly error: Error }

async function get(
  url: URL,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Answer> {
  const { request } =
    url.protocol === 'https:' ? await import('node:https') : await import('node:http')
  const { promise, resolve } = Promise.withResolvers<Answer>()
  const sent = request(
    url,
    // No certificate is checked, as the kubelet does not: it asks whether the program answers.
    { headers, signal, agent: false, rejectUnauthorized: false },
    (response) => {
      const { statusCode: status = 0 } = response
      let length = 0
      const done = () => {
        resolve({ kind: 'answer', status, location: response.headers.location })
        response.destroy()
      }
      response.on('data', (data: Buffer) => {
        length += data.length
        if (length > MAX_BODY) done()
      })
      response.once('end', done)
    },
  )
  sent.once('error', (error) => resolve({ kind: 'error', error }))
  sent.end()
  return promise
}

interface Address {
  readonly host: string
  readonly port: number
}

function portNumber(port: number | string, container: Container): number {
  const found =
    typeof port === 'number'
      ? port
      : (container.ports?.find(({ name }) => name === port)?.containerPort ?? Number(port))
  if (!Number.isInteger(found) || found < 1 || found > 65535) {
    throw new RangeError(`couldn't find port: ${JSON.stringify(port)}`)
  }
  return found
}

function failure(output: string): ProbeOutcome {
  return { kind: 'failure', output }
}

function joinHostPort({ host, port }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

// People search for these texts: they are Go's.
const GO_ERRORS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'connect: connection timed out',
}

function dialError(address: Address, error: Error): string {
  const { code = '' } = error as NodeJS.ErrnoException
  return `dial tcp ${joinHostPort(address)}: ${GO_ERRORS[code] ?? error.message}`
}

function httpError(url: URL, address: Address, error: Error, signal: AbortSignal): string {
  const { code = '' } = error as NodeJS.ErrnoException
  if (signal.aborted)
    return `Get "${url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`
  if (code === 'ECONNRESET') return `Get "${url}": EOF`
  return `Get "${url}": ${code in GO_ERRORS ? dialError(address, error) : error.message}`
}
