/** What probes and lifecycle hooks do. Source: core/validation v1.36, validateHandler. */
import type { Lifecycle, LifecycleHandler, Probe } from '../core.ts'
import { type FieldError, forbidden, invalid, notSupported, required } from '../field-error.ts'
import { checkName, isHTTPHeaderName, isPortNumber } from '../validation/names.ts'
import { validatePortNumberOrName } from '../validation/ports.ts'

type Handler = Pick<Probe, 'exec' | 'httpGet' | 'tcpSocket' | 'grpc'> & LifecycleHandler

const kinds = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'] as const

/** @param gracePeriod How many seconds a sleep may last. */
export function validateHandler(handler: Handler, at: string, gracePeriod: number): FieldError[] {
  const [used, ...others] = kinds.filter((kind) => handler[kind])
  if (!used) return [required(at, 'must specify a handler type')]
  return [
    ...validateKind(handler, used, `${at}.${used}`, gracePeriod),
    ...others.map((kind) => forbidden(`${at}.${kind}`, 'may not specify more than 1 handler type')),
  ]
}

function validateKind(
  handler: Handler,
  kind: (typeof kinds)[number],
  at: string,
  gracePeriod: number,
): FieldError[] {
  switch (kind) {
    case 'exec':
      return (handler.exec?.command ?? []).length > 0 ? [] : [required(`${at}.command`)]
    case 'tcpSocket':
      return validatePortNumberOrName(handler.tcpSocket?.port ?? 0, `${at}.port`)
    case 'grpc':
      return isPortNumber(handler.grpc?.port ?? 0).map((detail) =>
        invalid(`${at}.port`, handler.grpc?.port ?? 0, detail),
      )
    case 'httpGet':
      return validateHTTPGet(handler.httpGet!, at)
    case 'sleep': {
      const seconds = handler.sleep?.seconds ?? 0
      const detail = `must be non-negative and less than terminationGracePeriodSeconds (${gracePeriod})`
      return seconds >= 0 && seconds <= gracePeriod ? [] : [invalid(at, seconds, detail)]
    }
  }
}

function validateHTTPGet(http: NonNullable<Probe['httpGet']>, at: string): FieldError[] {
  const schemes = ['HTTP', 'HTTPS']
  return [
    ...(http.path ? [] : [required(`${at}.path`)]),
    ...validatePortNumberOrName(http.port ?? 0, `${at}.port`),
    ...(schemes.includes(http.scheme ?? '')
      ? []
      : [notSupported(`${at}.scheme`, http.scheme ?? '', schemes)]),
    ...(http.httpHeaders ?? []).flatMap(({ name = '' }) =>
      checkName(isHTTPHeaderName, name, `${at}.httpHeaders`),
    ),
  ]
}

export interface LifecycleRules {
  readonly gracePeriod: number
  /** spec.os.name */
  readonly os: string | undefined
}

export function validateLifecycle(
  { postStart, preStop, stopSignal }: Lifecycle,
  at: string,
  { gracePeriod, os }: LifecycleRules,
): FieldError[] {
  return [
    ...(postStart ? validateHandler(postStart, `${at}.postStart`, gracePeriod) : []),
    ...(preStop ? validateHandler(preStop, `${at}.preStop`, gracePeriod) : []),
    ...(stopSignal === undefined ? [] : checkSignal(stopSignal, `${at}.stopSignal`, os)),
  ]
}

const windowsSignals = ['SIGKILL', 'SIGTERM']

function checkSignal(signal: string, field: string, os: string | undefined): FieldError[] {
  if (os === undefined) {
    return [forbidden(field, 'may not be set for containers with empty `spec.os.name`')]
  }
  if (os === 'windows' && !windowsSignals.includes(signal)) {
    return [notSupported(field, signal, windowsSignals)]
  }
  return os === 'linux' && !linuxSignals.includes(signal)
    ? [notSupported(field, signal, linuxSignals)]
    : []
}

const between = (name: string, from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `${name}${from + i}`)

/** Sorted, as upstream lists them. Source: core/v1 types.go, Signal. */
const linuxSignals = [
  ...['SIGABRT', 'SIGALRM', 'SIGBUS', 'SIGCHLD', 'SIGCLD', 'SIGCONT', 'SIGFPE', 'SIGHUP'],
  ...['SIGILL', 'SIGINT', 'SIGIO', 'SIGIOT', 'SIGKILL', 'SIGPIPE', 'SIGPOLL', 'SIGPROF'],
  ...['SIGPWR', 'SIGQUIT', 'SIGSEGV', 'SIGSTKFLT', 'SIGSTOP', 'SIGSYS', 'SIGTERM', 'SIGTRAP'],
  ...['SIGTSTP', 'SIGTTIN', 'SIGTTOU', 'SIGURG', 'SIGUSR1', 'SIGUSR2', 'SIGVTALRM', 'SIGWINCH'],
  ...['SIGXCPU', 'SIGXFSZ', 'SIGRTMIN', 'SIGRTMAX'],
  ...between('SIGRTMIN+', 1, 15),
  ...between('SIGRTMAX-', 1, 14),
].sort()
